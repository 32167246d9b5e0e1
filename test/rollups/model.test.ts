// Random statements of several sessions at once, in transactions of both isolations that commit, roll back or fail, with merges
// and rebuilds in between: at every step each session sees in a rollup exactly what a recompute in its own snapshot gives.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Db, Session } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { mergeRollup, rebuildRange } from '../../src/rollups/merge/merge.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { sql } from '../../src/sql/sql.ts'
import { isConnectionLost, sqlstate, sqlstateOf } from '../../src/sql/sqlstate.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { checkProperty } from '../support/property.ts'
import {
  differencesText,
  everDifferencesText,
  install,
  levelDifferencesText,
  levelOf,
  measure,
  patience,
  rollupOf,
  run,
  sinceDifferencesText,
  totalsDifferencesText,
} from './support.ts'

const hour = fc
  .integer({ min: 0, max: 60 })
  .map((hours) => `timestamptz '2026-03-28 00:00Z' + interval '${hours} hours'`)
const song = fc.constantFrom('null', '1', '2', '3')
const amount = fc.constantFrom('null', '0', '1.5', '-2', '1e10', `'NaN'`, `'Infinity'`, `'-Infinity'`)
const row = fc
  .tuple(song, hour, amount, fc.constantFrom('a', 'b'))
  .map(([s, at, n, kind]) => `(${s}, ${at}, ${n}, '${kind}')`)
const columns = 'plays (song, at, amount, kind)'
const which = fc.constantFrom('song = 1', 'song is null', `kind = 'a'`, 'amount > 0', 'true', 'id % 3 = 0', 'false')
const change = fc.constantFrom(
  'amount = amount',
  'amount = 7',
  'song = 2',
  `at = at + interval '5 hours'`,
  `kind = 'c'`,
  `at = at - interval '1 month', song = song + 1`,
)

const dml = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .array(row, { minLength: 1, maxLength: 4 })
      .map((rows) => `insert into ${columns} values ${rows.join(', ')}`),
  },
  { weight: 3, arbitrary: fc.tuple(change, which).map(([set, where]) => `update plays set ${set} where ${where}`) },
  { weight: 2, arbitrary: which.map((where) => `delete from plays where ${where}`) },
  { weight: 1, arbitrary: which.map((where) => `update plays_march set amount = 1 where ${where}`) },
  { weight: 1, arbitrary: row.map((one) => `insert into ${columns} values ${one} on conflict do nothing`) },
  { weight: 1, arbitrary: fc.constantFrom('truncate plays', 'truncate plays_march') },
  {
    weight: 1,
    arbitrary: row.map(
      (one) =>
        `merge into plays p using (values ${one}) as v (song, at, amount, kind) on p.song = v.song::int when matched and p.kind = 'a' then delete when matched then update set amount = 3 when not matched then insert (song, at, amount, kind) values (v.song::int, v.at, v.amount::numeric, v.kind)`,
    ),
  },
)

type Move =
  | { readonly kind: 'begin'; readonly isolation: string }
  | { readonly kind: 'dml'; readonly text: string }
  | { readonly kind: 'commit' | 'rollback' | 'savepoint' | 'back' }
  | { readonly kind: 'merge'; readonly at: string }
  | { readonly kind: 'killed'; readonly of: number; readonly after: number; readonly at: string }
  | { readonly kind: 'rebuild'; readonly from: string; readonly to: string | undefined }

/** What windows take for now: clocks go on, and may be put back. */
const instant = fc
  .integer({ min: 0, max: 100 })
  .map((hours) => `timestamptz '2026-03-28 00:30Z' + interval '${hours} hours'`)

const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .constantFrom('read committed', 'repeatable read')
      .map((isolation): Move => ({ kind: 'begin', isolation })),
  },
  { weight: 10, arbitrary: dml.map((text): Move => ({ kind: 'dml', text })) },
  {
    weight: 4,
    arbitrary: fc.constantFrom('commit', 'commit', 'rollback', 'savepoint', 'back').map((kind): Move => ({ kind })),
  },
  { weight: 3, arbitrary: instant.map((at): Move => ({ kind: 'merge', at })) },
  // Before its first statement, up to after its commit.
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(0, 3), fc.nat(6), instant)
      .map(([of, after, at]): Move => ({ kind: 'killed', of, after, at })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('2026-03-28', '2026-03-29').map((from): Move => ({
      kind: 'rebuild',
      from: `${from} 00:00+01`,
      to: from === '2026-03-28' ? '2026-03-29 00:00+01' : undefined,
    })),
  },
)

