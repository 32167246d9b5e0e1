// Partitions that are gone: a rollup keeps what they had, or forgets it where it is declared to.

import { expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { forgetGone } from '../../src/rollups/merge/forget.ts'
import { mergeRollup } from '../../src/rollups/merge/merge.ts'
import type { Rollup } from '../../src/rollups/model/options.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { install, patience, rollupOf, run } from './support.ts'

describeOnEachVersion('buckets of partitions that are gone', (_version, database) => {
  async function prepare(said: Partial<Rollup>): Promise<{ readonly db: Db; readonly shape: Shape }> {
    const { db } = database()
    await run(
      db,
      'drop schema public cascade',
      'create schema public',
      'drop schema if exists pgstrata cascade',
      'create table plays (song int, at timestamptz not null, amount numeric) partition by range (at)',
      `create table plays_1 partition of plays for values from ('2026-01-01 00:00Z') to ('2026-02-01 10:30Z')`,
      `create table plays_2 partition of plays for values from ('2026-02-01 10:30Z') to ('2026-03-01 00:00Z')`,
    )
    const totals = { windows: [{ name: '9y', span: { unit: 'year', count: 9 } }], compute: [], index: [] } as const
    const [shape] = await install(db, [rollupOf({ totals, ...said })])
    expect.assert(shape !== undefined)
    await run(
      db,
      `insert into plays values (1, '2026-01-10 10:00Z', 1), (2, '2026-01-10 10:00Z', 1), (1, '2026-02-01 10:10Z', 2), (1, '2026-02-01 10:40Z', 4), (1, '2026-02-20 10:00Z', 8)`,
    )
    await db.withSession((session) => mergeRollup(session, shape, patience))
    await run(db, 'drop table plays_1')
    return { db, shape }
  }
  const read = async (db: Db): Promise<unknown> =>
    (await db.query(sql`select song, sum(earned)::int as earned from song_plays group by song order by song`)).rows
  const readTotals = async (db: Db): Promise<unknown> =>
    (await db.query(sql`select song, earned::int, earned_9y::int as window from song_plays_totals order by song`)).rows

  test('stay, unless something else is declared', async () => {
    const { db, shape } = await prepare({})
    expect(await db.withSession((session) => forgetGone(session, shape, patience))).toBe(false)
    expect(await read(db)).toEqual([
      { song: 1, earned: 15 },
      { song: 2, earned: 1 },
    ])
  })

  test('go, pending changes and totals with them; the bucket that is cut stays as it is', async () => {
    const { db, shape } = await prepare({ retention: 'forget' })
    await run(db, `insert into pgstrata.song_plays_delta select * from song_plays_merged where song = 2`)
    expect(await db.withSession((session) => forgetGone(session, shape, patience))).toBe(true)
    expect(await read(db)).toEqual([{ song: 1, earned: 14 }])
    expect(await readTotals(db)).toEqual([{ song: 1, earned: 14, window: 14 }])
    expect(await db.withSession((session) => forgetGone(session, shape, patience))).toBe(false)
  })

  test('stay while a default partition has rows as old', async () => {
    const { db, shape } = await prepare({ retention: 'forget' })
    await run(
      db,
      'create table plays_rest partition of plays default',
      `insert into plays values (3, '2025-01-01 10:00Z', 1)`,
    )
    expect(await db.withSession((session) => forgetGone(session, shape, patience))).toBe(false)
    await run(db, 'delete from plays where song = 3')
    expect(await db.withSession((session) => forgetGone(session, shape, patience))).toBe(true)
    expect(await read(db)).toEqual([{ song: 1, earned: 14 }])
  })

  test('go at the age that is declared, and not before', async () => {
    const { db, shape } = await prepare({ retention: { keep: '1000 years' } })
    expect(await db.withSession((session) => forgetGone(session, shape, patience))).toBe(false)
    expect(await read(db)).toHaveLength(2)
    const aged = { ...shape, rollup: { ...shape.rollup, retention: { keep: '1 day' } } }
    expect(await db.withSession((session) => forgetGone(session, aged, patience))).toBe(true)
    expect(await read(db)).toEqual([{ song: 1, earned: 14 }])
    expect(await readTotals(db)).toEqual([{ song: 1, earned: 14, window: 14 }])
  })

  test('stay while their partition is there, however old they are', async () => {
    const { db, shape } = await prepare({ retention: { keep: '1 day' } })
    await run(
      db,
      `create table plays_1 partition of plays for values from ('2026-01-01 00:00Z') to ('2026-02-01 10:30Z')`,
    )
    expect(await db.withSession((session) => forgetGone(session, shape, patience))).toBe(false)
    expect(await read(db)).toHaveLength(2)
  })
})
