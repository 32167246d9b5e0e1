// A reader, and the functions in SQL, give what a recompute of the source gives, for any interval, by any unit, merged or not, in
// zones whose clocks do what clocks do.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { mergeRollup } from '../../src/rollups/merge/merge.ts'
import type { Rollup } from '../../src/rollups/model/options.ts'
import { createReader } from '../../src/rollups/read/reader.ts'
import type { DeclaredRollup, KeyCondition, ReaderOf } from '../../src/rollups/read/types.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { checkProperty } from '../support/property.ts'
import { functionCall, install, measure, patience, rollupOf, run } from './support.ts'

type Span = NonNullable<Rollup['bucket']>['span']
const units = ['minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'] as const

const measures = [
  measure('plays', 'count'),
  measure('earned', 'sum', { of: 'amount' }),
  measure('mean', 'avg', { of: 'amount', filter: "kind = 'a'" }),
]

/** Berlin and Lord Howe (by half an hour) skip and repeat in the night; in the Azores and in Havana it is midnight that comes twice. */
const buckets: readonly (readonly [column: string, unit: Span['unit'], count: number, zone: string])[] = [
  ['at', 'hour', 1, 'UTC'],
  ['at', 'hour', 6, 'UTC'],
  ['at', 'minute', 15, 'Asia/Kathmandu'],
  ['at', 'minute', 30, 'Australia/Lord_Howe'],
  ['at', 'hour', 2, 'Asia/Kolkata'],
  ['at', 'hour', 1, 'Europe/Berlin'],
  ['at', 'hour', 1, 'Australia/Lord_Howe'],
  ['at', 'day', 1, 'Australia/Lord_Howe'],
  ['at', 'day', 1, 'Europe/Berlin'],
  ['at', 'day', 1, 'Atlantic/Azores'],
  ['at', 'day', 1, 'America/St_Johns'],
  ['at', 'day', 1, 'UTC'],
  ['at', 'month', 1, 'America/Havana'],
  ['at', 'week', 1, 'Asia/Kolkata'],
  ['local', 'hour', 2, 'Europe/Berlin'],
  ['local', 'day', 1, 'Europe/Berlin'],
  ['day', 'day', 1, 'UTC'],
  ['day', 'month', 1, 'UTC'],
]

const rollups = buckets.map(([column, unit, count, zone], index) =>
  rollupOf({
    name: `r${index}`,
    bucket: { column, span: { unit, count } as Span, zone },
    by: ['song', 'kind'],
    measures,
    ...(index % 4 === 3 ? { where: 'amount is distinct from 3' } : {}),
  }),
)

/** Moments at which clocks change, and the zone whose; Newfoundland's went from 00:01 back to the day before. */
const scenes: readonly (readonly [moment: string, zone: string])[] = [
  ['2026-03-29T01:00:00Z', 'Europe/Berlin'],
  ['2026-10-25T01:00:00Z', 'Europe/Berlin'],
  ['2026-10-25T01:00:00Z', 'Atlantic/Azores'],
  ['2026-04-04T15:00:00Z', 'Australia/Lord_Howe'],
  ['2026-10-03T15:30:00Z', 'Australia/Lord_Howe'],
  ['2026-11-01T05:00:00Z', 'America/Havana'],
  ['2010-11-07T02:31:00Z', 'America/St_Johns'],
  ['2026-01-01T00:00:00Z', 'any'],
  ['2026-06-30T22:00:00Z', 'any'],
]

const times = (most: number, stepMs: number): fc.Arbitrary<number> =>
  fc.integer({ min: -most, max: most }).map((steps) => steps * stepMs)

/** On the quarter or half hour around the moment, mostly; a millisecond beside it now and then. */
const instantNear = (moment: string): fc.Arbitrary<Date> =>
  fc
    .tuple(
      fc.oneof(
        { weight: 4, arbitrary: times(12, 900_000) },
        { weight: 4, arbitrary: times(54, 1_800_000) },
        { weight: 1, arbitrary: times(20_000_000, 1) },
        { weight: 1, arbitrary: times(60, 86_400_000) },
      ),
      fc.constantFrom(0, 0, 0, 1, -1),
    )
    .map(([shiftMs, besideMs]) => new Date(Date.parse(moment) + shiftMs + besideMs))

interface Row {
  readonly song: number | null
  readonly kind: string
  readonly amount: string | null
  readonly at: Date
}

const rowNear = (moment: string): fc.Arbitrary<Row> =>
  fc.record({
    song: fc.constantFrom(null, 1, 2),
    kind: fc.constantFrom('a', 'b'),
    amount: fc.constantFrom(null, '0', '1.5', '-2', '3', 'NaN', 'Infinity'),
    at: instantNear(moment),
  })