const rollups = [
  rollupOf({
    measures: [
      measure('plays', 'count'),
      measure('earned', 'sum', { of: 'amount' }),
      measure('mean', 'avg', { of: 'amount', filter: "kind <> 'c'" }),
      measure('kinds', 'countDistinct', { of: 'kind', windows: true }),
    ],
    totals: {
      windows: [
        { name: '6h', span: { unit: 'hour', count: 6 } },
        { name: '1d', span: { unit: 'day', count: 1 } },
      ],
      compute: [{ name: 'lately', value: 'plays_6h * 10 + plays_1d' }],
      index: [{ column: 'lately', descending: true }],
    },
    levels: ['day'],
  }),
  // A day of 23 hours is among them.
  rollupOf({
    name: 'by_day',
    bucket: { column: 'at', span: { unit: 'day', count: 1 }, zone: 'Europe/Berlin' },
    by: ['kind', 'song'],
    where: 'song is distinct from 3',
    levels: ['week', 'month'],
  }),
  rollupOf({ name: 'all_plays', bucket: undefined, by: [], measures: [measure('earned', 'sum', { of: 'id' })] }),
  rollupOf({
    name: 'song_kinds',
    bucket: undefined,
    measures: [measure('plays', 'count'), measure('kinds', 'countDistinct', { of: 'kind', windows: true })],
    totals: { windows: [], compute: [], index: [] },
  }),
]

/** Of a statement that waits for another session of ours: it fails, and its transaction is rolled back. */
const lockTimeout = '20ms'

interface World {
  readonly shapes: readonly Shape[]
  readonly sessions: readonly Session[]
  readonly merger: Session
  /** Of those that are killed: each time another connection. */
  readonly doomed: Db
}

describeOnEachVersion('rollups under random statements', (_version, database) => {
  test('each session sees what a recompute of its own snapshot gives, at every step', async () => {
    const { db, url } = database()
    await run(
      db,
      `create table plays (id bigint not null default 0, song int, at timestamptz not null, amount numeric, kind text) partition by range (at)`,
      `create sequence ids`,
      `alter table plays alter id set default nextval('ids')`,
      `create table plays_before partition of plays for values from (minvalue) to ('2026-03-01')`,
      `create table plays_march partition of plays for values from ('2026-03-01') to ('2026-04-01')`,
      `create table plays_after partition of plays default`,
      `create index on plays (song)`,
    )
    const shapes = await install(db, rollups)
    const doomed = openDb({ url, max: 1 })
    try {
      await withSessions(db, async (sessions, merger) => {
        // Planning it takes longer than running it.
        for (const session of [merger, ...sessions]) await run(session, `prepare look as ${lookText(shapes)}`)
        await checkProperty(
          'rollups',
          fc.array(fc.tuple(fc.nat(2), move), { minLength: 5, maxLength: 16 }),
          async (moves) => await playAll({ shapes, sessions, merger, doomed }, moves),
          { runs: 100 },
        )
      })
    } finally {
      await doomed.close({ now: true })
    }
  })
})

/** Totals of what is merged, without a bucket, against the values that are. */
const countedOnceText = `select 'song_kinds' as rollup, 'totals' as of, coalesce(kept.song, merged.song)::text as "row"
from song_kinds_totals as kept
full join (
  select m.song, m.row_count as plays, (
      select count(*) from pgstrata.song_kinds_kinds_values as v where v.song is not distinct from m.song and v.n > 0
    ) as kinds
  from song_kinds_merged as m
) as merged on coalesce(kept.song, -1) = coalesce(merged.song, -1)
where row(kept.plays, kept.kinds) is distinct from row(merged.plays, merged.kinds)`

/** And totals and levels are what is merged, and what SQL reads at an instant and of all time is exact, in the same snapshot. */
function lookText(shapes: readonly Shape[]): string {
  const [songs, , , kinds] = shapes
  if (songs === undefined || kinds === undefined) throw new Error('Nothing is installed')
  const within = (window: string): string => `filter (where bucket between since_${window} and upto)`
  const earned = (filter: string): string =>
    `case when sum(earned_nan) ${filter} > 0 or (sum(earned_inf) ${filter} > 0 and sum(earned_ninf) ${filter} > 0) then 'NaN' when sum(earned_inf) ${filter} > 0 then 'Infinity' when sum(earned_ninf) ${filter} > 0 then '-Infinity' when sum(earned_n) ${filter} > 0 then sum(earned) ${filter} end`
  const plays = (filter: string): string => `coalesce(sum(row_count) ${filter}, 0)`
  const values = {
    plays: plays(''),
    plays_6h: plays(within('6h')),
    plays_1d: plays(within('1d')),
    earned: earned(''),
    earned_1d: earned(within('1d')),
    lately: `${plays(within('6h'))} * 10 + ${plays(within('1d'))}`,
  }
  const kept = shapes.flatMap((shape) => (shape.levels ?? []).map(({ unit }) => ({ shape, unit })))
  const read = [...shapes, ...kept.map(({ shape, unit }) => levelOf(shape, unit))]
  const levels = kept.map(
    ({ shape, unit }) => `select 'levels', of, "row" from (${levelDifferencesText(shape, unit)}) as kept`,
  )
  const exact = [
    everDifferencesText(songs),
    sinceDifferencesText(songs, `timestamptz '2026-03-28 05:30Z'`),
    everDifferencesText(kinds),
    countedOnceText,
  ]
  return `select rollup, of, "row" from (${differencesText(read)}) as one union all select 'totals', of, "row" from (${totalsDifferencesText(songs, values)}) as other${[...levels, ...exact].map((text) => ` union all select * from (${text}) as other`).join('')}`
}

