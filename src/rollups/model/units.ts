// Which units of time a rollup can be read by: those of which every bucket lies within one.
//
// Buckets of several minutes or hours follow each other from one midnight on, whatever the clocks of the zone do since; where
// they are put forward by less than a bucket, days begin within one. Zones are taken as they have been since 1970; a zone whose clocks went back across midnight by less than a bucket (Newfoundland, at 00:01, until 2011) has had
// buckets that lie in two days, and count for the one in which they begin.

import { StrataError } from '../../base/errors.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { bucketColumn, bucketOf, type BucketType } from './bucket.ts'
import type { Bucket, BucketSpan, Rollup, TimeUnit } from './options.ts'

const order = ['minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'] as const

interface Fault {
  readonly why: string
  readonly expected?: string
}

/** As far as the declaration tells. */
export function findUnitFault({ bucket }: Rollup, unit: TimeUnit): Fault | undefined {
  if (bucket === undefined) return { why: 'it has no bucket' }
  const { span } = bucket
  const isFiner = order.indexOf(unit) < order.indexOf(span.unit) || (unit === span.unit && span.count > 1)
  if (isFiner) {
    return { why: `its bucket is ${inWords(span)}`, expected: `a unit of ${inWords(span)} or more, or 'bucket'` }
  }
  return liesWithin(span.unit, unit)
    ? undefined
    : { why: 'a week can lie in two of them', expected: "'week' or 'bucket'" }
}

/** What else the type of its column tells. */
export function findNestingFault({ bucket }: Rollup, unit: TimeUnit, type: BucketType): Fault | undefined {
  if (bucket === undefined || type !== 'timestamptz' || bucket.span.count === 1) return undefined
  const { span, zone } = bucket
  const lengthMinutes = span.unit === 'hour' ? span.count * 60 : span.count
  const shifts = shiftsOf(zone)
  if (shifts?.every((shift) => shift % lengthMinutes === 0) === true) return undefined
  return {
    why: `a ${unit} of zone '${zone}' may begin within a bucket of ${inWords(span)}`,
    expected: "'bucket', or a rollup with a bucket by which its clocks are put forward and back",
  }
}

export function requireUnit(rollup: Rollup, unit: TimeUnit): void {
  refuse(rollup, unit, findUnitFault(rollup, unit))
}

export function requireNested(rollup: Rollup, unit: TimeUnit, type: BucketType): void {
  refuse(rollup, unit, findNestingFault(rollup, unit, type))
}

/** Whether each of the one lies in one of the other. */
export function liesWithin(unit: BucketSpan['unit'], other: TimeUnit): boolean {
  if (unit === 'week') return other === 'week'
  return order.indexOf(unit) <= order.indexOf(other)
}

/** Over a row of the rollup. */
export function unitOf(bucket: Bucket, type: BucketType, unit: TimeUnit | 'bucket'): string {
  const column = quoteIdent(bucketColumn)
  // A bucket's own unit is not cut again: an hour of which half was skipped begins in the hour before.
  if (unit === 'bucket' || unit === bucket.span.unit) return column
  return bucketOf({ ...bucket, span: { unit, count: 1 } }, type, column)
}

const known = new Map<string, readonly number[] | undefined>()

/**
 * How far clocks were put from where they stood when buckets began, in minutes; undefined: this process does not know the
 * zone. As many as are declared.
 */
function shiftsOf(zone: string): readonly number[] | undefined {
  if (!known.has(zone)) known.set(zone, findShifts(zone))
  return known.get(zone)
}

function findShifts(zone: string): readonly number[] | undefined {
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' })
  } catch {
    return undefined
  }
  const start = offsetAt(format, bucketsBeganMs)
  const shifts = new Set<number>()
  for (let month = 0; month < 12 * 68; month += 3) shifts.add(offsetAt(format, Date.UTC(1970, month)) - start)
  return [...shifts]
}

/** As bucket.ts has it. */
const bucketsBeganMs = Date.UTC(2000, 0, 3)

/** From UTC, in minutes. */
function offsetAt(format: Intl.DateTimeFormat, instantMs: number): number {
  const text = format.formatToParts(instantMs).find(({ type }) => type === 'timeZoneName')?.value ?? ''
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = /^GMT(?:([+-])(\d+):(\d+)(?::(\d+))?)?$/.exec(text) ?? []
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes) + Number(seconds) / 60)
}

function inWords({ unit, count }: BucketSpan): string {
  return count === 1 ? `one ${unit}` : `${count} ${unit}s`
}

function refuse({ name }: Rollup, unit: TimeUnit, fault: Fault | undefined): void {
  if (fault === undefined) return
  const { why, expected } = fault
  throw new StrataError('VALUE_INVALID', { message: `Rollup "${name}" cannot be read by ${unit}: ${why}`, expected })
}
