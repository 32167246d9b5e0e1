// Each codec at its edges: what a column holds decides which are allowed, the smallest is taken, and every value comes back. That
// they do is checked by `buildPack` itself, of all rows, before a pack is anything.

import { expect, test } from 'vitest'
import { ensureInstalled } from '../../../src/catalog/install.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { packTable } from './support.ts'

interface Case {
  readonly what: string
  readonly type: string
  /** Over the number of the row, n, from 1 to 3,000; three segments. */
  readonly value: string
  /** Codec, width, unit and scale that are told. */
  readonly codec: string
}

/** As random as the number of a row allows. */
const random = `hashint8(n)::int8 + 2147483648`

const cases: readonly Case[] = [
  { what: 'one value', type: 'text', value: `'always'`, codec: 'constant' },
  { what: 'only null', type: 'jsonb', value: 'null', codec: 'constant' },
  { what: 'one padded value', type: 'character(12)', value: `'padded'`, codec: 'constant' },
  { what: 'one value but for a null', type: 'integer', value: 'case when n <> 1500 then 7 end', codec: 'ints2' },
  { what: 'one value of a domain', type: 'town', value: `'Rome'`, codec: 'array' },
  { what: 'booleans', type: 'boolean', value: `(${random}) % 3 = 0`, codec: 'bits' },
  { what: 'booleans with a null', type: 'boolean', value: 'nullif(n, 5) % 3 = 0', codec: 'array' },
  { what: '16 bits', type: 'bigint', value: `9223372036854775807 - (${random}) % 65536`, codec: 'ints2' },
  { what: '32 bits', type: 'bigint', value: `-9223372036854775808 + (${random}) % 4294967296`, codec: 'ints4' },
  { what: 'steps of a thousand', type: 'bigint', value: `(${random}) % 65000 * 1000 + 7`, codec: 'ints2 by 1000' },
  {
    what: 'more than 32 bits',
    type: 'bigint',
    value: `n::int8 * 34359738368 + (${random}) % 4000000000`,
    codec: 'split2',
  },
  { what: 'dates', type: 'date', value: `date '5874897-12-31' - ((${random}) % 40000)::int4`, codec: 'ints2' },
  {
    what: 'a date that never comes',
    type: 'date',
    value: `case when n = 9 then 'infinity' else date '2026-01-01' + n end`,
    codec: 'array',
  },
  {
    what: 'seconds',
    type: 'timestamp with time zone',
    value: `timestamptz '2026-01-01 00:00:00.5+00' + (${random}) % 60000 * interval '1 second'`,
    codec: 'ints2 by 1000000',
  },
  {
    what: 'microseconds of hours',
    type: 'timestamp',
    value: `timestamp '0044-03-15 00:00 BC' + (${random}) % 4200000000 * interval '1 microsecond'`,
    codec: 'ints4',
  },
  {
    what: 'microseconds of weeks',
    type: 'timestamp',
    value: `timestamp '2026-01-01' + n * interval '7 minutes' + (${random}) * interval '1 microsecond'`,
    codec: 'split2',
  },
  {
    what: 'a moment that never comes',
    type: 'timestamp',
    value: `case when n = 9 then '-infinity' else timestamp '2026-01-01' + n * interval '1 second' end`,
    codec: 'array',
  },
  {
    what: 'times of day',
    type: 'time',
    value: `time '00:00' + (${random}) % 86400 * interval '1 second'`,
    codec: 'ints4 by 1000000',
  },
  {
    what: 'the end of a day',
    type: 'time',
    value: `case when n = 9 then time '24:00' else time '00:00' + (${random}) % 86400 * interval '1 second' end`,
    codec: 'array',
  },
  {
    what: 'amounts',
    type: 'numeric(20,8)',
    value: `(${random}) % 60000 * 0.0001`,
    codec: 'scaled2 by 10000 of 8 places',
  },
  {
    what: 'large amounts',
    type: 'numeric',
    value: `1e11 + ((${random}) % 4000000000)::numeric / 100.00::numeric(9,2)`,
    codec: 'array',
  },
  { what: 'whole numbers', type: 'numeric', value: `-(${random})::numeric`, codec: 'scaled4 of 0 places' },
  { what: 'places that differ', type: 'numeric', value: `case when n = 9 then 1.0 else 1.00 + n end`, codec: 'array' },
  { what: 'no number', type: 'numeric', value: `case when n = 9 then 'NaN' else n + 0.5 end`, codec: 'array' },
  {
    what: 'measures',
    type: 'double precision',
    value: `((${random}) % 60000)::float8 / 100`,
    codec: 'quotient2 of 2 places',
  },
  {
    what: 'measures of 4 bytes',
    type: 'real',
    value: `((${random}) % 60000)::float8 / 10`,
    codec: 'quotient2 of 1 places',
  },
  {
    what: 'less than nothing',
    type: 'double precision',
    value: `case when n = 9 then '-0' else ((${random}) % 60000)::float8 / 100 end`,
    codec: 'array',
  },
  { what: 'thirds', type: 'double precision', value: `((${random}) % 60000)::float8 / 3`, codec: 'array' },
  {
    what: 'few words',
    type: 'text',
    value: `(array['unavailable', 'unreachable', 'overwhelmed'])[(${random}) % 3 + 1]`,
    codec: 'word2 in the view',
  },
  {
    what: 'many words',
    type: 'varchar(60)',
    value: `'0x' || encode(sha256(((${random}) % 700)::text::bytea), 'hex')::varchar(58)`,
    codec: 'word2',
  },
  { what: 'hardly any word twice', type: 'text', value: `encode(sha256(n::text::bytea), 'hex')`, codec: 'array' },
  {
    what: 'arrays',
    type: 'integer[]',
    value: `case n % 3 when 0 then '{}' when 1 then '[3:4]={1,NULL}' end::integer[]`,
    codec: 'wrapped',
  },
  { what: 'arrays of a domain', type: 'towns', value: `array['Rome', null]::text[]`, codec: 'wrapped' },
]

