// A reader of a rollup with levels, and its functions in SQL, give what a recompute of the source gives, at any instant and by any unit, in zones whose
// clocks do what clocks do, with what is merged and what is pending in between; and it does read the levels.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { mergeRollup } from '../../src/rollups/merge/merge.ts'
import type { Measure, Rollup, TimeUnit } from '../../src/rollups/model/options.ts'
import { createReader } from '../../src/rollups/read/reader.ts'
import type { DeclaredRollup, ReaderOf } from '../../src/rollups/read/types.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { liesWithin } from '../../src/rollups/model/units.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { checkProperty } from '../support/property.ts'
import { functionCall, install, measure, patience, rollupOf, run } from './support.ts'

type Span = NonNullable<Rollup['bucket']>['span']
type Kept = readonly [column: string, unit: Span['unit'], count: number, zone: string, levels: readonly TimeUnit[]]

/** Newfoundland's clocks went from 00:01 back to the day before: with minutes, a day begins, is left, and begins again. */
const kept: readonly Kept[] = [
  ['at', 'hour', 1, 'UTC', ['day', 'month']],
  ['at', 'minute', 15, 'UTC', ['hour', 'day', 'week', 'year']],
  ['at', 'hour', 1, 'Europe/Berlin', ['day', 'week', 'month', 'quarter']],
  ['at', 'hour', 1, 'Australia/Lord_Howe', ['day', 'year']],
  ['at', 'minute', 30, 'Australia/Lord_Howe', ['hour', 'day']],
  ['at', 'hour', 1, 'Atlantic/Azores', ['day', 'month']],
  ['at', 'day', 1, 'Atlantic/Azores', ['month']],
  ['at', 'hour', 1, 'America/Havana', ['day', 'week']],
  ['at', 'day', 1, 'America/Havana', ['week', 'year']],
  ['at', 'minute', 1, 'America/St_Johns', ['hour', 'day']],
  ['at', 'minute', 15, 'America/St_Johns', ['day', 'month']],
  ['local', 'hour', 1, 'Europe/Berlin', ['day', 'month']],
  ['day', 'day', 1, 'UTC', ['week', 'month', 'year']],
]

const rollups = kept.map(([column, unit, count, zone, levels], index) =>
  rollupOf({
    name: `r${index}`,
    bucket: { column, span: { unit, count } as Span, zone },
    by: ['song'],
    measures: [measure('plays', 'count'), measure('earned', 'sum', { of: 'amount' })],
    levels,
  }),
)

/** Moments at which clocks change, and the zone whose. */
const scenes: readonly (readonly [moment: string, zone: string])[] = [
  ['2026-03-29T01:00:00Z', 'Europe/Berlin'],
  ['2026-10-25T01:00:00Z', 'Europe/Berlin'],
  ['2026-10-25T01:00:00Z', 'Atlantic/Azores'],
  ['2026-03-29T01:00:00Z', 'Atlantic/Azores'],
  ['2026-04-04T15:00:00Z', 'Australia/Lord_Howe'],
  ['2026-10-03T15:30:00Z', 'Australia/Lord_Howe'],
  ['2026-11-01T05:00:00Z', 'America/Havana'],
  ['2026-03-08T05:00:00Z', 'America/Havana'],
  ['2010-11-07T02:31:00Z', 'America/St_Johns'],
  ['2026-01-01T00:00:00Z', 'any'],
  ['2026-06-30T22:00:00Z', 'any'],
]

const times = (most: number, stepMs: number): fc.Arbitrary<number> =>
  fc.integer({ min: -most, max: most }).map((steps) => steps * stepMs)

/** On the quarter or half hour, or days around the moment; a millisecond beside it now and then. */
const instantNear = (moment: string): fc.Arbitrary<Date> =>
  fc
    .tuple(
      fc.oneof(times(12, 900_000), times(150, 1_800_000), times(60, 86_400_000), times(8000, 3_600_000)),
      fc.constantFrom(0, 0, 0, 1, -1),
    )
    .map(([shiftMs, besideMs]) => new Date(Date.parse(moment) + shiftMs + besideMs))

interface Row {
  readonly song: number | null
  readonly amount: number
  readonly at: Date
}

const rowNear = (moment: string): fc.Arbitrary<Row> =>
  fc.record({
    song: fc.constantFrom(null, 1, 2),
    amount: fc.integer({ min: -3, max: 9 }),
    at: instantNear(moment),
  })

interface Question {
  readonly rollup: number
  readonly ends: readonly Date[]
  readonly kind: 'all' | 'since' | 'between'
  readonly by: readonly string[]
  readonly song: number | null | undefined
  /** By the key, without a unit. */
  readonly isInSql: boolean
}

