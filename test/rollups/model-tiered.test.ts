// Random statements of several sessions, on a table and through its history, while partitions are packed, unpacked and packed again:
// at every step each session sees in a rollup exactly what a recompute of the history gives, and no move changes a rollup.

import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { Db, Session } from '../../src/db/db.ts'
import { mergeRollup, rebuildRange } from '../../src/rollups/merge/merge.ts'
import { verifyRollup } from '../../src/rollups/merge/verify.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { sql } from '../../src/sql/sql.ts'
import { sqlstate, sqlstateOf } from '../../src/sql/sqlstate.ts'
import { openTiers, type OpenTiers } from '../tiers/moving-support.ts'
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
} from './support.ts'

const hour = fc
  .integer({ min: 0, max: 60 })
  .map((hours) => `timestamptz '2026-03-28 00:00Z' + interval '${hours} hours'`)
const early = fc
  .integer({ min: 0, max: 60 })
  .map((hours) => `timestamptz '2026-02-26 00:00Z' + interval '${hours} hours'`)
const song = fc.constantFrom('null', '1', '2', '3')
const amount = fc.constantFrom('null', '0', '1.5', '1.50', '-2', '1e10', `'NaN'`, `'Infinity'`, `'-Infinity'`)
const row = fc
  .tuple(song, fc.oneof(hour, early), amount, fc.constantFrom('a', 'b'))
  .map(([s, at, n, kind]) => `(${s}, ${at}, ${n}, '${kind}')`)
const rows = fc.array(row, { minLength: 1, maxLength: 5 }).map((some) => some.join(', '))
const columns = '(song, at, amount, kind)'
const which = fc.constantFrom('song = 1', 'song is null', `kind = 'a'`, 'amount > 0', 'true', 'id % 3 = 0', 'false')
const change = fc.constantFrom(
  'amount = amount',
  'amount = 7',
  'song = 2',
  `kind = 'c'`,
  `at = at + interval '5 hours'`,
  `at = at - interval '1 month', song = song + 1`,
)

const dml = fc.oneof(
  { weight: 3, arbitrary: rows.map((some) => `insert into plays ${columns} values ${some}`) },
  { weight: 1, arbitrary: rows.map((some) => `insert into plays_history ${columns} values ${some}`) },
  {
    weight: 4,
    arbitrary: fc.tuple(change, which).map(([set, where]) => `update plays_history set ${set} where ${where}`),
  },
  { weight: 2, arbitrary: which.map((where) => `delete from plays_history where ${where}`) },
  { weight: 1, arbitrary: fc.tuple(change, which).map(([set, where]) => `update plays set ${set} where ${where}`) },
  { weight: 1, arbitrary: which.map((where) => `delete from plays where ${where}`) },
  { weight: 1, arbitrary: fc.constantFrom('truncate plays_2026_03', 'update plays_2026_02 set amount = 1') },
)

type Move =
  | { readonly kind: 'begin'; readonly isolation: string }
  | { readonly kind: 'dml'; readonly text: string }
  | { readonly kind: 'commit' | 'rollback' | 'savepoint' | 'back' }
  | { readonly kind: 'merge'; readonly at: string }
  | { readonly kind: 'rebuild'; readonly from: string | undefined; readonly to: string | undefined }
  | { readonly kind: 'pack' | 'unpack'; readonly partition: string }

const partition = fc.constantFrom('plays_2026_02', 'plays_2026_03')

