// Tables of columns of any type, with the values that are hard on whoever keeps them: infinities, NaN, what is equal and looks
// different, what has no year after Christ, empty, long and NULL ones.

import fc from 'fast-check'
import type { Queryable } from '../../src/db/db.ts'
import { quoteIdent } from '../../src/sql/quote.ts'
import { sql } from '../../src/sql/sql.ts'

interface TestedType {
  /** As it is declared. */
  readonly type: string
  /** Texts of values. */
  readonly nasty: readonly string[]
  /** Ordinary ones, by a whole number from 0 on. */
  readonly ordinary: (seed: number) => string
  /** It can be a key of segments. */
  readonly isKey?: boolean
}

/** Types of our own that columns have. To be run once in a database. */
export const typesOfOwn: readonly string[] = [
  `create schema if not exists "odd Schema"`,
  `create type "odd Schema"."Mood" as enum ('sad', 'so, so', 'happy "x"')`,
  `create domain "odd Schema".short_text as varchar(20) check (value <> 'forbidden')`,
  `create domain "odd Schema".many as integer[]`,
  `create domain "odd Schema".positive as numeric(12, 3) check (value >= 0)`,
  `create type "odd Schema".pair as (a integer, b text, c numeric(10, 2)[])`,
  `create type "odd Schema".span as range (subtype = float8)`,
  `create collation "odd Schema".backwards (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
]

const pad = (value: number, size: number): string => String(value).padStart(size, '0')
const moment = (seed: number): string =>
  new Date(Date.UTC(2026, 0, 1) + (seed % 4_000_000) * 937).toISOString().replace('T', ' ').replace('Z', '')
const text = (seed: number): string => `word ${seed % 40}`
const quoted = (value: string): string => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`

const texts: readonly string[] = [
  '',
  ' ',
  'NULL',
  'null',
  '\\',
  '"',
  "it's",
  '{a,b}',
  '(1,2)',
  'line\nbreak\r\n\ttab',
  'ä',
  'a\u0308',
  '😀 \u{10ffff}',
  'trailing  ',
  'A',
  'a',
]
const json: readonly string[] = [
  'null',
  '{}',
  '[]',
  '"a"',
  '{"a": 1.0, "b": [1.00, null]}',
  '1e3',
  '{"a":{"b":"\\u00e4"}}',
]

const testedTypes: readonly TestedType[] = [
  { type: 'smallint', nasty: ['-32768', '32767', '0'], ordinary: (n) => `${n % 300}`, isKey: true },
  { type: 'integer', nasty: ['-2147483648', '2147483647', '0'], ordinary: (n) => `${n % 100_000}`, isKey: true },
  {
    type: 'bigint',
    nasty: ['-9223372036854775808', '9223372036854775807', '4294967296'],
    ordinary: (n) => `${n * 1000}`,
    isKey: true,
  },
  { type: 'boolean', nasty: ['t', 'f'], ordinary: (n) => (n % 3 === 0 ? 't' : 'f'), isKey: true },
  {
    type: 'real',
    nasty: ['NaN', 'Infinity', '-Infinity', '-0', '0', '1e-45', '3.4028235e38', '0.1'],
    ordinary: (n) => `${(n % 1000) / 10}`,
  },
  {
    type: 'double precision',
    nasty: [
      'NaN',
      'Infinity',
      '-Infinity',
      '-0',
      '0',
      '5e-324',
      '1.7976931348623157e308',
      '0.1',
      '0.30000000000000004',
    ],
    ordinary: (n) => `${(n % 9000) / 100}`,
  },
  {
    type: 'numeric',
    nasty: [
      'NaN',
      'Infinity',
      '-Infinity',
      '1.0',
      '1.00',
      '0',
      '0.000',
      '-0.5',
      '1e40',
      '123456789012345678901234567890.5',
    ],
    ordinary: (n) => `${n % 50}.50`,
    isKey: true,
  },
  {
    type: 'numeric(20,8)',
    nasty: ['999999999999.99999999', '-999999999999.99999999', '0'],
    ordinary: (n) => `0.0${n % 900}`,
  },
  { type: 'money', nasty: ['-92233720368547758.08', '92233720368547758.07', '0'], ordinary: (n) => `${n % 100}` },
  { type: 'oid', nasty: ['0', '4294967295'], ordinary: (n) => `${n}` },
  { type: 'text', nasty: [...texts, 'x'.repeat(3000)], ordinary: text, isKey: true },
  { type: 'text collate "C"', nasty: texts, ordinary: text, isKey: true },
  { type: 'text collate "odd Schema".backwards', nasty: texts, ordinary: text, isKey: true },
  { type: 'character varying(30)', nasty: texts, ordinary: text, isKey: true },
  { type: 'character(12)', nasty: ['', 'a', 'a b', 'twelve chars'], ordinary: text },
  { type: '"char"', nasty: ['a', '', '\\377'], ordinary: (n) => 'abc'.charAt(n % 3) },
  { type: 'name', nasty: ['a', '', 'ä'], ordinary: text },
  { type: 'bytea', nasty: ['\\x', '\\x00', '\\xff00'], ordinary: (n) => `\\x${pad(n % 256, 4)}` },
  {
    type: 'uuid',
    nasty: ['00000000-0000-0000-0000-000000000000'],
    ordinary: (n) => `00000000-0000-4000-8000-${pad(n, 12)}`,
    isKey: true,
  },
  {
    type: 'date',
    nasty: ['infinity', '-infinity', '4713-01-01 BC', '5874897-12-31', '0001-12-31 BC', '2000-02-29'],
    ordinary: (n) => `2026-01-${pad((n % 28) + 1, 2)}`,
    isKey: true,
  },
  {
    type: 'time',
    nasty: ['00:00', '24:00', '23:59:59.999999'],
    ordinary: (n) => `${pad(n % 24, 2)}:30:00`,
  },
  {
    type: 'time(0) with time zone',
    nasty: ['24:00+15', '00:00-15', '12:00+05:30'],
    ordinary: (n) => `${pad(n % 24, 2)}:00+02`,
  },
  {
    type: 'timestamp',
    nasty: [
      'infinity',
      '-infinity',
      '4713-01-01 00:00:00 BC',
      '294276-12-31 23:59:59.999999',
      '2000-01-01',
      '1999-12-31 23:59:59.999999',
    ],
    ordinary: moment,
  },
  {
    type: 'timestamp with time zone',
    nasty: [
      'infinity',
      '-infinity',
      '4713-01-01 00:00:00+00 BC',
      '294276-12-31 23:59:59.999999+00',
      '2026-03-29 01:59:59.999999+00',
    ],
    ordinary: (n) => `${moment(n)}+00`,
  },
  {
    type: 'interval',
    nasty: ['0', '1 day', '24 hours', '-1 day +00:00:01', '178000000 years', '1 mon -1 day 00:00:00.000001'],
    ordinary: (n) => `${n % 90} minutes`,
  },
  { type: 'json', nasty: json, ordinary: (n) => `{"n": ${n % 10}}` },
  { type: 'jsonb', nasty: json, ordinary: (n) => `{"n": ${n % 10}, "v": "${text(n)}"}` },
  { type: 'xml', nasty: ['<a/>', '<a>ä</a><b/>', 'text'], ordinary: (n) => `<n>${n % 5}</n>` },
  { type: 'inet', nasty: ['::/0', '10.0.0.1/8', '255.255.255.255'], ordinary: (n) => `10.1.${n % 200}.7`, isKey: true },
  { type: 'cidr', nasty: ['0.0.0.0/0', '::1/128'], ordinary: (n) => `10.${n % 200}.0.0/16` },
  { type: 'macaddr', nasty: ['ff:ff:ff:ff:ff:ff'], ordinary: (n) => `00:00:00:00:00:${pad(n % 90, 2)}` },
  { type: 'bit(5)', nasty: ['00000', '11111'], ordinary: (n) => (n % 2 === 0 ? '01010' : '10101') },
  { type: 'bit varying', nasty: ['', '1', '0'.repeat(70)], ordinary: (n) => '1'.repeat(n % 9) },
  { type: 'point', nasty: ['(0,-0)', '(NaN,Infinity)', '(1e300,1e-300)'], ordinary: (n) => `(${n % 7},1)` },
  { type: 'polygon', nasty: ['((0,0))'], ordinary: (n) => `((0,0),(1,${n % 5}),(1,1))` },
  { type: 'tsvector', nasty: ['', "'it''s':1A"], ordinary: (n) => `'a':1 'b${n % 4}'` },
  { type: 'int4range', nasty: ['empty', '(,)', '[1,)'], ordinary: (n) => `[${n % 50},${(n % 50) + 3})` },
  {
    type: 'tstzmultirange',
    nasty: ['{}', '{(,)}'],
    ordinary: (n) => `{[2026-01-${pad((n % 27) + 1, 2)} 00:00+00,2026-03-01 00:00+00)}`,
  },
  { type: '"odd Schema".span', nasty: ['empty', '[NaN,NaN]', '(-Infinity,-0]'], ordinary: (n) => `[${n % 5},7.5)` },
  {
    type: 'integer[]',
    nasty: ['{}', '{NULL}', '[-2:0]={1,NULL,3}', '{{1,2},{3,4}}', '[0:1][5:6]={{1,2},{3,NULL}}'],
    ordinary: (n) => `{${n % 9},2}`,
  },
  { type: 'text[]', nasty: ['{}', '{""}', '{NULL,"NULL"}', '{{"a b","c\\"d"}}'], ordinary: (n) => `{${text(n)},x}` },
  { type: 'numeric[]', nasty: ['{1.0,1.00}', '{NaN}', '{Infinity,-Infinity}'], ordinary: (n) => `{${n % 5}.25}` },
  {
    type: '"odd Schema"."Mood"',
    nasty: ['sad', 'so, so'],
    ordinary: (n) => (n % 2 === 0 ? 'happy "x"' : 'sad'),
    isKey: true,
  },
  { type: '"odd Schema"."Mood"[]', nasty: ['{}', '{NULL}'], ordinary: () => '{sad,"so, so"}' },
  { type: '"odd Schema".short_text', nasty: ['', 'ä'], ordinary: text, isKey: true },
  { type: '"odd Schema".many', nasty: ['{}', '[3:4]={1,NULL}'], ordinary: (n) => `{${n % 4}}` },
  { type: '"odd Schema".positive', nasty: ['0', '999999999.999'], ordinary: (n) => `${n % 70}.5` },
  {
    type: '"odd Schema".pair',
    nasty: ['(,,)', '(1,"",{})', `(,${quoted('a,"b"')},"[2:3]={1.00,NULL}")`],
    ordinary: (n) => `(${n % 9},${quoted(text(n))},)`,
  },
  { type: '"odd Schema".pair[]', nasty: ['{}', '{NULL}', '{"(1,a,)",NULL}'], ordinary: (n) => `{"(${n % 9},b,)"}` },
]

interface TestedColumn {
  readonly name: string
  readonly tested: TestedType
  readonly isNotNull: boolean
}

export interface TestedTable {
  /** The first is the axis: `at`, a time of January 2026, never null. */
  readonly columns: readonly TestedColumn[]
  /** Texts of values, a list for each column. */
  readonly values: readonly (readonly (string | null)[])[]
  readonly segmentBy: readonly string[]
}

export interface TestedTableOptions {
  readonly mostRows: number
  readonly types?: readonly TestedType[]
}

const axis: TestedColumn = {
  name: 'at',
  tested: {
    type: 'timestamp with time zone',
    nasty: ['2026-01-01 00:00+00', '2026-01-31 23:59:59.999999+00'],
    ordinary: (n) => `${moment(n % 2_800_000)}+00`,
  },
  isNotNull: true,
}
const names = ['song id', 'Sélect', 'rows', 'segment', 'b1', 'c2', 'n', 'value', 'x'.repeat(63)]

/** Of one to eight columns beside the axis. How values of a column come about: all ordinary, growing, all the same, few, or nasty. */
export function testedTable({ mostRows, types = testedTypes }: TestedTableOptions): fc.Arbitrary<TestedTable> {
  const column = fc.record({
    tested: fc.constantFrom(...types),
    isNotNull: fc.boolean(),
    habit: fc.constantFrom('ordinary', 'growing', 'same', 'few', 'nasty', 'mixed' as const),
    seed: fc.nat(1_000_000),
  })
  return fc
    .record({
      rows: fc
        .oneof(fc.constantFrom(0, 1, 2, 999, 1000, 1001), fc.nat(mostRows))
        .map((rows) => Math.min(rows, mostRows)),
      columns: fc.array(column, { minLength: 1, maxLength: 8 }),
      keys: fc.nat(2),
      seed: fc.nat(1_000_000),
    })
    .map(({ rows, columns, keys, seed }) => {
      const own = columns.map(({ tested, isNotNull }, index) => ({
        name: names[index] ?? `c${index}`,
        tested,
        isNotNull,
      }))
      const values = columns.map((one) => valuesOf({ ...one, rows }))
      const possible = own.filter(({ tested }) => tested.isKey === true).map(({ name }) => name)
      return {
        columns: [axis, ...own],
        values: [valuesOf({ ...axis, habit: 'mixed', seed, rows }), ...values],
        segmentBy: possible.slice(0, keys),
      }
    })
}

interface Habits {
  readonly tested: TestedType
  readonly isNotNull: boolean
  readonly habit: string
  readonly seed: number
  readonly rows: number
}

function valuesOf({ tested, isNotNull, habit, seed, rows }: Habits): readonly (string | null)[] {
  const { nasty, ordinary } = tested
  const next = generator(seed)
  const anyOf = (list: readonly string[]): string => list[next() % list.length] ?? ''
  const few = [ordinary(seed), anyOf(nasty), ordinary(seed + 1)]
  return Array.from({ length: rows }, (_, index) => {
    if (!isNotNull && next() % 7 === 0) return null
    switch (habit) {
      case 'growing':
        return ordinary(index)
      case 'same':
        return few[seed % 3] ?? ''
      case 'few':
        return anyOf(few)
      case 'nasty':
        return anyOf(nasty)
      case 'mixed':
        return next() % 50 === 0 ? anyOf(nasty) : ordinary(next() % 100_000)
      default:
        return ordinary(next() % 1_000_000)
    }
  })
}

/** Whole numbers from a seed: a table follows from it alone. */
function generator(seed: number): () => number {
  let state = (seed * 2 + 1) >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state >>> 8
  }
}

/** `table`: as SQL writes it. */
export async function createTestedTable(on: Queryable, table: string, { columns, values }: TestedTable): Promise<void> {
  const list = columns.map(({ name, tested }) => `${quoteIdent(name)} ${tested.type}`)
  await on.query(sql.raw(`create table ${table} (${list.join(', ')})`))
  const targets = columns.map(({ name }) => quoteIdent(name)).join(', ')
  const given = columns.map(({ tested }, index) => `v.c${index}::${tested.type}`)
  const arrays = sql.join(values.map((column) => sql`${column}::text[]`))
  const names = columns.map((_, index) => `c${index}`).join(', ')
  await on.query(
    sql`insert into ${sql.raw(table)} (${sql.raw(targets)}) select ${sql.raw(given.join(', '))} from unnest(${arrays}) as v (${sql.raw(names)})`,
  )
}