const questionNear = (moment: string, zone: string): fc.Arbitrary<Question> =>
  fc.constantFrom(...[...kept.keys()].filter((index) => zone === 'any' || kept[index]?.[3] === zone)).chain((rollup) =>
    fc
      .record({
        isInSql: fc.constantFrom(false, false, true),
        rollup: fc.constant(rollup),
        ends: fc
          .array(instantNear(moment), { minLength: 2, maxLength: 2 })
          .map((ends) => ends.toSorted((a, b) => a.getTime() - b.getTime())),
        kind: fc.constantFrom('all', 'since', 'since', 'between', 'between', 'between'),
        by: fc
          .tuple(fc.constantFrom([], ['song']), fc.constantFrom([], ...unitsOf(rollup).map((unit) => [unit])))
          .map(([keys, units]) => [...keys, ...units]),
        song: fc.constantFrom(undefined, undefined, 1, null),
      })
      .map((asked) => (asked.kind === 'all' ? { ...asked, isInSql: false } : asked))
      .map((asked) => (asked.isInSql ? { ...asked, by: ['song'] } : asked)),
  )

/** Each level, a coarser unit, and the bucket itself. */
function unitsOf(rollup: number): readonly string[] {
  const [, bucket, , , levels] = kept[rollup] ?? ['', 'day', 1, '', []]
  return [...levels, 'bucket', ...(['quarter', 'year'] as const).filter((unit) => liesWithin(bucket, unit))]
}

const late = fc.constantFrom(
  `update plays set amount = 7 where song = 1`,
  `update plays set at = at + interval '1 hour', local = local + interval '1 hour', day = day + 1`,
  `delete from plays where amount > 5`,
  `insert into plays (song, amount, at) values (1, 2, 'infinity'), (1, 2, '-infinity')`,
  `truncate plays`,
)

/** Intervals that end, and that begin, where the day that comes has begun and the day before it is not over. */
const newfoundland: [Row[], string[], Question[]] = [
  ['11-06T12:00:00', '11-07T02:30:15', '11-07T02:45:00', '11-07T12:00:00'].map((time) => ({
    song: 1,
    amount: 1,
    at: new Date(`2010-${time}Z`),
  })),
  [],
  [
    ['11-05T00:00:00', '11-07T02:30:30'],
    ['11-07T03:00:00', '11-10T00:00:00'],
  ].map((ends) => ({
    rollup: kept.findIndex(([, , count, zone]) => count === 1 && zone === 'America/St_Johns'),
    ends: ends.map((end) => new Date(`2010-${end}Z`)),
    kind: 'between',
    by: [],
    song: undefined,
    isInSql: false,
  })),
]

interface Declared extends DeclaredRollup {
  readonly bucket: string
  readonly by: readonly ['song']
}

describeOnEachVersion('a reader of a rollup with levels', (_version, database) => {
  test('gives what a recompute of the source gives', async () => {
    const { db } = database()
    await createPlays(db)
    const shapes = await install(db, rollups)
    const input = fc.noShrink(
      fc
        .constantFrom(...scenes)
        .chain(([moment, zone]) =>
          fc.tuple(
            fc.array(rowNear(moment), { minLength: 40, maxLength: 120 }),
            fc.array(late, { maxLength: 1 }),
            fc.array(questionNear(moment, zone), { minLength: 60, maxLength: 60 }),
          ),
        ),
    )
    await checkProperty(
      'reader of levels',
      input,
      async ([rows, changes, questions]) => {
        await run(db, 'truncate plays')
        await insert(db, rows.slice(0, rows.length / 2))
        await db.withSession(async (session) => {
          for (const shape of shapes) await mergeRollup(session, shape, patience)
        })
        await insert(db, rows.slice(rows.length / 2))
        await run(db, ...changes)
        for (const one of questions) await expectExact(db, shapes, one)
      },
      { runs: 9, examples: [[newfoundland]] },
    )
  })

  test.each<[string, Partial<Rollup>, (reader: ReaderOf<Declared>) => Promise<unknown>, readonly string[]]>([
    ['by the unit of a level', {}, (of) => of.since('400 days').by('day').compile(), ['day']],
    ['by a coarser one, from both', {}, (of) => of.since('400 days').by('year').compile(), ['day', 'month']],
    ['by no time at all', {}, (of) => of.since('400 days').by('song').compile(), ['day', 'month']],
    ['without an interval, from the coarsest', {}, (of) => of.by('song').compile(), ['month']],
    ['by bucket, from none', {}, (of) => of.since('400 days').by('bucket').compile(), []],
    ['by a week, from days', {}, (of) => of.since('400 days').by('week').compile(), ['day']],
    ['from none, where a measure cannot be added up', { measures: withMax }, (of) => of.by('song').compile(), []],
    [
      'where those that are asked for can be',
      { measures: withMax },
      (of) => of.by('song').measures('plays').compile(),
      ['month'],
    ],
    ['nothing of levels where none is declared', { levels: undefined }, (of) => of.by('song').compile(), []],
  ])('reads %s', async (_what, said, ask, expected) => {
    const { db } = database()
    await createPlays(db)
    const [shape] = await install(db, [rollupOf({ levels: ['day', 'month'], ...said })])
    expect.assert(shape !== undefined)
    const reader = createReader<Declared>({ rollup: shape.rollup, shape })
    const { text } = (await ask(reader)) as { text: string }
    expect(['hour', 'day', 'month'].filter((unit) => text.includes(`song_plays_${unit}_merged`))).toEqual(expected)
  })
})

