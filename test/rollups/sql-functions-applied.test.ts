// The life of what SQL reads a rollup through: made with its views, changed, renamed and dropped with it, made where an earlier
// package did not, and never in the place of what somebody else made.

import { describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { readInstalled } from '../../src/rollups/kept/queries.ts'
import type { Strata } from '../../src/strata.ts'
import { sql } from '../../src/sql/sql.ts'
import { versions } from '../support/postgres.ts'
import { useDeclared } from './declared-support.ts'
import { everDifferencesText, run, sinceDifferencesText } from './support.ts'

const plays = { kind: 'count' } as const
const earned = { kind: 'sum', of: 'amount' } as const
const kinds = { kind: 'countDistinct', of: 'kind', windows: true } as const
const totals = { windows: { '7d': '7 days' } } as const
const songPlays = {
  from: 'plays',
  time: 'at',
  bucket: '1 hour',
  by: ['song'],
  measures: { plays, kinds },
  totals,
} as const
const withLevels = { ...songPlays, levels: ['day'] } as const

/** Too large to be filled while writers wait: on pages that are nearly empty. */
const many = `insert into plays select n % 5, now() - n * interval '10 minutes', n % 7, 'k' || n % 3 from generate_series(1, 20000) n`
const few = `insert into plays select n % 5, now() - n * interval '10 minutes', n % 7, 'k' || n % 3 from generate_series(1, 300) n`

describe.each(versions)('what SQL reads a rollup through, on PostgreSQL %d', (version) => {
  let db: Db
  const { declare, database } = useDeclared(version, async (made) => {
    db = made.db
    await run(
      db,
      'create table plays (song int, at timestamptz not null, amount numeric, kind text) with (fillfactor = 10)',
    )
  })

  const surface = async (): Promise<readonly string[]> =>
    (
      await db.query<{ name: string }>(sql`
        select oid::regprocedure::text as name from pg_proc where pronamespace = 'public'::regnamespace
        union all
        select relname::text from pg_class
        where relkind = 'v' and relname ~ '_(ever|delta)$' and relnamespace = 'public'::regnamespace
        order by 1`)
    ).rows.map(({ name }) => name)
  const functions = [
    'song_plays_between(timestamp with time zone,timestamp with time zone)',
    'song_plays_since(timestamp with time zone)',
  ]
  const all = [...functions.slice(0, 1), 'song_plays_delta', 'song_plays_ever', ...functions.slice(1)]

  async function expectExact(): Promise<void> {
    const [kept] = await readInstalled(db)
    expect.assert(kept !== undefined)
    const texts = [
      sinceDifferencesText(kept.shape, `now() - interval '25 hours 7 minutes'`),
      ...(kept.shape.totals === undefined ? [] : [everDifferencesText(kept.shape)]),
    ]
    for (const text of texts) expect((await db.query(sql.raw(text))).rows).toEqual([])
  }

  const held = (why: string) => [expect.objectContaining({ why: expect.stringContaining(why) as string })]
  const expectNothingToDo = async (strata: Strata): Promise<void> => {
    const { steps, drift, held: left } = await strata.plan()
    expect([steps, drift, left]).toEqual([[], [], []])
  }

  test('comes and goes with the rollup, its levels and its totals', async () => {
    await run(db, few)
    await declare(withLevels).apply()
    expect(await surface()).toEqual(all)
    await run(db, `insert into plays values (1, now(), 5, 'late')`)
    await expectExact()
    const { relations } = await declare(withLevels).rollup.explain('song_plays')
    expect(relations.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['"public"."song_plays_ever"', '"public"."song_plays_since"(pg_catalog.timestamptz)']),
    )
    await declare({ ...songPlays, measures: { plays, earned }, totals: undefined }).apply()
    expect(await surface()).toEqual(functions)
    await expectExact()
    await declare({ ...songPlays, measures: { kinds: { ...kinds, windows: undefined } }, totals: undefined }).apply()
    expect(await surface()).toEqual([])
    await declare(withLevels).apply()
    expect(await surface()).toEqual(all)
    await expectExact()
    await expectNothingToDo(declare(withLevels))
    await declare(undefined).apply()
    expect(await surface()).toEqual([])
  })

  test('shows a measure that came when it is filled, and one that is counted otherwise under the same name', async () => {
    await run(db, many)
    const first = declare(songPlays)
    await first.apply()
    expect(await surface()).toEqual([])
    await first.rollup.fill('song_plays')
    await expectExact()
    const wider = declare({ ...songPlays, measures: { plays, kinds, earned } })
    await wider.apply()
    const columns = async (): Promise<readonly string[]> =>
      Object.keys((await db.query(sql`select * from song_plays_since('-infinity') limit 1`)).rows[0] ?? {})
    expect(await columns()).toEqual(['song', 'plays'])
    await wider.rollup.fill('song_plays')
    expect(await columns()).toEqual(['song', 'plays', 'earned'])
    await expectExact()
    const other = declare({ ...songPlays, measures: { plays, earned: { kind: 'sum', of: 'amount * 2' } } })
    await other.apply()
    await other.rollup.fill('song_plays')
    await other.apply()
    expect(await surface()).toEqual([...functions.slice(0, 1), 'song_plays_ever', ...functions.slice(1)])
    await run(db, `insert into plays values (1, now(), 5, 'late')`)
    await expectExact()
    await expectNothingToDo(other)
  })

  test('is made by the next apply where an earlier package did not make it, or made it otherwise', async () => {
    const reader = `reader_of_${database().name}`
    await run(db, few, `create role ${reader}`, `grant select on plays to ${reader}`)
    const strata = declare(withLevels)
    await strata.apply()
    await run(db, 'drop view song_plays_ever, song_plays_delta', `drop function ${functions[1] ?? ''}`)
    await run(
      db,
      `create or replace function song_plays_between("since" timestamptz, "until" timestamptz) returns table (song int, plays bigint) language sql as 'select 1, 1::bigint'`,
      `comment on function ${functions[0] ?? ''} is 'As it was (pgstrata 0123456789ab)'`,
      'create view mine as select * from song_plays_between(now(), now())',
      `insert into plays values (1, now(), 5, 'late')`,
    )
    const { steps } = await strata.plan()
    expect(steps.map(({ title }) => title)).toEqual([expect.stringContaining('Rollup song_plays: make "public".')])
    await strata.apply()
    expect(await surface()).toEqual(all)
    await expectExact()
    await expectNothingToDo(strata)
    await db.withSession(async (session) => {
      await run(session, `set role ${reader}`)
      for (const read of [
        'song_plays_ever',
        'song_plays_since(now())',
        'song_plays_between(now(), now())',
        'song_plays_delta',
      ])
        await run(session, `select from ${read}`)
      await run(session, 'reset role')
    })
    await run(db, `drop owned by ${reader}`, `drop role ${reader}`)
  })

  test('is not made in the place of what is called so already, and that is never dropped', async () => {
    await run(db, few)
    await declare(withLevels).apply()
    await run(
      db,
      'drop view song_plays_ever',
      `drop function ${functions[1] ?? ''}`,
      'create view song_plays_ever as select 1 as mine',
      `create function song_plays_since(timestamptz) returns int language sql as 'select 1'`,
    )
    const names = 'somebody else made "public"."song_plays_ever", "public"."song_plays_since"'
    for (const declared of [withLevels, { ...withLevels, measures: { plays } }, { ...withLevels, by: [] }, undefined]) {
      const plan = await declare(declared).plan()
      expect([plan.steps, plan.held]).toEqual([[], held(names)])
    }
    expect((await db.query(sql`select mine from song_plays_ever`)).rows).toEqual([{ mine: 1 }])
    await run(db, 'drop view song_plays_ever', `drop function ${functions[1] ?? ''}`)
    await declare(withLevels).apply()
    expect(await surface()).toEqual(all)
    await expectExact()
  })

  test('that a view of somebody reads holds a change back', async () => {
    await declare(songPlays).apply()
    await run(db, `create view mine as select * from song_plays_since(now() - interval '7 days')`)
    const { steps, held: left } = await declare({ ...songPlays, measures: { plays } }).plan()
    expect([steps, left]).toEqual([[], held('view mine')])
  })
})