const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('read committed', 'repeatable read')
      .map((isolation): Move => ({ kind: 'begin', isolation })),
  },
  { weight: 10, arbitrary: dml.map((text): Move => ({ kind: 'dml', text })) },
  {
    weight: 3,
    arbitrary: fc.constantFrom('commit', 'commit', 'rollback', 'savepoint', 'back').map((kind): Move => ({ kind })),
  },
  { weight: 3, arbitrary: fc.constantFrom('02-27', '03-29', '04-02').map((day): Move => ({ kind: 'merge', at: day })) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom<[string | undefined, string | undefined]>(
        [undefined, '2026-03-28 00:00+01'],
        ['2026-03-28 00:00+01', '2026-03-29 00:00+01'],
        ['2026-03-29 00:00+01', undefined],
        [undefined, undefined],
      )
      .map(([from, to]): Move => ({ kind: 'rebuild', from, to })),
  },
  { weight: 4, arbitrary: partition.map((name): Move => ({ kind: 'pack', partition: name })) },
  { weight: 2, arbitrary: partition.map((name): Move => ({ kind: 'unpack', partition: name })) },
)

const rollups = [
  rollupOf({
    measures: [
      measure('plays', 'count'),
      measure('earned', 'sum', { of: 'amount' }),
      measure('kinds', 'countDistinct', { of: 'kind', windows: true }),
    ],
    totals: { windows: [{ name: '1d', span: { unit: 'day', count: 1 } }], compute: [], index: [] },
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
]
/** What is looked for again is exact behind a merge alone. */
const ends = rollupOf({
  name: 'ends',
  measures: [measure('least', 'min', { of: 'amount' }), measure('latest', 'last', { of: 'kind' })],
})

interface World {
  readonly db: Db
  readonly tiers: OpenTiers
  readonly shapes: readonly Shape[]
  readonly ends: Shape
  readonly sessions: readonly Session[]
  readonly merger: Session
  readonly packed: Set<string>
}

describeOnEachVersion('rollups of a table with packed partitions', (_version, database) => {
  test('each session sees what a recompute of the history gives, at every step', { timeout: 240_000 }, async () => {
    const { db, url } = database()
    await run(
      db,
      `create table plays (id bigint not null default 0, song int, at timestamptz not null, amount numeric, kind text) partition by range (at)`,
      `create sequence ids`,
      `alter table plays alter id set default nextval('ids')`,
      `create table plays_2026_02 partition of plays for values from ('2026-02-01 00:00Z') to ('2026-03-01 00:00Z')`,
      `create table plays_2026_03 partition of plays for values from ('2026-03-01 00:00Z') to ('2026-04-01 00:00Z')`,
      `create table plays_rest partition of plays default`,
      `create index on plays (song)`,
    )
    const tiers = await openTiers(url)
    onTestFinished(() => tiers.close())
    const all = await install(db, [...rollups, ends])
    const [shapes, found] = [all.slice(0, -1), all.at(-1)]
    expect.assert(found !== undefined)
    expect(all.map(({ tiered }) => tiered?.axis)).toEqual(['at', 'at', 'at', 'at'])
    await withSessions(db, async (sessions, merger) => {
      // Planning it takes longer than running it.
      const world = { db, tiers, shapes, ends: found, sessions, merger, packed: new Set<string>() }
      await checkProperty(
        'rollups of packed partitions',
        fc.array(fc.tuple(fc.nat(1), move), { minLength: 8, maxLength: 24 }),
        async (moves) => await playAll(world, moves),
        { runs: 6 },
      )
    })
  })
})

/** From the history, whatever the table itself has. */
const ofHistory = (shape: Shape): Shape => ({ ...shape, rollup: { ...shape.rollup, table: 'plays_history' } })

function lookText(all: readonly Shape[]): string {
  const shapes = all.map(ofHistory)
  const [songs, days] = shapes
  if (songs === undefined || days === undefined) throw new Error('Nothing is installed')
  const kept = shapes.flatMap((shape) => (shape.levels ?? []).map(({ unit }) => ({ shape, unit })))
  const read = [...shapes, ...kept.map(({ shape, unit }) => levelOf(shape, unit))]
  const levels = kept.map(
    ({ shape, unit }) => `select 'levels', of, "row" from (${levelDifferencesText(shape, unit)}) as kept`,
  )
  const exact = [
    everDifferencesText(songs),
    sinceDifferencesText(songs, `timestamptz '2026-03-28 05:30Z'`),
    sinceDifferencesText(songs, `timestamptz '2026-02-26 05:30Z'`),
    sinceDifferencesText(days, `timestamptz '2026-02-27 05:30Z'`),
  ]
  const others = [...levels, ...exact].map((text) => ` union all select * from (${text}) as other`)
  return `select rollup, of, "row" from (${differencesText(read)}) as one${others.join('')}`
}

async function playAll(world: World, moves: readonly (readonly [number, Move])[]): Promise<void> {
  const { sessions, merger } = world
  try {
    for (const [number, one] of moves) {
      const acting = sessions[number] ?? merger
      await play(world, acting, one)
      await expectExact(world, acting)
    }
    await endAll(world, 'rollback')
    await expectVerified(world)
  } finally {
    await endAll(world, 'rollback')
    await run(merger, 'delete from plays_history')
  }
}

async function endAll({ sessions }: World, how: 'commit' | 'rollback'): Promise<void> {
  for (const session of sessions) await run(session, how)
}

/** Two that play, and one that merges. */
async function withSessions(
  db: Db,
  work: (sessions: readonly Session[], merger: Session) => Promise<void>,
): Promise<void> {
  await db.withSession(async (merger) => {
    await db.withSession(async (one) => {
      await db.withSession(async (other) => {
        // Of a statement that waits for the other session: it fails, and its transaction is rolled back.
        for (const session of [one, other]) await run(session, `set lock_timeout = '20ms'`)
        await work([one, other], merger)
      })
    })
  })
}

async function play(world: World, session: Session, one: Move): Promise<void> {
  const { shapes, merger } = world
  const all = [...shapes, world.ends]
  if (one.kind === 'merge') {
    for (const shape of all)
      await mergeRollup(merger, shape, { ...patience, at: `timestamptz '2026-${one.at} 00:30Z'` })
    return
  }
  if (one.kind === 'rebuild') {
    for (const shape of all) await rebuildRange(merger, shape, one, { lockTimeoutMs: 20 }).catch(forgive)
    return
  }
  if (one.kind === 'pack' || one.kind === 'unpack') {
    await moveTier(world, one)
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

/** A move waits for whoever is in the middle of something. */
async function moveTier(world: World, one: Extract<Move, { readonly kind: 'pack' | 'unpack' }>): Promise<void> {
  const { tiers, packed } = world
  if (one.kind === 'unpack' && !packed.has(one.partition)) return
  await endAll(world, 'commit')
  await tiers.move(one.partition, one.kind)
  if (one.kind === 'pack') packed.add(one.partition)
  else packed.delete(one.partition)
  await expectVerified(world)
}

async function expectVerified({ shapes, ends: found, merger }: World): Promise<void> {
  for (const shape of [...shapes, found]) {
    const options = { fix: false, floor: 'none', clock: systemClock, ...patience } as const
    expect(await verifyRollup(merger, shape, options)).toMatchObject({ different: 0, totals: 0, levels: 0 })
  }
}

/** What sessions that get into each other's way are told, and what is said to a savepoint outside of a transaction or a BEGIN inside of one. */
const expected = new Set(['25001', '55P03', '40001', '40P01', '3B001', '25P01', '0A000'])

function forgive(error: unknown): void {
  if (!expected.has(sqlstateOf(error) ?? '')) throw error
}

/** Whoever truncates keeps others from looking: that one sees nothing, and its transaction is over. */
async function expectExact({ shapes }: World, session: Session): Promise<void> {
  const found = await session.query(sql.raw(lookText(shapes))).catch(async (error: unknown) => {
    if (sqlstateOf(error) !== sqlstate.lockNotAvailable) throw error
    await run(session, 'rollback')
    return { rows: [] }
  })
  expect(found.rows).toEqual([])
}
