// What a reader can be asked, what it says to what it cannot, and the statement it makes of it.

import { describe, expect, test } from 'vitest'
import { isStrataError, type StrataError } from '../../src/base/errors.ts'
import type { BucketType } from '../../src/rollups/model/bucket.ts'
import type { Rollup } from '../../src/rollups/model/options.ts'
import { createReader } from '../../src/rollups/read/reader.ts'
import type { DeclaredRollup, ReaderOf } from '../../src/rollups/read/types.ts'
import { shapeOf, type Shape } from '../../src/rollups/model/shape.ts'
import { measure, rollupOf } from './support.ts'

interface Declared extends DeclaredRollup {
  readonly bucket: string
  readonly by: readonly ('song' | 'kind')[]
  readonly measures: { readonly plays: { kind: 'count' }; readonly earned: { kind: 'sum' } }
}

function shapeFor(said: Partial<Rollup> = {}, bucketType: BucketType = 'timestamptz'): Shape {
  const rollup = rollupOf({ by: ['song', 'kind'], ...said })
  const facts = { text: 'amount', type: 'numeric', bounded: true, written: 'numeric' }
  return shapeOf(rollup, {
    bucketType: rollup.bucket === undefined ? undefined : bucketType,
    where: rollup.where,
    of: new Map([['earned', facts]]),
    filters: new Map(),
    orders: new Map(),
    notNull: new Set(),
  })
}

function readerOf(said: Partial<Rollup> = {}, bucketType?: BucketType): ReaderOf<Declared> {
  const shape = shapeFor(said, bucketType)
  return createReader<Declared>({ rollup: shape.rollup, shape })
}

/** For what the compiler would not let pass. */
const anything = (reader: ReaderOf<Declared>): Record<string, (...given: unknown[]) => never> => reader as never

const bucketOf = (
  unit: NonNullable<Rollup['bucket']>['span']['unit'],
  count = 1,
  zone = 'UTC',
): Pick<Rollup, 'bucket'> => ({ bucket: { column: 'at', span: { unit, count } as never, zone } })

const reader = readerOf()

async function complaint(ask: () => unknown): Promise<StrataError> {
  try {
    const asked = ask() as { compile?: () => Promise<unknown> }
    await asked.compile?.()
  } catch (error) {
    if (isStrataError(error, 'VALUE_INVALID')) return error
    throw error
  }
  throw new Error('It was not refused')
}

