// A reader never adds numbers of values up: over any interval, by any key and unit, what it says of values is what a recompute
// of the source says, merged or not.

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
import { install, measure, patience, rollupOf, run } from './support.ts'
import { missing, recompute } from './values-truth.ts'

const measures = [
  measure('plays', 'count'),
  measure('listeners', 'countDistinct', { of: 'listener' }),
  measure('Usual', 'mode', { of: 'kind', filter: 'listener > 1' }),
  measure('most', 'topK', { of: 'listener', most: 3 }),
  measure('p90', 'percentile', { of: 'amount', fraction: 0.9, error: 0.02 }),
]

type Span = NonNullable<Rollup['bucket']>['span']
const buckets: readonly (readonly [unit: Span['unit'], count: number, zone: string])[] = [
  ['hour', 1, 'UTC'],
  ['hour', 6, 'UTC'],
  ['day', 1, 'Europe/Berlin'],
  ['hour', 1, 'Australia/Lord_Howe'],
]
const rollups = buckets.map(([unit, count, zone], index) =>
  rollupOf({
    name: `r${index}`,
    bucket: { column: 'at', span: { unit, count } as Span, zone },
    by: ['song', 'kind'],
    measures,
    ...(index === 2 ? { where: 'listener is distinct from 3' } : {}),
  }),
)

/** Clocks change in Berlin; in Lord Howe a week later, which the last scene is about. */
const scenes = ['2026-03-29T01:00:00Z', '2026-04-04T15:00:00Z']

const instantNear = (moment: string): fc.Arbitrary<Date> =>
  fc
    .tuple(fc.integer({ min: -60, max: 60 }), fc.constantFrom(0, 0, 1, -1))
    .map(([halves, besideMs]) => new Date(Date.parse(moment) + halves * 1_800_000 + besideMs))

const rowNear = (moment: string): fc.Arbitrary<object> =>
  fc.record({
    song: fc.constantFrom(null, 1, 2),
    kind: fc.constantFrom('a', 'b', 'c'),
    amount: fc.constantFrom(null, '0', '1.5', '-2', '3', '1000', 'NaN', 'Infinity'),
    listener: fc.constantFrom(null, 1, 2, 3, 4),
    at: instantNear(moment),
  })

interface Question {
  readonly rollup: number
  readonly ends: readonly Date[]
  readonly asks: 'all' | 'since' | 'between'
  readonly by: readonly ('song' | 'kind')[]
  readonly unit: 'bucket' | 'day' | 'month' | undefined
  readonly song: KeyCondition | undefined
}

const questionNear = (moment: string): fc.Arbitrary<Question> =>
  fc.record({
    rollup: fc.nat(buckets.length - 1),
    ends: fc
      .array(instantNear(moment), { minLength: 2, maxLength: 2 })
      .map((ends) => ends.toSorted((a, b) => a.getTime() - b.getTime())),
    asks: fc.constantFrom('all', 'since', 'between', 'between'),
    by: fc.subarray(['song', 'kind'] as const),
    unit: fc.constantFrom(undefined, undefined, 'bucket', 'day', 'month'),
    song: fc.constantFrom<(KeyCondition | undefined)[]>(undefined, undefined, 1, null, [1, null]),
  })

const late = fc.constantFrom(
  'update plays set listener = 4 where song = 1',
  `update plays set at = at + interval '1 hour'`,
  `delete from plays where kind = 'a'`,
  'truncate plays',
)

interface Declared extends DeclaredRollup {
  readonly bucket: string
  readonly by: readonly ('song' | 'kind')[]
}

