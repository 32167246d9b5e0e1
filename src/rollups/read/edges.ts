// Where an interval cuts a rollup: which buckets lie in it whole, and which rows of the source make up the rest.
//
// What holds, whatever the zone does to its clocks: a bucket that is taken whole has no row outside of the interval, and a row
// of the source is taken if it is in the interval and its bucket is not taken. Where buckets follow each other without a gap
// (UTC, columns without a zone, and buckets of several minutes or hours, which take no notice of clocks) both follow from the time of
// the row alone. Elsewhere the beginning of a bucket says less than it seems to: where clocks go back across midnight
// (Azores, Havana) a day begins after its first hour, and where they move by half an hour (Lord Howe) an hour is labelled with
// an instant of the hour before. So there the bucket of a row decides, and times only bound what is looked at.
//
// `tick` is the smallest step of a timestamp. Offsets change at most once in 25 hours, and by less.

import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { bucketOf, isContiguous, lengthOf, zoneLiteral, type BucketType } from '../model/bucket.ts'
import type { Bucket } from '../model/options.ts'

/** Over the columns `since` and `until` of `asked`, the conditions over those of `cut`, `whole` and `source`. */
export interface Edges {
  /** Each over the columns of the one before. */
  readonly stages: readonly Stage[]
  /** Of a bucket. */
  readonly whole: readonly string[]
  /** Of a row of the source; undefined: nothing is ever cut off there. */
  readonly head: CutOff | undefined
  readonly tail: CutOff | undefined
  /**
   * Over the columns of `cut`, as clocks of the zone show it: no bucket that is left out in front begins later than `head`, and
   * none behind begins before `tail`.
   */
  readonly outside: { readonly head: string; readonly tail: string | undefined }
}

interface CutOff {
  readonly conditions: readonly string[]
  /** Instants from which and before which all such rows are. */
  readonly from: string
  readonly to: string
}

/** Columns that a query adds. */
export type Stage = readonly { readonly name: string; readonly value: string }[]

export interface EdgesSubject {
  readonly bucket: Bucket
  readonly type: BucketType
  readonly isOpen: boolean
}

export const tick = `interval '1 microsecond'`
export const label = 'whole."bucket"'

export function findEdges(subject: EdgesSubject): Edges {
  const { bucket, type, isOpen } = subject
  if (type === 'date' && bucket.span.unit === 'day') {
    const whole = [`${label} >= cut.since`, ...(isOpen ? [] : [`${label} < cut.until`])]
    const outside = { head: `since::timestamp - ${tick}`, tail: isOpen ? undefined : 'until::timestamp' }
    return { stages: [], whole, head: undefined, tail: undefined, outside }
  }
  if (isContiguous(bucket, type)) return contiguous(subject)
  return bucket.span.unit === 'minute' || bucket.span.unit === 'hour' ? cutHours(subject) : cutDays(subject)
}

function contiguous({ bucket, type, isOpen }: EdgesSubject): Edges {
  const at = `source.${quoteIdent(bucket.column)}`
  const [latest, earliest] =
    type === 'timestamptz'
      ? [latestReading('first', bucket.zone), earliestReading('last', bucket.zone)]
      : ['first::timestamp', 'last::timestamp']
  return {
    stages: [
      [
        { name: 'first', value: bucketAfter(bucket, type) },
        ...(isOpen ? [] : [{ name: 'last', value: bucketOf(bucket, type, 'until') }]),
      ],
    ],
    whole: [`${label} >= cut.first`, ...(isOpen ? [] : [`${label} < cut.last`])],
    head: {
      conditions: [`${at} >= cut.since`, `${at} < cut.first`, ...(isOpen ? [] : [`${at} < cut.until`])],
      from: 'cut.since',
      to: 'cut.first',
    },
    tail: isOpen
      ? undefined
      : {
          conditions: [`${at} >= cut.last`, `${at} >= cut.first`, `${at} >= cut.since`, `${at} < cut.until`],
          from: 'cut.last',
          to: 'cut.until',
        },
    outside: { head: `${latest} - ${tick}`, tail: isOpen ? undefined : earliest },
  }
}

const day = `interval '25 hours'`

/** What clocks show before `end` at the latest, and from it on at the earliest: they may be put back in between. */
function latestReading(end: string, zone: string): string {
  const local = (instant: string): string => `(${instant} at time zone ${zoneLiteral(zone)})`
  return `greatest(${local(end)}, ${local(`(${end} - ${day})`)} + ${day})`
}

function earliestReading(end: string, zone: string): string {
  const local = (instant: string): string => `(${instant} at time zone ${zoneLiteral(zone)})`
  return `least(${local(end)}, ${local(`(${end} + ${day})`)} - ${day})`
}