interface Question {
  readonly rollup: number
  readonly ends: readonly Date[]
  readonly isOpen: boolean
  readonly by: readonly ('song' | 'kind')[]
  readonly unit: number
  readonly song: KeyCondition | undefined
  /** By all keys, without a unit. */
  readonly isInSql: boolean
}

const questionNear = (moment: string, zone: string): fc.Arbitrary<Question> =>
  fc
    .record({
      isInSql: fc.constantFrom(false, false, true),
      rollup: fc.constantFrom(...buckets.keys()).filter((index) => zone === 'any' || buckets[index]?.[3] === zone),
      ends: fc
        .array(instantNear(moment), { minLength: 2, maxLength: 2 })
        .map((ends) => ends.toSorted((a, b) => a.getTime() - b.getTime())),
      isOpen: fc.boolean(),
      by: fc.subarray(['song', 'kind'] as const),
      unit: fc.nat(noUnit),
      song: fc.constantFrom<(KeyCondition | undefined)[]>(undefined, undefined, 1, null, [1, null], [2, 1], []),
    })
    .map((asked) => (asked.isInSql ? { ...asked, by: ['song', 'kind'], unit: noUnit } : asked))

/** Behind all that there are. */
const noUnit = 14

const late = fc.constantFrom(
  `update plays set amount = 7 where song = 1`,
  `update plays set at = at + interval '1 hour', local = local + interval '1 hour'`,
  `delete from plays where kind = 'a'`,
  `insert into plays (song, kind, amount, at) values (1, 'b', 2, 'infinity'), (1, 'a', 2, '-infinity')`,
  `truncate plays`,
)

/** In the last minute before the clocks go back, with rows of the day before that come after it. */
const newfoundland: [Row[], string[], boolean, Question[]] = [
  ['01:00:00', '02:30:15', '02:45:00', '04:00:00'].map((time) => ({
    song: 1,
    kind: 'a',
    amount: '1',
    at: new Date(`2010-11-07T${time}Z`),
  })),
  [],
  false,
  [
    {
      rollup: buckets.findIndex(([, , , zone]) => zone === 'America/St_Johns'),
      ends: [new Date('2010-11-05T00:00:00Z'), new Date('2010-11-07T02:30:30Z')],
      isOpen: false,
      by: [],
      unit: noUnit,
      song: undefined,
      isInSql: false,
    },
  ],
]

interface Declared extends DeclaredRollup {
  readonly bucket: string
  readonly by: readonly ('song' | 'kind')[]
}

describeOnEachVersion('a reader', (_version, database) => {
  test('gives what a recompute of the source gives', async () => {
    const { db } = database()
    await run(
      db,
      `create table plays (song int, kind text, amount numeric, at timestamptz not null, local timestamp not null default '2026-06-01', day date not null default '2026-06-01') partition by range (at)`,
      `create table plays_1 partition of plays for values from (minvalue) to ('2026-06-01')`,
      `create table plays_2 partition of plays for values from ('2026-06-01') to (maxvalue)`,
      `create index on plays (at)`,
    )
    const shapes = await install(db, rollups)
    // An input takes half a second, and a failure says its question: smaller ones are not looked for.
    const input = fc.noShrink(
      fc
        .constantFrom(...scenes)
        .chain(([moment, zone]) =>
          fc.tuple(
            fc.array(rowNear(moment), { minLength: 20, maxLength: 80 }),
            fc.array(late, { maxLength: 1 }),
            fc.boolean(),
            fc.array(questionNear(moment, zone), { minLength: 50, maxLength: 50 }),
          ),
        ),
    )
    await checkProperty(
      'reader',
      input,
      async ([rows, changes, isMerged, questions]) => {
        await run(db, 'truncate plays')
        await insert(db, rows.slice(0, rows.length / 2))
        if (isMerged) await merge(db, shapes)
        await insert(db, rows.slice(rows.length / 2))
        await run(db, ...changes)
        for (const one of questions) await expectExact(db, shapes, one)
      },
      { runs: 9, examples: [[newfoundland]] },
    )
  })
})

async function insert(db: Db, rows: readonly Row[]): Promise<void> {
  await db.query(sql`
    insert into plays (song, kind, amount, at, local, day)
    select song, kind, amount, at, at at time zone 'Europe/Berlin', (at at time zone 'UTC')::date
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as one (song int, kind text, amount numeric, at timestamptz)`)
}

async function merge(db: Db, shapes: readonly Shape[]): Promise<void> {
  await db.withSession(async (session) => {
    for (const shape of shapes) await mergeRollup(session, shape, patience)
  })
}

