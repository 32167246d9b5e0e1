// What a walk over a rollup takes at a time: everything once, and no more rows than it was prepared for where they lie denser.

import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { onlyRow } from '../../src/db/db.ts'
import { inspectSource } from '../../src/rollups/declared/inspect.ts'
import { conditionsOn } from '../../src/rollups/merge/merge.ts'
import { walkRanges } from '../../src/rollups/merge/ranges.ts'
import { shapeOf } from '../../src/rollups/model/shape.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { rollupOf, run } from './support.ts'

const sparseHours = 2_000
const denseRows = 400_000

describeOnEachVersion('the ranges of a rollup', (_version, database) => {
  test('take each row once, and are cut where rows lie a thousand times as dense', async () => {
    const { db } = database()
    await run(
      db,
      'create table plays (song int, at timestamptz not null, amount numeric)',
      `insert into plays select 1, timestamptz '2026-01-01 UTC' + n * interval '1 hour', 1 from generate_series(1, ${sparseHours}) as n`,
      `insert into plays select 1, timestamptz '2026-01-01 UTC' + interval '${sparseHours} hours' + n * interval '0.5 seconds', 1 from generate_series(1, ${denseRows}) as n`,
      'create index on plays (at)',
      'analyze plays',
    )
    const taken: number[] = []
    await db.withSession(async (session) => {
      const shape = shapeOf(rollupOf(), await inspectSource(session, rollupOf()))
      await walkRanges(session, shape, {
        clock: systemClock,
        from: undefined,
        visit: async (range) => {
          const { where } = conditionsOn(shape, range).counted
          const counted = await session.query<{ rows: number }>(
            sql.raw(`select count(*)::int as rows from plays${where === undefined ? '' : ` where ${where}`}`),
          )
          taken.push(onlyRow(counted).rows)
        },
      })
    })
    expect(taken.reduce((sum, rows) => sum + rows, 0)).toBe(sparseHours + denseRows)
    expect(Math.max(...taken)).toBeLessThan(denseRows * 0.75)
  })
})
