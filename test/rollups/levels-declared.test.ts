// Levels as they are declared: applied, changed, filled and dropped with their rollup, and told by what tells of it.

import { describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { readInstalled } from '../../src/rollups/kept/queries.ts'
import type { Strata } from '../../src/strata.ts'
import { sql } from '../../src/sql/sql.ts'
import { versions } from '../support/postgres.ts'
import { useDeclared, type Said } from './declared-support.ts'
import { expectLevels, run } from './support.ts'

const plays = { kind: 'count' } as const
const earned = { kind: 'sum', of: 'amount' } as const
const declaration = { from: 'plays', time: 'at', bucket: '1 hour', by: ['Song Id'], measures: { plays, earned } }

describe.each(versions)('levels that are declared, on PostgreSQL %d', (version) => {
  let db: Db
  const { declare: declareWhole } = useDeclared(version, async (made) => {
    db = made.db
    await run(
      db,
      'create table plays ("Song Id" int, at timestamptz not null, amount numeric)',
      'grant select on plays to pg_monitor',
      `insert into plays select nullif(n % 3, 0), '2026-03-20 00:20Z'::timestamptz + n * interval '47 minutes', n % 4 from generate_series(0, 600) as n`,
    )
  })

  const declare = (said: Said): Strata => declareWhole({ ...declaration, ...said })

  const rowsOf = async (text: string): Promise<readonly unknown[]> => (await db.query(sql.raw(text))).rows
  const expectKept = async (strata: Strata, levels: readonly string[]): Promise<void> => {
    const after = await strata.plan()
    expect([after.steps, after.held]).toEqual([[], []])
    await run(db, `insert into plays values (5, '2026-04-01 10:00Z', 1)`)
    for (const _merged of [false, true]) {
      const [installed, ...others] = await readInstalled(db)
      expect.assert(installed !== undefined && others.length === 0)
      expect((installed.shape.levels ?? []).map(({ unit }) => unit)).toEqual(levels)
      await expectLevels(db, installed.shape)
      await run(db, 'call pgstrata.merge()')
    }
    expect(
      await rowsOf(
        `select relname::text from pg_class where relname ~ '^song_plays_(day|week|month|quarter|year)(_merged)?$' and relkind in ('r', 'v') order by 1`,
      ),
    ).toEqual(
      levels
        .toSorted()
        .flatMap((unit) => [`song_plays_${unit}`, `song_plays_${unit}_merged`])
        .map((relname) => ({ relname })),
    )
    expect(
      await rowsOf(
        `select relname::text from pg_class where relname like 'song_plays%' and relnamespace = 'public'::regnamespace and relkind in ('r', 'v') and not has_table_privilege('pg_monitor', oid, 'select')`,
      ),
    ).toEqual([])
  }

  test('come and go in place, while measures come and go', async () => {
    await declare({ levels: ['day'] }).apply()
    const both = declare({ levels: ['month', 'day'] })
    await both.apply()
    await expectKept(both, ['day', 'month'])
    const other = declare({ levels: ['month', 'week'], measures: { plays, mean: { kind: 'avg', of: 'amount' } } })
    await other.apply()
    await expectKept(other, ['week', 'month'])
    expect(await rowsOf(`select count(*)::int as rows from song_plays_month where mean is null`)).toEqual([{ rows: 0 }])
    const none = declare({ measures: { plays } })
    await none.apply()
    await expectKept(none, [])
  })

  test('come with a rollup of a large table when it is filled', async () => {
    await run(
      db,
      `insert into plays select n % 5, '2026-05-01 00:00Z'::timestamptz + n * interval '1 minute', n % 7 from generate_series(1, 200000) n`,
    )
    const strata = declare({ levels: ['day', 'month'] })
    await strata.apply()
    expect(await rowsOf(`select to_regclass('song_plays_day')::text as view`)).toEqual([{ view: null }])
    expect(await rowsOf(`select count(*)::int as rows from song_plays_day_merged`)).toEqual([{ rows: 0 }])
    await strata.rollup.fill('song_plays')
    await expectKept(strata, ['day', 'month'])
  })

  test('come with one that takes the place of another', async () => {
    await declare({ levels: ['day', 'month'] }).apply()
    const other = declare({ levels: ['week'], zone: 'Europe/Berlin' })
    await other.apply()
    await other.apply()
    await expectKept(other, ['week'])
  })

  test('whoever reads one by a view of theirs keeps it from going', async () => {
    await declare({ levels: ['day'] }).apply()
    await run(db, 'create view of_theirs as select sum(row_count) from song_plays_day_merged')
    const plan = await declare({}).plan()
    expect(plan.held.map(({ why }) => why)).toEqual([expect.stringContaining('view of_theirs')])
    expect(plan.steps).toEqual([])
  })

  test('are told by explain, verify and status', async () => {
    const strata = declare({ levels: ['day'] })
    await strata.apply()
    const before = await strata.rollup.status()
    const { relations, merge } = await strata.rollup.explain('song_plays')
    expect(relations).toContainEqual({
      name: '"public"."song_plays_day"',
      what: 'view: one row for each key by day, exact',
    })
    expect(relations).toContainEqual({
      name: '"public"."song_plays_day_merged"',
      what: 'table: what is merged, by day',
    })
    expect(merge.join(';')).toContain('song_plays_day_merged')
    await run(db, 'truncate song_plays_day_merged')
    const [{ sizeBytes } = { sizeBytes: null }] = await strata.rollup.status()
    expect(sizeBytes).toBeLessThan(before[0]?.sizeBytes ?? 0)
    expect((await strata.rollup.verify('song_plays')).levels).toBeGreaterThan(0)
    expect((await strata.rollup.verify('song_plays', { fix: true })).levels).toBeGreaterThan(0)
    expect((await strata.rollup.verify('song_plays')).levels).toBe(0)
  })
})
