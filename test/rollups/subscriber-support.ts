// A table that replicas write to, its rollups, and whether they are what it says.

import { expect } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { resolveConfig } from '../../src/config/index.ts'
import type { Db } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import { run } from './support.ts'

const measures = {
  plays: { kind: 'count' },
  earned: { kind: 'sum', of: 'amount' },
  least: { kind: 'min', of: 'amount' },
  latest: { kind: 'last', of: 'amount' },
  listeners: { kind: 'countDistinct', of: 'listener' },
} as const
const common = { from: 'plays', time: 'at', bucket: '1 day', by: ['song'], measures } as const
export const plain = {
  song_plays: common,
  small: { ...common, by: ['listener'], measures: { plays: { kind: 'count' } } },
  audience: {
    from: 'plays',
    by: ['song'],
    measures: { listeners: { kind: 'countDistinct', of: 'listener' } },
    totals: {},
  },
} as const
/** One of them says so. */
export const subscribed = { ...plain, song_plays: { ...common, subscriber: true } } as const

export function strataOf(url: string, rollups: Readonly<Record<string, object>>): Strata {
  const written = { database: { primary: url }, rollups }
  return openStrata(resolveConfig<unknown>(written, { root: '/', name: 'pgstrata.config.ts' }), { clock: systemClock })
}

export const columns = 'id int, song int, listener int, amount numeric, at timestamptz not null, primary key (id, at)'

export async function createPlays(db: Db, shape: 'plain' | 'partitioned'): Promise<void> {
  if (shape === 'plain') return await run(db, `create table plays (${columns})`)
  await run(
    db,
    `create table plays (${columns}) partition by range (at)`,
    `create table plays_1 partition of plays for values from ('2026-01-01') to ('2026-01-05')`,
    `create table plays_2 (gone int, at timestamptz not null, listener int, amount numeric, id int not null, song int)`,
    'alter table plays_2 drop column gone',
    `alter table plays attach partition plays_2 for values from ('2026-01-05') to ('2026-02-01')`,
  )
}

export const insert = (from: number, to: number): string =>
  `insert into plays select n, n % 5, n % 7, n % 11, '2026-01-02'::timestamptz + n * interval '1 hour' from generate_series(${from}, ${to}) n`

/** Extremes are looked for again by merges: `verify` compares those. */
export const differences = sql.raw(`
  with kept as (select bucket, song, plays, earned, listeners from song_plays),
    truth as (
      select date_trunc('day', at at time zone 'UTC') at time zone 'UTC', song, count(*), sum(amount), count(distinct listener)
      from plays
      group by 1, 2
    ),
    small_truth as (
      select date_trunc('day', at at time zone 'UTC') at time zone 'UTC', listener, count(*)
      from plays
      group by 1, 2
    ),
    heard as (select song, listeners from audience_ever),
    heard_truth as (select song, count(distinct listener) from plays group by 1)
  select 'song_plays' as of from (table kept except all table truth) as more
  union all select 'truth' from (table truth except all table kept) as less
  union all select 'small' from (table small except all table small_truth) as more_of_small
  union all select 'small_truth' from (table small_truth except all table small) as less_of_small
  union all select 'audience' from (table heard except all table heard_truth) as more_heard
  union all select 'audience_truth' from (table heard_truth except all table heard) as less_heard`)

/** With what is pending, and merged. */
export async function expectExact(db: Db, strata: Strata): Promise<void> {
  expect((await db.query(differences)).rows).toEqual([])
  for (const name of ['song_plays', 'small', 'audience']) {
    await strata.rollup.merge(name)
    expect(await strata.rollup.verify(name)).toMatchObject({ different: 0, totals: 0 })
  }
  expect((await db.query(differences)).rows).toEqual([])
}