async function playAll(world: World, moves: readonly (readonly [number, Move])[]): Promise<void> {
  const { sessions, merger } = world
  try {
    await run(merger, 'delete from plays')
    for (const [number, one] of moves) {
      const acting = sessions[number] ?? merger
      await play(world, acting, one)
      await expectExact(acting)
    }
    for (const session of sessions) {
      await expectExact(session)
      await run(session, 'rollback')
    }
    await play(world, merger, { kind: 'merge', at: `timestamptz '2026-04-02'` })
    await expectExact(merger)
  } finally {
    for (const session of sessions) await run(session, 'rollback')
  }
}

/** Three that play, and one that merges. */
async function withSessions(
  db: Db,
  work: (sessions: readonly Session[], merger: Session) => Promise<void>,
): Promise<void> {
  const open = async (sessions: readonly Session[]): Promise<void> => {
    const [merger, ...others] = sessions
    if (merger !== undefined && others.length === 3) {
      for (const session of others) await run(session, `set lock_timeout = '${lockTimeout}'`)
      await work(others, merger)
      return
    }
    await db.withSession(async (session) => await open([...sessions, session]))
  }
  await open([])
}

async function play({ shapes, merger, doomed }: World, session: Session, one: Move): Promise<void> {
  if (one.kind === 'merge') {
    for (const shape of shapes) await mergeRollup(merger, shape, { ...patience, at: one.at })
    return
  }
  if (one.kind === 'killed') {
    const shape = shapes[one.of]
    if (shape !== undefined) await mergeAndDie({ doomed, killer: merger, shape, ...one })
    return
  }
  if (one.kind === 'rebuild') {
    for (const shape of shapes) await rebuildRange(merger, shape, one, { lockTimeoutMs: 20 }).catch(forgive)
    return
  }
  const texts = { commit: 'commit', rollback: 'rollback', savepoint: 'savepoint s', back: 'rollback to savepoint s' }
  const text =
    one.kind === 'begin' ? `begin isolation level ${one.isolation}` : one.kind === 'dml' ? one.text : texts[one.kind]
  try {
    await run(session, text)
  } catch (error) {
    forgive(error)
    await run(session, 'rollback')
  }
}

interface Death {
  readonly doomed: Db
  readonly killer: Session
  readonly shape: Shape
  /** So many of its statements are let through. */
  readonly after: number
  readonly at: string
}

async function mergeAndDie({ doomed, killer, shape, after, at }: Death): Promise<void> {
  let left = after
  await doomed
    .withSession(async (session) => {
      const query: Session['query'] = async (statement) => {
        if (left-- === 0) await killer.query(sql`select pg_terminate_backend(${session.pid}, 10000)`)
        return await session.query(statement)
      }
      await mergeRollup({ ...session, query }, shape, { ...patience, at })
    })
    .catch((error: unknown) => {
      if (!isConnectionLost(error)) throw error
    })
}

/** What sessions that get into each other's way are told, and what is said to a savepoint outside of a transaction or a BEGIN inside of one. */
const expected = new Set(['25001', '55P03', '40001', '40P01', '3B001', '25P01', '0A000', '21000'])

function forgive(error: unknown): void {
  if (!expected.has(sqlstateOf(error) ?? '')) throw error
}

async function look(session: Session): Promise<readonly unknown[]> {
  return (await session.query(sql`execute look`)).rows
}

/** Whoever truncates keeps others from looking: that one sees nothing, and its transaction is over. */
async function expectExact(session: Session): Promise<void> {
  const found = await look(session).catch(async (error: unknown) => {
    if (sqlstateOf(error) !== sqlstate.lockNotAvailable) throw error
    await run(session, 'rollback')
    return []
  })
  expect(found).toEqual([])
}