describe('a reader refuses, saying what it expected', () => {
  test.each<readonly [string, () => unknown, RegExp]>([
    [
      'a key that is none',
      () => anything(reader)['where']?.({ artist: 1 }),
      /where\(\): expected one of song, kind, got "artist"/,
    ],
    ['a measure as a key', () => anything(reader)['where']?.({ plays: 1 }), /expected one of song, kind, got "plays"/],
    [
      'no value',
      () => anything(reader)['where']?.({ song: undefined }),
      /key "song": expected a value, several, or null, got undefined/,
    ],
    ['no value in a list', () => anything(reader)['where']?.({ song: [1, undefined] }), /got undefined/],
    [
      'too many values',
      () => reader.where({ song: Array.from({ length: 10_001 }, () => 1) }),
      /at most 10000 values, got 10001/,
    ],
    [
      'conditions that are none',
      () => anything(reader)['where']?.('song = 1'),
      /expected keys and their values, of song, kind, got string/,
    ],
    [
      'an unknown unit',
      () => anything(reader)['by']?.('minute'),
      /by\(\): expected one of song, kind, bucket, hour, .*, got "minute"/,
    ],
    ['two units', () => reader.by('hour', 'day'), /expected one unit of time, got hour, day/],
    ['a key twice', () => reader.by('song', 'song'), /expected each name once, got "song" twice/],
    [
      'a finer unit',
      () => readerOf(bucketOf('day')).by('hour'),
      /cannot be read by hour: its bucket is one day: expected a unit of one day or more/,
    ],
    ['hours of six', () => readerOf(bucketOf('hour', 6)).by('hour'), /its bucket is 6 hours/],
    ['months of weeks', () => readerOf(bucketOf('week')).by('month'), /a week can lie in two of them/],
    [
      'days that begin within six hours',
      () => readerOf(bucketOf('hour', 6, 'Europe/Berlin')).by('day'),
      /a day of zone 'Europe\/Berlin' may begin within a bucket of 6 hours/,
    ],
    [
      'weeks of a zone by half an hour',
      () => readerOf(bucketOf('hour', 2, 'Australia/Lord_Howe')).by('week'),
      /may begin within a bucket of 2 hours/,
    ],
    [
      'a zone that it does not know',
      () => readerOf(bucketOf('hour', 6, 'posix/Nowhere')).by('day'),
      /a day of zone 'posix\/Nowhere' may begin within/,
    ],
    [
      'an unknown measure',
      () => anything(reader)['measures']?.('listeners'),
      /expected one of plays, earned, got "listeners"/,
    ],
    ['no measure', () => anything(reader)['measures']?.(), /expected some of plays, earned, got none/],
    [
      'an interval of what has no bucket',
      () => readerOf({ bucket: undefined }).since('1 day'),
      /since\(\): expected a rollup with a bucket/,
    ],
    [
      'time of what has no bucket',
      () => readerOf({ bucket: undefined }).by('day'),
      /expected one of song, kind, got "day"/,
    ],
    ['an invalid Date', () => reader.since(new Date('nonsense')), /got an invalid Date/],
    ['a number', () => anything(reader)['since']?.(1_700_000_000), /got number/],
    ['a text that is no time', () => reader.since('yesterday'), /got another text/],
    ['a day that is none', () => reader.since('2026-02-29'), /got another text/],
    ['half a span', () => reader.since('1.5 days'), /got another text/],
    [
      'an instant where there are days',
      () => readerOf(bucketOf('day'), 'date').since(new Date(0)),
      /an instant, which is another day elsewhere/,
    ],
    [
      'a time where there are days',
      () => readerOf(bucketOf('day'), 'date').since('2026-01-01T10:00'),
      /expected a day such as/,
    ],
    [
      'hours where there are days',
      () => readerOf(bucketOf('day'), 'date').since('36 hours'),
      /got a span shorter than a day/,
    ],
    [
      'an order that is none',
      () => anything(reader)['orderBy']?.('plays', 'down'),
      /expected 'asc' or 'desc', got another text/,
    ],
    [
      'an order by what is not read',
      () => anything(reader)['orderBy']?.('song'),
      /orderBy\(\): expected one of plays, earned, got "song"/,
    ],
    ['half a row', () => reader.limit(1.5), /limit\(\): expected a number of rows, got 1.5/],
    ['rows before the first', () => reader.offset(-1), /offset\(\): expected a number of rows, got -1/],
    [
      'a join on what it is not by',
      () => reader.join({ s: { table: 'songs', on: 'song', columns: ['title'] } }),
      /expected "song" in by\(\)/,
    ],
    [
      'a join on what is no key',
      () => anything(reader)['join']?.({ s: { table: 'songs', on: 'x', columns: ['title'] } }),
      /expected one of song, kind, got "x"/,
    ],
    [
      'a join of no column',
      () => reader.by('song').join({ s: { table: 'songs', on: 'song', columns: [] } }),
      /expected `columns`/,
    ],
    ['a join of no table', () => anything(reader)['join']?.({ s: { on: 'song', columns: ['x'] } }), /expected `table`/],
  ])('%s', async (_what, ask, message) => {
    expect((await complaint(ask)).message).toMatch(message)
  })

  test('two columns of one name', async () => {
    const shape = shapeFor({ measures: [measure('day', 'count'), measure('earned', 'sum', { of: 'amount' })] })
    const ambiguous = createReader<Declared>({ rollup: shape.rollup, shape })
    expect((await complaint(() => ambiguous.by('day'))).message).toMatch(/expected each name once, got "day" twice/)
    await expect(ambiguous.by('day').measures('earned').compile()).resolves.toBeDefined()
  })

  test('to run without a database', async () => {
    await expect(reader.rows()).rejects.toThrow(/read by a reader without a database/)
  })
})

test('buckets of minutes fit the days of a zone whose clocks are put forward by as many', async () => {
  for (const [count, zone] of [
    [15, 'Asia/Kathmandu'],
    [30, 'Australia/Lord_Howe'],
    [20, 'Europe/Berlin'],
  ] as const) {
    await expect(
      readerOf(bucketOf('minute', count, zone))
        .by('day')
        .compile(),
    ).resolves.toBeDefined()
  }
})

test('a reader is kept as it is when more is asked', async () => {
  const base = reader.by('song')
  const before = (await base.compile()).text
  base.where({ song: 1 }).since('1 day').limit(3)
  expect((await base.compile()).text).toBe(before)
})

test('the statement of whole buckets names no source', async () => {
  const { text, values } = await reader
    .where({ song: [1, null] })
    .by('kind', 'bucket')
    .measures('plays')
    .compile()
  expect(values).toEqual([[1]])
  expect(text).toMatchInlineSnapshot(`
    "select "kind", "bucket", "row_count" as "plays"
    from (
    select "kind", "bucket", pg_catalog.sum("row_count")::bigint as "row_count"
    from "public"."song_plays_parts" as part
    where ("song" = any($1) or "song" is null)
    group by 1, 2
    having pg_catalog.sum("row_count") > 0
    ) as summed
    order by "kind", "bucket""
  `)
})