describeOnEachVersion('a reader of values', (_version, database) => {
  test('gives what a recompute of the source gives', async () => {
    const { db } = database()
    await run(
      db,
      'create table plays (song int, kind text not null, amount numeric, listener int, at timestamptz not null)',
      'create index on plays (at)',
    )
    const shapes = await install(db, rollups)
    const input = fc.noShrink(
      fc
        .constantFrom(...scenes)
        .chain((moment) =>
          fc.tuple(
            fc.array(rowNear(moment), { minLength: 10, maxLength: 60 }),
            fc.array(late, { maxLength: 1 }),
            fc.boolean(),
            fc.array(questionNear(moment), { minLength: 25, maxLength: 25 }),
          ),
        ),
    )
    await checkProperty(
      'reader of values',
      input,
      async ([rows, changes, isMerged, questions]) => {
        await run(db, 'truncate plays')
        await insert(db, rows.slice(0, rows.length / 2))
        if (isMerged) await merge(db, shapes)
        await insert(db, rows.slice(rows.length / 2))
        await run(db, ...changes)
        for (const one of questions) await expectExact(db, shapes, one)
      },
      { runs: 4 },
    )
  })

  test('says them beside what is joined, in order, and for groups that have no value', async () => {
    const { db } = database()
    await run(
      db,
      'drop table if exists plays cascade',
      'drop schema pgstrata cascade',
      ...rollups.map(({ name }) => `drop table ${name}_merged cascade`),
      'create table plays (song int not null, kind text not null, amount numeric, listener int, at timestamptz not null)',
      `create table songs (id int, title text)`,
      `insert into songs values (1, 'one'), (2, 'two')`,
    )
    const [shape] = await install(db, [rollupOf({ name: 'songs_played', measures })])
    expect.assert(shape !== undefined)
    await run(
      db,
      `insert into plays values (1, 'a', 2, 7, now()), (1, 'b', 4, 8, now() - interval '5 hours'), (1, 'b', 8, 7, now()), (2, 'c', null, null, now())`,
    )
    const reader = createReader<Declared>({ rollup: shape.rollup, shape, query: (one) => db.query(one) })
    const rows = await reader
      .since('3 days')
      .by('song')
      .join({ song: { table: 'songs', on: 'song', columns: ['title'] } })
      .orderBy('listeners', 'desc')
      .limit(5)
      .rows()
    expect(rows).toEqual([
      {
        song: 1,
        plays: '3',
        listeners: '2',
        Usual: 'b',
        most: [7, 8],
        p90: expect.closeTo(8, 0.16) as unknown,
        song_title: 'one',
      },
      { song: 2, plays: '1', listeners: '0', Usual: null, most: null, p90: null, song_title: 'two' },
    ])
    expect(await reader.measures('listeners').rows()).toEqual([{ listeners: '2' }])
  })
})

async function insert(db: Db, rows: readonly object[]): Promise<void> {
  await db.query(sql`
    insert into plays (song, kind, amount, listener, at)
    select song, kind, amount, listener, at
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as one (song int, kind text, amount numeric, listener int, at timestamptz)`)
}

async function merge(db: Db, shapes: readonly Shape[]): Promise<void> {
  await db.withSession(async (session) => {
    for (const shape of shapes) await mergeRollup(session, shape, patience)
  })
}

/** Written without anything of the reader's; both in one statement, what the reader says as JSON. */
async function expectExact(db: Db, shapes: readonly Shape[], asked: Question): Promise<void> {
  const shape = shapes[asked.rollup]
  const [from, to] = asked.ends
  if (shape === undefined || from === undefined || to === undefined) return
  const unit = asked.unit
  const start: ReaderOf<Declared> = createReader<Declared>({ rollup: shape.rollup, shape })
  const within = asked.asks === 'all' ? start : asked.asks === 'since' ? start.since(from) : start.between(from, to)
  const of = asked.song === undefined ? within : within.where({ song: asked.song })
  const read = await of.by(...asked.by, ...(unit === undefined ? [] : [unit])).compile()
  const groups = [
    ...asked.by.map((name) => ({ name: name as string, value: name as string })),
    ...(unit === undefined ? [] : [{ name: unit, value: timeOf(shape, unit) }]),
  ]
  const where = [
    ...(asked.asks === 'all' ? [] : [`at >= '${from.toISOString()}'`]),
    ...(asked.asks === 'between' ? [`at < '${to.toISOString()}'`] : []),
    { undefined: 'true', '1': 'song = 1', null: 'song is null', '[1,null]': 'song = 1 or song is null' }[
      asked.song === undefined ? 'undefined' : JSON.stringify(asked.song)
    ] ?? '',
  ]
  const truth = recompute(shape, groups, where.map((one) => `(${one})`).join(' and '))
  const names = groups.map(({ name }) => name)
  const side = (one: string, other: string, lax: 'one' | 'other'): string =>
    missing(measures, names, { one, other, lax })
  const { rows } = await db.query(sql`
    with told as materialized (${read}), truth as materialized (${sql.raw(truth)})
    ${sql.raw(`select 'told' as of, row from (${side('table told', 'table truth', 'one')}) as a union all select 'truth', row from (${side('table truth', 'table told', 'other')}) as b`)}`)
  expect(rows, JSON.stringify([shape.rollup.bucket, asked])).toEqual([])
}

function timeOf({ rollup: { bucket }, keys: [first] }: Shape, unit: 'bucket' | 'day' | 'month'): string {
  return unit === 'bucket' ? (first?.value ?? '') : `date_trunc('${unit}', at, '${bucket?.zone ?? ''}')`
}