async function expectExact(db: Db, shapes: readonly Shape[], asked: Question): Promise<void> {
  const shape = shapes[asked.rollup]
  if (shape === undefined) return
  const read = asked.isInSql ? callFunction : readRows
  const rows = (await read(db, shape, asked)).map(plain).toSorted()
  const truth = (await recompute(db, shape, asked)).map(plain).toSorted()
  expect(rows, JSON.stringify([shape.rollup.bucket, asked])).toEqual(truth)
}

/** Without the zeros behind the point, of which there are as many as the row with most of them had, gone or not. */
const plain = (one: object): string =>
  JSON.stringify(
    Object.entries(one)
      .map(([name, value]) => [
        name,
        typeof value === 'string' ? value.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '') : value,
      ])
      .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
  )

/** 'bucket', or a unit that is at least as long; none for weeks in months. */
function unitFor(
  { rollup: { bucket } }: Shape,
  { unit }: Question,
): Exclude<(typeof units)[number], 'minute'> | 'bucket' | undefined {
  const wanted = units[unit]
  if (wanted === undefined || bucket === undefined) return undefined
  const { span } = bucket
  const isFiner = units.indexOf(wanted) < units.indexOf(span.unit) || (wanted === span.unit && span.count > 1)
  return isFiner || wanted === 'minute' || (span.unit === 'week' && wanted !== 'week') ? 'bucket' : wanted
}

async function readRows(db: Db, shape: Shape, asked: Question): Promise<readonly object[]> {
  const unit = unitFor(shape, asked)
  const start: ReaderOf<Declared> = createReader<Declared>({
    rollup: shape.rollup,
    shape,
    query: (statement) => db.query(statement),
  })
  const [from, to] = asked.ends.map((end) => endOf(shape, end))
  if (from === undefined || to === undefined) return []
  const within = asked.isOpen ? start.since(from) : start.between(from, to)
  const of = asked.song === undefined ? within : within.where({ song: asked.song })
  return await of.by(...asked.by, ...(unit === undefined ? [] : [unit])).rows()
}

const endOf = ({ rollup: { bucket } }: Shape, end: Date): Date | string =>
  bucket?.column === 'day' ? end.toISOString().slice(0, 10) : end

async function callFunction(db: Db, shape: Shape, asked: Question): Promise<readonly object[]> {
  const ends = asked.isOpen ? asked.ends.slice(0, 1) : asked.ends
  const call = functionCall(
    shape,
    ends.map((end) => literalOf(shape, end)),
  )
  return (await db.query(sql.raw(`select * from ${call} where ${songIs(asked)}`))).rows
}

/** As a recompute takes it. */
function literalOf({ rollup: { bucket } }: Shape, end: Date): string {
  const text = end.toISOString()
  if (bucket?.column === 'day') return `date '${text.slice(0, 10)}'`
  return bucket?.column === 'at'
    ? `timestamptz '${text}'`
    : `(timestamptz '${text}' at time zone '${bucket?.zone ?? ''}')`
}

function songIs({ song }: Question): string {
  const conditions: Readonly<Record<string, string>> = {
    undefined: 'true',
    '1': 'song = 1',
    null: 'song is null',
    '[1,null]': '(song = 1 or song is null)',
    '[2,1]': 'song in (1, 2)',
    '[]': 'false',
  }
  return conditions[song === undefined ? 'undefined' : JSON.stringify(song)] ?? ''
}

/** Written without anything of the reader's. */
async function recompute(db: Db, shape: Shape, asked: Question): Promise<readonly object[]> {
  const { bucket, where } = shape.rollup
  if (bucket === undefined) return []
  const { column, zone } = bucket
  const unit = unitFor(shape, asked)
  const time = {
    at: `date_trunc('${unit ?? ''}', at, '${zone}')`,
    local: `date_trunc('${unit ?? ''}', local)`,
    day: `date_trunc('${unit ?? ''}', day::timestamp)::date`,
  }[column]
  const [from, to] = asked.ends.map((end) => literalOf(shape, end))
  const groups = [
    ...asked.by,
    ...(unit === undefined ? [] : [`${unit === 'bucket' ? (shape.keys[0]?.value ?? '') : (time ?? '')} as "${unit}"`]),
  ]
  const group = groups.length === 0 ? '' : `group by ${groups.map((_, index) => index + 1).join(', ')}`
  const { rows } = await db.query(
    sql.raw(`
    select ${[...groups, 'count(*) as plays', 'sum(amount) as earned', `avg(amount) filter (where kind = 'a') as mean`].join(', ')}
    from plays
    where ${column} >= ${from} ${asked.isOpen ? '' : `and ${column} < ${to}`} and ${songIs(asked)} and (${where ?? 'true'})
    ${group}
    having count(*) > 0`),
  )
  return rows
}
