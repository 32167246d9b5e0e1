// What goes in by a bulk insert comes out as it was, of every type, by INSERT and by COPY, and as a parameter would have.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { checkProperty } from '../../support/property.ts'
import { openApi } from './support.ts'

const text = fc.string({
  unit: fc.constantFrom(
    'a',
    '\t',
    '\n',
    '\r',
    '\\',
    '"',
    "'",
    ',',
    '{',
    '}',
    'N',
    '.',
    ' ',
    '\b',
    '\u0001',
    'é',
    '🎵',
    'ł',
  ),
})
const json = fc
  .jsonValue({ maxDepth: 3 })
  .filter((value) => value !== null && typeof value !== 'string' && !JSON.stringify(value).includes('\\u0000'))
const bounds = { min: new Date('1900-01-01T00:00:00Z'), max: new Date('2200-01-01T00:00:00Z'), noInvalidDate: true }

/** Per column: its type, what is put in, and how the server says that it came. */
const columns = {
  i4: { type: 'int4', values: fc.integer(), shown: (value: unknown) => String(value) },
  i8: {
    type: 'int8',
    values: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    shown: (value: unknown) => String(value),
  },
  num: {
    type: 'numeric',
    values: fc.constantFrom(Number.NaN, Infinity, -Infinity, '12345678901234567890.123450', 1e-7, 0.1),
    shown: (value: unknown) => (value === 1e-7 ? '0.0000001' : String(value)),
  },
  f8: { type: 'float8', values: fc.double(), shown: (value: unknown) => (Object.is(value, -0) ? '-0' : undefined) },
  t: { type: 'text', values: text, shown: (value: unknown) => String(value) },
  bin: {
    type: 'bytea',
    values: fc.uint8Array({ maxLength: 20 }),
    shown: (value: unknown) => `\\x${Buffer.from(value as Uint8Array).toString('hex')}`,
  },
  at: { type: 'timestamptz', values: fc.date(bounds), shown: undefined },
  local: { type: 'timestamp', values: fc.date(bounds), shown: undefined },
  far: {
    type: 'timestamptz',
    values: fc.constantFrom('infinity', '-infinity', '0044-03-15 12:00:00.123456+00 BC'),
    shown: undefined,
  },
  day: {
    type: 'date',
    values: fc.constantFrom('2024-02-29', 'infinity', '0001-01-01'),
    shown: (value: unknown) => String(value),
  },
  span: {
    type: 'interval',
    values: fc.constantFrom('1 mon -2 days +03:00:00.000001', '-1 years', 'P1Y2M'),
    shown: undefined,
  },
  doc: { type: 'jsonb', values: json, shown: undefined },
  yes: { type: 'bool', values: fc.boolean(), shown: (value: unknown) => String(value) },
  uid: { type: 'uuid', values: fc.uuid(), shown: (value: unknown) => String(value) },
  list: { type: 'int4[]', values: fc.array(fc.option(fc.integer()), { maxLength: 4 }), shown: undefined },
  grid: {
    type: 'int4[][]',
    values: fc.constantFrom(
      [
        [1, 2],
        [3, null],
      ],
      [],
    ),
    shown: undefined,
  },
  texts: { type: 'text[]', values: fc.array(fc.option(text), { maxLength: 4 }), shown: undefined },
  docs: { type: 'jsonb[]', values: fc.array(json, { maxLength: 3 }), shown: undefined },
  mood: { type: 'mood', values: fc.constantFrom('glad', 'so, "so"'), shown: (value: unknown) => String(value) },
  moods: { type: 'mood[]', values: fc.array(fc.constantFrom('glad', 'so, "so"'), { maxLength: 3 }), shown: undefined },
  even: {
    type: 'even',
    values: fc.integer({ min: -1000, max: 1000 }).map((n) => n * 2),
    shown: (value: unknown) => String(value),
  },
  range: {
    type: 'int4range',
    values: fc.constantFrom('[1,5)', 'empty', '(,3)'),
    shown: (value: unknown) => String(value),
  },
  fixed: { type: 'char(5)', values: fc.constantFrom('ab', 'abcde'), shown: (value: unknown) => String(value) },
  bits: { type: 'bit(3)', values: fc.constantFrom('101', '000'), shown: (value: unknown) => String(value) },
} as const

