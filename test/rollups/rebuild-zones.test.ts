// A range is rebuilt by the buckets of its rows, also where a bucket's label is no bound of their times.

import { expect, test } from 'vitest'
import { rebuildRange } from '../../src/rollups/merge/merge.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { differences, install, patience, rollupOf, run } from './support.ts'

describeOnEachVersion('rebuilding a range', (_version, database) => {
  test.each([
    ['Atlantic/Azores', 'day', '2026-10-25 01:00Z', '2026-10-24 00:00Z'],
    ['America/Havana', 'month', '2026-11-01 05:00Z', '2026-10-20 00:00Z'],
    ['Australia/Lord_Howe', 'hour', '2026-04-04 14:30Z', '2026-04-04 10:00Z'],
    ['Europe/Berlin', 'day', '2026-03-28 23:00Z', '2026-03-28 00:00Z'],
  ] as const)('in %s, by the %s', async (zone, unit, from, begin) => {
    const { db } = database()
    const table = `plays_${unit}_${zone.replace(/\W/g, '_').toLowerCase()}`
    await run(
      db,
      `create table ${table} (song int, at timestamptz not null, amount numeric)`,
      `insert into ${table} select 1, '${begin}'::timestamptz + n * interval '7 minutes', 1 from generate_series(1, 900) n`,
    )
    const bucket = { column: 'at', span: { unit, count: 1 }, zone } as const
    const [shape] = await install(db, [rollupOf({ name: `of_${table}`, table, bucket })])
    if (shape === undefined) throw new Error('There is no rollup')
    await db.withSession(async (session) => {
      for (const range of [
        { from, to: undefined },
        { from: undefined, to: from },
        { from, to: '2026-12-31 00:00Z' },
      ]) {
        await rebuildRange(session, shape, range, patience)
        expect([range, await differences(session, shape)]).toEqual([range, []])
      }
    })
  })
})