/** The first that begins at `since` or later. */
function bucketAfter(bucket: Bucket, type: BucketType): string {
  const length = lengthOf(bucket)
  if (type === 'date') return `(${bucketOf(bucket, type, '(since - 1)')} + ${length})::date`
  const { unit } = bucket.span
  if (type === 'timestamp' || unit === 'minute' || unit === 'hour') {
    return `${bucketOf(bucket, type, `(since - ${tick})`)} + ${length}`
  }
  // Adding a day to a timestamptz follows the zone of the session.
  const local = `(since - ${tick}) at time zone ${zoneLiteral(bucket.zone)}`
  return `((${bucketOf(bucket, 'timestamp', `(${local})`)} + ${length}) at time zone ${zoneLiteral(bucket.zone)})`
}

/** A row is never before its bucket begins, and always less than its length behind. */
function cutHours({ bucket, type, isOpen }: EdgesSubject): Edges {
  const length = lengthOf(bucket)
  const zone = zoneLiteral(bucket.zone)
  const at = `source.${quoteIdent(bucket.column)}`
  const own = bucketOf(bucket, type, at)
  const isEven = (end: string): string =>
    `(${end} + ${length}) at time zone ${zone} = ((${end} - ${length}) at time zone ${zone}) + 2 * ${length}`
  const first = `case when ${isEven('since')} then ${bucketOf(bucket, type, `since - ${tick}`)} else since end + ${length}`
  const last = `case when ${isEven('until')} then ${bucketOf(bucket, type, 'until')} else until - ${length} end`
  return {
    stages: [
      [
        { name: 'head_end', value: first },
        ...(isOpen
          ? []
          : [
              { name: 'last', value: `until - ${length}` },
              { name: 'tail_start', value: last },
            ]),
      ],
    ],
    whole: [`${label} >= cut.since`, ...(isOpen ? [] : [`${label} <= cut.last`])],
    head: {
      conditions: [
        `${at} >= cut.since`,
        `${at} < cut.head_end`,
        ...(isOpen ? [] : [`${at} < cut.until`]),
        `${own} < cut.since`,
      ],
      from: 'cut.since',
      to: 'cut.head_end',
    },
    tail: isOpen
      ? undefined
      : {
          conditions: [
            `${at} >= cut.tail_start`,
            `${at} >= cut.since`,
            `${at} < cut.until`,
            `${own} > cut.last`,
            `${own} >= cut.since`,
          ],
          from: 'cut.tail_start',
          to: 'cut.until',
        },
    outside: {
      head: `${latestReading('since', bucket.zone)} - ${tick}`,
      tail: isOpen ? undefined : earliestReading('tail_start', bucket.zone),
    },
  }
}

/**
 * By what clocks show: `low` is the bucket of the latest reading before `since`, `high` that of the earliest from `until` on.
 * Where clocks went back in between, both are what they would have shown otherwise.
 */
function cutDays({ bucket, type, isOpen }: EdgesSubject): Edges {
  const { unit } = bucket.span
  const length = lengthOf(bucket)
  const zone = zoneLiteral(bucket.zone)
  const at = `source.${quoteIdent(bucket.column)}`
  const own = bucketOf(bucket, type, at)
  const local = (instant: string): string => `(${instant} at time zone ${zone})`
  const cut = (reading: string): string => `pg_catalog.date_trunc(${quoteLiteral(unit)}, ${reading})`
  const low = cut(`${latestReading('since', bucket.zone)} - ${tick}`)
  const high = cut(earliestReading('until', bucket.zone))
  const went = `greatest(interval '0', ${local(`(high - ${day})`)} + ${day} - ${local('high')})`
  return {
    stages: [
      [{ name: 'low_local', value: low }, ...(isOpen ? [] : [{ name: 'high_local', value: high }])],
      [
        { name: 'low', value: local('low_local') },
        { name: 'head_end', value: local(`(low_local + ${length})`) },
        ...(isOpen ? [] : [{ name: 'high', value: local('high_local') }]),
      ],
      // The first time that clocks showed `high`.
      ...(isOpen ? [] : [[{ name: 'tail_start', value: `high - ${went}` }]]),
    ],
    whole: [`${label} > cut.low`, ...(isOpen ? [] : [`${label} < cut.high`])],
    head: {
      conditions: [
        `${at} >= cut.since`,
        `${at} < cut.head_end`,
        ...(isOpen ? [] : [`${at} < cut.until`]),
        `${own} <= cut.low`,
      ],
      from: 'cut.since',
      to: 'cut.head_end',
    },
    tail: isOpen
      ? undefined
      : {
          conditions: [
            `${at} >= cut.tail_start`,
            `${at} >= cut.since`,
            `${at} < cut.until`,
            `${own} >= cut.high`,
            `${own} > cut.low`,
          ],
          from: 'cut.tail_start',
          to: 'cut.until',
        },
    outside: { head: 'low_local', tail: isOpen ? undefined : 'high_local' },
  }
}
