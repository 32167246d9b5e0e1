// In which bucket a row is. The same expression is used by what captures, what rebuilds and what reads, so that a row is in
// one bucket whoever asks: it depends on no setting of a session, only on the zone that is declared.
//
// What holds: a row is in the bucket that its own time says, and a bucket's label is in that bucket. Whether a label also bounds
// the times of its rows, `isContiguous` says.

import { quoteLiteral } from '../../sql/quote.ts'
import type { Bucket, WindowSpan } from './options.ts'

/** Of what a rollup is kept in, and read through. */
export const bucketColumn = 'bucket'

/** The types of a column that can be put into buckets, as pg_type calls them. */
export const bucketTypes = ['timestamptz', 'timestamp', 'date'] as const
export type BucketType = (typeof bucketTypes)[number]

/** Midnight: multiples of minutes and hours are counted from there, by the clock that the zone had that day. */
const origin = '2000-01-03 00:00:00'

/**
 * 18 looks an abbreviation up in the zone of the session first, where anybody can give UTC another meaning
 * (`set timezone = 'UTC+5'`). This name is none.
 */
export const zoneLiteral = (zone: string): string => quoteLiteral(zone === 'UTC' ? 'Etc/UTC' : zone)

/** `column`: as SQL writes it. */
export function bucketOf({ span, zone }: Bucket, type: BucketType, column: string): string {
  const { unit, count } = span
  if (type === 'date') return `(pg_catalog.date_trunc(${quoteLiteral(unit)}, (${column})::timestamp))::pg_catalog.date`
  if (count > 1) {
    const midnight = `timestamp '${origin}'`
    const start = type === 'timestamp' ? midnight : `pg_catalog.timezone(${zoneLiteral(zone)}, ${midnight})`
    return `pg_catalog.date_bin(interval '${count} ${unit}s', ${column}, ${start})`
  }
  const at = type === 'timestamp' ? '' : `, ${zoneLiteral(zone)}`
  return `pg_catalog.date_trunc(${quoteLiteral(unit)}, ${column}${at})`
}

/** How long one bucket is, as SQL writes it; by the calendar of the zone. */
export function lengthOf({ span }: Bucket): string {
  return intervalOf(span)
}

export function intervalOf({ unit, count }: WindowSpan): string {
  return unit === 'quarter' ? `interval '${count * 3} months'` : `interval '${count} ${unit}${count === 1 ? '' : 's'}'`
}

/**
 * A row is in the bucket that began last before it. Elsewhere the row's bucket decides, and not its time: where clocks go back
 * across midnight (Azores, Havana) a day is labelled with the end of its first hour, and where they move by half an hour
 * (Lord Howe) an hour with an instant of the one before.
 */
export function isContiguous({ span, zone }: Bucket, type: BucketType): boolean {
  return type !== 'timestamptz' || span.count > 1 || ['utc', 'etc/utc', 'gmt', 'etc/gmt'].includes(zone.toLowerCase())
}
