// The ends of an interval of time, as a caller says them and as the server reads them.
//
// Promises: what an end means depends on no setting of a session and on no zone of this process. A Date, and a text with an
// offset, is an instant; a text without one is what the clocks of the rollup's zone show; '30 days' is that long before
// now(), days and longer by the calendar of that zone. A column without a zone holds what those clocks show. A column of
// dates has no instants: it takes days, and spans of days; a Date is refused, for its day is another one elsewhere.

import { StrataError } from '../../base/errors.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { zoneLiteral, type BucketType } from '../model/bucket.ts'

/** A Date, '2026-03-01', '2026-03-01T10:00:00Z', '2026-03-01 10:00' or a span before now: '30 days'. */
export type ReadInstant = Date | string

export type Point =
  | { readonly kind: 'instant' | 'local' | 'day'; readonly text: string }
  | { readonly kind: 'ago'; readonly interval: string; readonly isCalendar: boolean }
  /** Of a function in SQL; of the type of the column of time already. */
  | { readonly kind: 'argument'; readonly place: 1 | 2 }

const spanPattern = /^\s*(\d{1,6})\s*(s|sec|second|m|min|minute|h|hour|d|day|week|month|quarter|year)s?\s*$/i
const timePattern =
  /^(\d{4,6})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,6})?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?$/i
const expected = "a Date, a time such as '2026-03-01' or '2026-03-01T10:00:00Z', or a span before now such as '30 days'"

const unitNames: Readonly<Record<string, string>> = {
  s: 'second',
  sec: 'second',
  m: 'minute',
  min: 'minute',
  h: 'hour',
  d: 'day',
}

export function parseInstant(where: string, value: unknown): Point {
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime()))
      throw new StrataError('VALUE_INVALID', { message: where, expected, got: 'an invalid Date' })
    return { kind: 'instant', text: textOf(value) }
  }
  if (typeof value !== 'string') {
    throw new StrataError('VALUE_INVALID', { message: where, expected, got: value === null ? 'null' : typeof value })
  }
  const point = parseSpan(value) ?? parseTime(value)
  if (point === undefined) throw new StrataError('VALUE_INVALID', { message: where, expected, got: 'another text' })
  return point
}

/** The year as the server writes it: five digits where it takes them, and BC. */
function textOf(instant: Date): string {
  const year = instant.getUTCFullYear()
  const rest = instant.toISOString().replace(/^[+-]?\d+/, '')
  return year > 0 ? `${digits(year)}${rest}` : `${digits(1 - year)}${rest} BC`
}

const digits = (year: number): string => String(year).padStart(4, '0')

function parseSpan(text: string): Point | undefined {
  const [, amount, word] = spanPattern.exec(text) ?? []
  if (amount === undefined || word === undefined) return undefined
  const unit = unitNames[word.toLowerCase()] ?? word.toLowerCase()
  const interval = unit === 'quarter' ? `${Number(amount) * 3} months` : `${Number(amount)} ${unit}s`
  return { kind: 'ago', interval, isCalendar: !['second', 'minute', 'hour'].includes(unit) }
}

function parseTime(text: string): Point | undefined {
  const found = timePattern.exec(text)
  if (found === null) return undefined
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((part) => Number(part ?? 0))
  const last = new Date(Date.UTC(2000, month ?? 0, 0)).getUTCDate()
  const leap = ((year ?? 0) % 4 === 0 && (year ?? 0) % 100 !== 0) || (year ?? 0) % 400 === 0
  const days = month === 2 && !leap ? 28 : last
  const isTime = (hour ?? 0) < 24 && (minute ?? 0) < 60 && (second ?? 0) < 60
  if (!year || !month || month > 12 || !day || day > days || !isTime) return undefined
  if (found[7] !== undefined) return { kind: 'instant', text }
  return { kind: found[4] === undefined ? 'day' : 'local', text }
}

/** In the type of the column of time. */
export function compilePoint(
  where: string,
  point: Point,
  at: { readonly type: BucketType; readonly zone: string },
): Sql {
  if (point.kind === 'argument') return sql.raw(`$${point.place}`)
  const zone = sql.raw(zoneLiteral(at.zone))
  if (at.type === 'date') return compileDay(where, point, zone)
  if (point.kind === 'ago') return compileAgo(point, at.type, zone)
  if (point.kind === 'instant') {
    return at.type === 'timestamptz'
      ? sql`${point.text}::timestamptz`
      : sql`(${point.text}::timestamptz at time zone ${zone})`
  }
  return at.type === 'timestamptz'
    ? sql`(${point.text}::timestamp at time zone ${zone})`
    : sql`${point.text}::timestamp`
}

/** Subtracting days from a timestamptz would follow the zone of the session. */
function compileAgo(point: Extract<Point, { kind: 'ago' }>, type: 'timestamptz' | 'timestamp', zone: Sql): Sql {
  const past = point.isCalendar
    ? sql`((pg_catalog.now() at time zone ${zone}) - ${point.interval}::interval)`
    : sql`(pg_catalog.now() - ${point.interval}::interval)`
  return point.isCalendar === (type === 'timestamp') ? past : sql`(${past} at time zone ${zone})`
}

function compileDay(where: string, point: Exclude<Point, { kind: 'argument' }>, zone: Sql): Sql {
  if (point.kind === 'day') return sql`${point.text}::date`
  if (point.kind === 'ago' && point.isCalendar)
    return sql`((pg_catalog.now() at time zone ${zone}) - ${point.interval}::interval)::date`
  throw new StrataError('VALUE_INVALID', {
    message: `${where}, where the column of time is a date`,
    expected: "a day such as '2026-03-01', or a span of days or more such as '30 days'",
    got: point.kind === 'ago' ? 'a span shorter than a day' : 'an instant, which is another day elsewhere',
  })
}
