// ?fields= and ?cursor=: what a client chooses, and what is refused.

import fc from 'fast-check'
import { defineCursor, defineFields } from 'pgstrata-example-kit'
import { sql } from 'pgstrata'
import { expect, onTestFinished, test } from 'vitest'
import { testDatabase } from '../../support/postgres.ts'
import { checkProperty } from '../../support/property.ts'

const fields = defineFields('song_id', 'title', 'plays')
const row = { song_id: 7, title: 'Mycelium', plays: 12, internal: true }

test('fields: those asked for, in the declared order; all without a choice; never more than declared', () => {
  expect(Object.entries(fields('plays,song_id')(row))).toEqual([
    ['song_id', 7],
    ['plays', 12],
  ])
  for (const asked of [undefined, '', ' , ']) {
    expect(fields(asked)(row)).toEqual({ song_id: 7, title: 'Mycelium', plays: 12 })
  }
})

test.each(['secret', 'title,internal', '__proto__', 'constructor', 'title;plays'])('fields: %s is refused', (asked) => {
  const refused = 'query.fields: expected names out of song_id, title, plays, with commas between them'
  expect(() => fields(asked)).toThrow(refused)
})

const cursor = defineCursor({ at: 'time', id: 'integer', score: 'number', name: 'text' })

test('a cursor comes back as the keys it was made of, exactly', async () => {
  const input = fc.record({
    at: fc
      .tuple(
        fc.date({ min: new Date('1000-01-01'), max: new Date('9999-01-01'), noInvalidDate: true }),
        fc.nat(999_999),
      )
      .map(
        ([date, micros]) =>
          `${date.toISOString().slice(0, 19).replace('T', ' ')}.${String(micros).padStart(6, '0')}+00`,
      ),
    id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    score: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
    name: fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !text.includes('\0')),
  })
  await checkProperty('cursor', input, (keys) => {
    const text = cursor.format(keys)
    expect(text).toMatch(/^[\w-]+$/)
    expect(cursor.parse(text)).toEqual(keys)
  })
})

test('without a cursor it is the first page', () => {
  expect(cursor.parse(undefined)).toBeUndefined()
  expect(cursor.parse('')).toBeUndefined()
})

const encoded = (values: unknown): string => Buffer.from(JSON.stringify(values)).toString('base64url')

test.each([
  ['no base64url', 'ä%'],
  ['no JSON', Buffer.from('{').toString('base64url')],
  ['too few keys', encoded(['2026-11-22 09:00:00+00'])],
  ['no list', encoded({ length: 4 })],
  ['no integer', encoded(['2026-11-22 09:00:00+00', '1; drop', 1, 'a'])],
  ['no time', encoded(['now()', '1', 1, 'a'])],
  ['an impossible time', encoded(['2026-13-40 09:00:00+00', '1', 1, 'a'])],
  ['an impossible time of the day', encoded(['2026-01-01T99:99:99Z', '1', 1, 'a'])],
  ['an impossible day of the month', encoded(['2026-02-31 09:00:00+00', '1', 1, 'a'])],
  ['an impossible zone', encoded(['2026-02-01 09:00:00+99', '1', 1, 'a'])],
  ['no year', encoded(['0000-02-01 09:00:00+00', '1', 1, 'a'])],
  ['a day that no month has', encoded(['2026-02-31 09:00:00+00', '1', 1, 'a'])],
  ['an hour that no day has', encoded(['2026-01-01T99:99:99Z', '1', 1, 'a'])],
  ['an offset that no place has', encoded(['2026-01-01T09:00:00+99', '1', 1, 'a'])],
  ['the year 0', encoded(['0000-01-01 09:00:00+00', '1', 1, 'a'])],
  ['a number as text', encoded(['2026-11-22 09:00:00+00', '1', '1', 'a'])],
  ['a zero byte', encoded(['2026-11-22 09:00:00+00', '1', 1, 'a\0'])],
  ['too long', encoded(['2026-11-22 09:00:00+00', '1', 1, 'a'.repeat(600)])],
])('a cursor with %s is refused', (_, text) => {
  expect(() => cursor.parse(text)).toThrow('query.cursor: expected the cursor of an answer, whole, or none')
})

test('a time that is not refused is one that PostgreSQL takes', async () => {
  const database = await testDatabase(18)
  onTestFinished(() => database.close())
  const part = (most: number): fc.Arbitrary<string> => fc.nat(most).map((value) => String(value).padStart(2, '0'))
  const year = fc.oneof(fc.constantFrom(0, 1, 4, 1_900, 2_000, 2_026, 9_999), fc.nat(9_999))
  const time = fc
    .tuple(year, part(13), part(32), fc.constantFrom('T', ' '), part(25), part(61), part(61))
    .map(
      ([y, month, day, border, ...clock]) => `${String(y).padStart(4, '0')}-${month}-${day}${border}${clock.join(':')}`,
    )
  const zone = fc.oneof(
    fc.constantFrom('', 'Z', '.999999Z'),
    fc.tuple(fc.constantFrom('+', '-'), part(17), fc.constantFrom('', ':'), part(61)).map((texts) => texts.join('')),
  )
  const at = defineCursor({ at: 'time' })
  let taken = 0
  await checkProperty(
    'times',
    fc.tuple(time, zone).map((texts) => texts.join('')),
    async (text) => {
      try {
        at.parse(encoded([text]))
      } catch {
        return
      }
      taken++
      await database.db.query(sql`select ${text}::timestamptz`)
    },
    { runs: 400 },
  )
  expect(taken).toBeGreaterThan(10)
})

test('any text at all is refused, or is keys of the right kinds', async () => {
  await checkProperty(
    'cursor text',
    fc.oneof(
      fc.string(),
      fc.json().map((json) => Buffer.from(json).toString('base64url')),
    ),
    (text) => {
      try {
        const keys = cursor.parse(text)
        return keys === undefined || /^-?\d+$/.test(keys.id)
      } catch (error) {
        return error instanceof Error && error.message.startsWith('query.cursor')
      }
    },
  )
})
