// Tables that a deployment finds with rows: converted once, and left alone where they are partitioned, missing or not named.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { loadConfig, openStrata, sql } from 'pgstrata'
import { convertTables } from '../../../examples/kit/src/convert-tables.ts'
import { testDatabase } from '../../support/postgres.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

test('a table with rows is partitioned, all of its rows in it, and the next time there is nothing to do', async () => {
  const database = await testDatabase(18)
  const folder = await temporaryFolder()
  const layout = { time: 'at', partition: 'month', ahead: 1 }
  const config = { database: { primary: database.url }, tables: { plays: layout, kept: layout, missing: layout } }
  await writeFile(join(folder, 'pgstrata.config.json'), JSON.stringify(config))
  const strata = openStrata((await loadConfig({ cwd: folder })).config)
  onTestFinished(async () => {
    await strata.close()
    await database.close()
  })
  for (const table of ['plays', 'kept']) {
    await database.db.query(sql`
      create table ${sql.ident(table)} (at timestamptz not null, song integer not null, primary key (at, song))`)
    await database.db.query(sql`insert into ${sql.ident(table)} select now(), n from generate_series(1, 100) as n`)
  }
  await strata.apply()
  const lines: string[] = []
  const convert = async (keys = ['plays', 'missing']): Promise<readonly string[]> =>
    await convertTables({
      folder,
      keys,
      signal: new AbortController().signal,
      tell: (line) => void lines.push(line),
    })
  expect(await convert()).toEqual(['plays'])
  expect(lines[0]).toBe('plays is cut into partitions, while it is used.')
  const { rows } = await database.db.query(sql`
    select (select count(*)::integer from plays) as plays,
      (select relkind from pg_class where oid = 'plays'::regclass) as kind,
      (select relkind from pg_class where oid = 'kept'::regclass) as other`)
  expect(rows).toEqual([{ plays: 100, kind: 'p', other: 'r' }])
  expect(await convert()).toEqual([])
  await expect(convert(['plays', 'palys'])).rejects.toThrow(
    'palys: expected a table of the configuration: plays, kept, missing',
  )
})