describeOnEachVersion(
  'a codec',
  (_, database) => {
    test.each(cases.map((one, index) => ({ ...one, number: index + 1 })))('for $what', async (one) => {
      const { type, value, codec, number } = one
      const { db } = database()
      const table = sql.raw(`public.values_${number}`)
      await db.query(sql`create table ${table} (at timestamptz not null, v ${sql.raw(type)})`)
      await db.query(sql`
        insert into ${table} select timestamptz '2026-01-01' + n * interval '1 minute', ${sql.raw(value)}
        from generate_series(1, 3000) as n`)
      const { shape, segments } = await packTable(db, { table: table.text, id: BigInt(number) })
      expect(segments).toBe(3)
      const [, column] = shape.columns
      expect(column && told(column)).toBe(codec)
      const { rows } = await db.query(sql`
        select 1 from ${table} as t
        full join pgstrata.${sql.ident(`pack_${number}_rows`)} as p on p.at = t.at
        where t.v::text is distinct from p.v::text or t.at is null or p.at is null`)
      expect(rows).toEqual([])
    })
  },
  async ({ db }) => {
    await db.withSession(ensureInstalled)
    await db.query(sql`create domain town as text`)
    await db.query(sql`create domain towns as text[]`)
  },
)

interface Told {
  readonly codec: string
  readonly width?: number
  readonly unit?: number
  readonly scale?: number
  readonly literal?: string
}

function told({ codec, width, unit = 1, scale, literal }: Told): string {
  const by = unit === 1 ? '' : ` by ${unit}`
  const of = scale === undefined ? '' : ` of ${scale} places`
  return `${codec}${width ?? ''}${by}${of}${codec === 'word' && literal !== undefined ? ' in the view' : ''}`
}