const names = Object.keys(columns) as (keyof typeof columns)[]
const row = fc.record(
  Object.fromEntries(names.map((name) => [name, fc.option(columns[name].values as fc.Arbitrary<unknown>)])),
)

const asParameter = (name: keyof typeof columns, value: unknown): unknown =>
  value === null
    ? null
    : name === 'docs'
      ? (value as unknown[]).map((item) => JSON.stringify(item))
      : name === 'doc'
        ? JSON.stringify(value)
        : Object.is(value, -0)
          ? '-0'
          : value

describeOnEachVersion(
  'values of bulkInsert',
  (_version, database) => {
    it('come out as they went in, by both ways', async () => {
      const { api } = openApi({ connectionString: database().url })
      await checkProperty(
        'bulk values',
        fc.array(row, { minLength: 1, maxLength: 8 }),
        async (rows) => {
          await api.query(sql`truncate by_insert, by_copy, one_by_one`)
          const numbered: Record<string, unknown>[] = rows.map((values, id) => ({ id, ...values }))
          await api.bulkInsert('by_insert', numbered)
          // Enough rows of no interest in front to make it a COPY.
          const before = Array.from({ length: 600 }, (_, index) => ({
            id: -1 - index,
            ...Object.fromEntries(names.map((name) => [name, null])),
          }))
          await api.bulkInsert('by_copy', [...before, ...numbered])
          for (const values of numbered) {
            const list = names.map((name) => sql`${asParameter(name, values[name])}::${sql.raw(columns[name].type)}`)
            await api.query(sql`insert into one_by_one values (${values.id}, ${sql.join(list)})`)
          }
          for (const table of ['by_insert', 'by_copy']) {
            const { rows: wrong } = await api.query(sql`
            (select to_jsonb(t)::text from ${sql.ident(table)} as t where id >= 0
              except all select to_jsonb(t)::text from one_by_one as t)
            union all
            (select to_jsonb(t)::text from one_by_one as t except all select to_jsonb(t)::text from ${sql.ident(table)} as t)`)
            expect(wrong).toEqual([])
          }
          const shown = await api.query<Record<string, string | null>>(
            sql`select ${sql.join(names.map((name) => sql`${sql.ident(name)}::text`))} from by_copy where id >= 0 order by id`,
          )
          rows.forEach((values, index) => {
            for (const name of names) {
              const expected = values[name] === null ? null : columns[name].shown?.(values[name])
              if (expected !== undefined) expect({ [name]: shown.rows[index]?.[name] }).toEqual({ [name]: expected })
            }
          })
          const read = await api.query<{ at: Date | null; local: Date | null; f8: number | null; doc: unknown }>(
            sql`select at, local, f8, doc from by_copy where id >= 0 order by id`,
          )
          rows.forEach(({ at, local, f8, doc }, index) => {
            const came = read.rows[index]
            expect([came?.at?.getTime(), came?.local?.getTime()]).toEqual([
              (at as Date | null)?.getTime(),
              (local as Date | null)?.getTime(),
            ])
            expect(came?.f8).toBe(f8)
            expect(JSON.stringify(came?.doc)?.length).toBe(JSON.stringify(doc)?.length)
          })
        },
        { runs: 25 },
      )
    })
  },
  async ({ db }) => {
    await db.query(sql`create type mood as enum ('glad', 'so, "so"')`)
    await db.query(sql`create domain even as int check (value % 2 = 0)`)
    const list = names.map((name) => `${name} ${columns[name].type}`).join(', ')
    for (const table of ['by_insert', 'by_copy', 'one_by_one']) {
      await db.query(sql.raw(`create table ${table} (id int, ${list})`))
    }
  },
)
