// Who may do what where everything is least privilege: the role that owns the tables watches, that of the application stores what it
// measured, and both say what they lack. The grants are those of docs/roles.md.

import { readFile } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import { resolveConfig } from '../../src/config/index.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion, type TestDatabase } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'

describeOnEachVersion('watching with least privilege', (_version, database) => {
  test('the owner with pg_monitor is refused no probe, an application stores with three grants, and neither without', async () => {
    const { db, name } = database()
    const [owner, application] = [`${name}_owner`, `${name}_app`]
    for (const role of [owner, application]) {
      await db.query(sql`create role ${sql.ident(role)} login`)
      onTestFinished(async () => {
        await db.query(sql`drop owned by ${sql.ident(role)} cascade`)
        await db.query(sql`drop role ${sql.ident(role)}`)
      })
    }
    await db.query(sql`grant create on database ${sql.ident(name)} to ${sql.ident(owner)}`)
    const serving = open(database(), owner)
    await serving.apply()

    const logged: string[] = []
    const refused = open(database(), application, logged)
    await refused.pool.query('select 1')
    await refused.close()
    expect(logged).toEqual(['What statements took cannot be stored; it is kept'])

    for (const statement of await grantsIn('roles.md', /^grant .*pgstrata/, application))
      await db.query(sql.raw(statement))
    const storing = open(database(), application, logged)
    await storing.pool.query('select 2')
    await storing.close()
    expect(logged).toHaveLength(1)
    const { rows } = await db.query(sql`select sum(calls)::int4 as calls from pgstrata.watch_call`)
    expect(rows).toEqual([{ calls: 1 }])

    await serving.start({ jobs: true })
    await waitUntil(async () => states(serving).some(({ probe }) => probe === 'activity'), {
      what: 'a first answer',
      timeoutMs: 30_000,
    })
    expect(states(serving).find(({ probe }) => probe === 'activity')?.unavailable).toMatch(/grant pg_monitor/)
    await serving.stop()
    for (const statement of await grantsIn('roles.md', /^grant pg_monitor to shop_migrate/, owner))
      await db.query(sql.raw(statement))
    const seeing = open(database(), owner)
    await seeing.start({ jobs: true })
    await waitUntil(async () => states(seeing).length >= 15, { what: 'an answer of each probe', timeoutMs: 30_000 })
    const lacking = states(seeing).flatMap(({ probe, unavailable, failure }) => {
      const why = unavailable ?? failure
      return why === undefined || /pg_stat_statements|\/proc|watch\.cores|data_checksums/.test(why)
        ? []
        : [`${probe}: ${why}`]
    })
    expect(lacking).toEqual([])
  })
})

const states = (strata: Strata): ReturnType<NonNullable<Strata['watch']>['states']> => strata.watch?.states() ?? []

function open({ url }: TestDatabase, role: string, logged: string[] = []): Strata {
  const primary = Object.assign(new URL(url), { username: role }).href
  const config = resolveConfig({ database: { primary }, watch: {} }, { root: '/', name: 'test' })
  const note = (message: string): void => void logged.push(message)
  const strata = openStrata(config, { logger: { debug: () => undefined, info: () => undefined, warn: note } })
  onTestFinished(() => strata.close())
  return strata
}

/** As they stand there, for a role of the test. */
async function grantsIn(page: string, pattern: RegExp, role: string): Promise<readonly string[]> {
  const text = await readFile(new URL(`../../docs/${page}`, import.meta.url), 'utf8')
  const grants = text.split('\n').filter((line) => pattern.test(line))
  expect(grants.length).toBeGreaterThan(0)
  return grants.map((line) => line.replace(/to shop_\w+;/, `to "${role}";`))
}
