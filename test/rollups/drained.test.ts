// Rows that lay outside of every period get a partition: the rollups of their table are exact before and afterwards, and what is
// written to the default partition by its name is counted as before.

import { expect, test } from 'vitest'
import {
  createPlays,
  declareTable,
  drain,
  install as installCatalog,
  retentionOptions,
} from '../partitions/life-support.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { differences, install, measure, rollupOf, run } from './support.ts'

describeOnEachVersion('a drained default partition', (_version, database) => {
  test('is the same to a rollup, by whatever name it is written to', async () => {
    const { db } = database()
    await installCatalog(db)
    await createPlays(db)
    await run(
      db,
      'create table plays_default partition of plays default',
      `insert into plays values (1001, '2025-11-03')`,
    )
    const shapes = await install(db, [
      rollupOf({
        bucket: { column: 'played_at', span: { unit: 'day', count: 1 }, zone: 'UTC' },
        by: ['note'],
        measures: [measure('plays', 'count'), measure('ids', 'sum', { of: 'id' })],
      }),
    ])
    await run(db, `insert into plays_default values (1002, '2025-11-04')`)
    const plays = declareTable({ outside: 'default' })
    const report = await drain([plays], retentionOptions(db, '2026-06-15T00:00:00Z'))
    expect(report).toMatchObject({ made: ['plays_2025_11'], rows: 2, warnings: [] })
    expect(await differences(db, ...shapes)).toEqual([])
    await run(
      db,
      `insert into plays_default values (1003, '2025-10-03')`,
      `insert into plays values (1004, '2025-11-05')`,
    )
    expect(await differences(db, ...shapes)).toEqual([])
    await run(db, 'truncate plays_default')
    expect(await differences(db, ...shapes)).toEqual([])
    expect((await db.query(sql`select sum(plays)::int as plays from song_plays`)).rows).toEqual([{ plays: 63 }])
  })
})