test('the statement of an interval', async () => {
  const { text, values } = await reader
    .where({ song: 7 })
    .between(new Date('2026-03-01T10:10:00Z'), '2026-03-08')
    .by('song', 'day')
    .join({ song: { table: ['music', 'songs'], on: 'song', columns: ['title'] } })
    .orderBy('plays', 'desc')
    .limit(20)
    .compile()
  expect(values).toEqual(['2026-03-01T10:10:00.000Z', '2026-03-08', 7, 20])
  expect(text).toMatchInlineSnapshot(`
    "select summed."song", summed."day", summed."plays", summed."earned", "song"."title" as "song_title"
    from (
    with asked as not materialized (
      select $1::timestamptz as since, ($2::timestamp at time zone 'Etc/UTC') as until
    ), cut as not materialized (
      select *,
        pg_catalog.date_trunc('hour', (since - interval '1 microsecond'), 'Etc/UTC') + interval '1 hour' as first,
        pg_catalog.date_trunc('hour', until, 'Etc/UTC') as last
      from asked
    )
    select "song", "day", "row_count" as "plays", case when "earned_nan" > 0 then 'NaN'::numeric when "earned_n" > 0 then "earned" end as "earned"
    from (
    select "song", pg_catalog.date_trunc('day', "bucket", 'Etc/UTC') as "day", pg_catalog.sum("row_count")::bigint as "row_count", pg_catalog.sum("earned")::numeric as "earned", pg_catalog.sum("earned_n")::bigint as "earned_n", pg_catalog.sum("earned_nan")::bigint as "earned_nan"
    from (
    select whole."bucket", whole."song", whole."row_count", whole."earned", whole."earned_n", whole."earned_nan"
    from "public"."song_plays_parts" as whole, cut
    where whole."bucket" >= cut.first
      and whole."bucket" < cut.last
    union all
    select pg_catalog.date_trunc('hour', "at", 'Etc/UTC') as "bucket", "song" as "song", pg_catalog.count(*) as "row_count", coalesce(pg_catalog.sum(amount) filter (where ((amount) <> 'NaN')), 0)::numeric as "earned", pg_catalog.count(amount) as "earned_n", pg_catalog.count(*) filter (where ((amount) = 'NaN')) as "earned_nan"
    from (
      select source.*
      from "public"."plays" as source, cut
      where source."at" >= cut.since
        and source."at" < cut.first
        and source."at" < cut.until
    ) as source
    group by 1, 2
    union all
    select pg_catalog.date_trunc('hour', "at", 'Etc/UTC') as "bucket", "song" as "song", pg_catalog.count(*) as "row_count", coalesce(pg_catalog.sum(amount) filter (where ((amount) <> 'NaN')), 0)::numeric as "earned", pg_catalog.count(amount) as "earned_n", pg_catalog.count(*) filter (where ((amount) = 'NaN')) as "earned_nan"
    from (
      select source.*
      from "public"."plays" as source, cut
      where source."at" >= cut.last
        and source."at" >= cut.first
        and source."at" >= cut.since
        and source."at" < cut.until
    ) as source
    group by 1, 2
    ) as part
    where "song" = $3
    group by 1, 2
    having pg_catalog.sum("row_count") > 0
    ) as summed
    order by "plays" desc nulls last, "song", "day"
    limit $4
    ) as summed
    left join "music"."songs" as "song" on "song"."id" = summed."song"
    order by "plays" desc nulls last, "song", "day""
  `)
})

test('names that would be statements stay names', async () => {
  const odd = 'a"; drop table plays; --'
  const shape = shapeFor({
    name: 'Odd "rollup',
    schema: 'Odd "schema',
    table: `plays'; --`,
    by: [odd, 'kind'],
    bucket: { column: 'The "time', span: { unit: 'day', count: 1 }, zone: 'Europe/Berlin' },
  })
  const asked = createReader<DeclaredRollup & { bucket: string; by: string[] }>({ rollup: shape.rollup, shape })
    .where({ [odd]: "'; drop table plays; --" })
    .between('1 day', '1 hour')
    .by(odd)
    .join({ 'j"': { table: 't"', on: odd, key: 'k"', columns: ['c"'] } })
    .orderBy(odd)
  const statement = await asked.compile()
  expect(statement.values).toContain("'; drop table plays; --")
  // What is left without the quoted names and texts holds nothing of theirs.
  const bare = statement.text.replaceAll(/"(?:[^"]|"")*"/g, 'n').replaceAll(/'(?:[^']|'')*'/g, 't')
  expect(bare).not.toMatch(/drop|--|;|["']/)
})

test("years beyond four digits and before the first are the server's", async () => {
  const years = await Promise.all(
    [new Date(Date.UTC(12_026, 0, 2)), new Date('-000043-03-15T00:00:00Z')].map(
      async (at) => (await reader.since(at).compile()).values[0],
    ),
  )
  expect(years).toEqual(['12026-01-02T00:00:00.000Z', '0044-03-15T00:00:00.000Z BC'])
})
