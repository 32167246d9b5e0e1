// What pg_dump says of a database and of the one made from our dump must be the same: it knows the catalog from another
// angle, so what both readings of ours overlook, it does not. It refuses servers newer than itself; 15 is what Debian has.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { sql } from '../../src/sql/sql.ts'
import { useDatabase, versions } from '../support/postgres.ts'
import { createFixture, restoreCopy } from './dump-support.ts'

const pgDump = '/usr/lib/postgresql/15/bin/pg_dump'
const here = existsSync(pgDump) && versions.includes(15)
if (!here)
  console.log(`The oracle is not asked: there is no ${pgDump}, or 15 is left out (apt-get install postgresql-15)`)

describe.skipIf(!here)('pg_dump 15', () => {
  const database = useDatabase(15, (created) => createFixture(created.db, 15))

  it('sees no difference between a database and what is made of its dump', async () => {
    const { copy, restored } = await restoreCopy(database())
    try {
      expect(restored.skipped).toEqual([])
      const original = await askOracle(database().url)
      expect(original).toContain('CREATE TABLE app.users')
      expect(await askOracle(copy.url)).toBe(original)
    } finally {
      await copy.close()
    }
  })

  it('sees no difference in owners either, where they are asked for', async () => {
    await database().db.withSession(async (session) => {
      await session.query(sql`alter table app.users owner to pgstrata_dump_reader`)
      await session.query(sql`alter function app.touch() owner to pgstrata_dump_reader`)
    })
    const { copy, restored } = await restoreCopy(database(), { owners: true })
    try {
      expect(restored.skipped).toEqual([])
      expect(await askOracle(copy.url, [])).toBe(await askOracle(database().url, []))
    } finally {
      await copy.close()
    }
  })
})

async function askOracle(url: string, options: readonly string[] = ['--no-owner']): Promise<string> {
  const arguments_ = ['--schema-only', ...options, url]
  const { stdout } = await promisify(execFile)(pgDump, arguments_, { maxBuffer: 64 * 1024 ** 2 })
  // \restrict carries a random token since 15.14.
  const text = stdout.replaceAll(/^\\(un)?restrict .*$/gm, '')
  // Storage options have no order; pg_dump writes them as they were given, we by name.
  return text.replaceAll(
    /\bWITH \(([^()]*=[^()]*)\)/g,
    (_, list: string) => `WITH (${list.split(', ').toSorted().join(', ')})`,
  )
}