const withMax: readonly Measure[] = [measure('plays', 'count'), measure('best', 'max', { of: 'amount' })]

async function createPlays(db: Db): Promise<void> {
  await run(
    db,
    'drop schema public cascade',
    'create schema public',
    'drop schema if exists pgstrata cascade',
    `create table plays (song int, amount numeric, at timestamptz not null, local timestamp not null default '2026-06-01', day date not null default '2026-06-01')`,
    'create index on plays (at)',
  )
}

async function insert(db: Db, rows: readonly Row[]): Promise<void> {
  await db.query(sql`
    insert into plays (song, amount, at, local, day)
    select song, amount, at, at at time zone 'Europe/Berlin', (at at time zone 'UTC')::date
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as one (song int, amount numeric, at timestamptz)`)
}

async function expectExact(db: Db, shapes: readonly Shape[], asked: Question): Promise<void> {
  const shape = shapes[asked.rollup]
  if (shape === undefined) return
  const read = asked.isInSql ? callFunction : readRows
  const rows = (await read(db, shape, asked)).map(plain).toSorted()
  const truth = (await recompute(db, shape, asked)).map(plain).toSorted()
  expect(rows, JSON.stringify([shape.rollup.bucket, shape.rollup.levels, asked])).toEqual(truth)
}

const plain = (one: object): string =>
  JSON.stringify(Object.entries(one).toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)))

async function readRows(db: Db, shape: Shape, asked: Question): Promise<readonly object[]> {
  const { rollup } = shape
  const start: ReaderOf<Declared> = createReader<Declared>({ rollup, shape, query: (one) => db.query(one) })
  const [from = '', to = ''] = asked.ends.map((end) =>
    rollup.bucket?.column === 'day' ? end.toISOString().slice(0, 10) : end,
  )
  const within = { all: start, since: start.since(from), between: start.between(from, to) }[asked.kind]
  const of = asked.song === undefined ? within : within.where({ song: asked.song })
  return await of.by(...(asked.by as ('song' | 'day')[])).rows()
}

async function callFunction(db: Db, shape: Shape, { ends, kind, song }: Question): Promise<readonly object[]> {
  const call = functionCall(
    shape,
    ends.slice(0, kind === 'since' ? 1 : 2).map((end) => literalOf(shape, end)),
  )
  const where = song === undefined ? 'true' : song === null ? 'song is null' : `song = ${song}`
  return (await db.query(sql.raw(`select * from ${call} where ${where}`))).rows
}

/** As a recompute takes it. */
function literalOf({ rollup: { bucket } }: Shape, end: Date): string {
  const text = end.toISOString()
  if (bucket?.column === 'day') return `date '${text.slice(0, 10)}'`
  return bucket?.column === 'at'
    ? `timestamptz '${text}'`
    : `(timestamptz '${text}' at time zone '${bucket?.zone ?? ''}')`
}

/** Written without anything of the reader's but the bucket: of a coarser unit, the one in which the bucket lies. */
async function recompute(db: Db, shape: Shape, asked: Question): Promise<readonly object[]> {
  const { bucket } = shape.rollup
  const { column = '', zone = '' } = bucket ?? {}
  const own = shape.keys[0]?.value ?? ''
  const unitOf = (unit: string): string => {
    if (column === 'at') return `date_trunc('${unit}', ${own}, '${zone}')`
    return column === 'day' ? `date_trunc('${unit}', (${own})::timestamp)::date` : `date_trunc('${unit}', ${own})`
  }
  const [from, to] = asked.ends.map((end) => literalOf(shape, end))
  const groups = asked.by.map((name) =>
    name === 'song' ? name : `${name === 'bucket' ? own : unitOf(name)} as "${name}"`,
  )
  const within = [
    ...(asked.kind === 'all' ? [] : [`${column} >= ${from}`]),
    ...(asked.kind === 'between' ? [`${column} < ${to}`] : []),
    ...(asked.song === undefined ? [] : [asked.song === null ? 'song is null' : `song = ${asked.song}`]),
  ]
  const { rows } = await db.query(
    sql.raw(`
    select ${[...groups, 'count(*) as plays', 'sum(amount) as earned'].join(', ')}
    from plays
    ${within.length === 0 ? '' : `where ${within.join(' and ')}`}
    ${groups.length === 0 ? '' : `group by ${groups.map((_, index) => index + 1).join(', ')}`}
    having count(*) > 0`),
  )
  return rows
}
