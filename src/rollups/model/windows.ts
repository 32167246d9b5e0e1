// Which buckets a window holds: those from the bucket in which it began up to the bucket of now, both of them whole. Edges are
// labels of buckets, so that a bucket is in a window or is not, whatever is in it by then.

import { bucketOf, intervalOf, zoneLiteral, type BucketType } from './bucket.ts'
import type { Bucket, WindowSpan } from './options.ts'

/** `at`: the instant that is taken for now, as SQL writes it, a timestamptz. */
export interface WindowEdges {
  /** The last bucket; later ones are of the future. */
  readonly upto: string
  /** The first one of each window. */
  readonly since: readonly string[]
}

export function edgesAt(
  {
    bucket,
    type,
    spans,
  }: { readonly bucket: Bucket; readonly type: BucketType; readonly spans: readonly WindowSpan[] },
  at: string,
): WindowEdges {
  const edge = (instant: string): string => bucketOf(bucket, type, inType(instant, type, bucket.zone))
  return { upto: edge(at), since: spans.map((span) => edge(before(at, span, bucket.zone))) }
}

/** Subtracting days from a timestamptz would follow the zone of the session. */
function before(at: string, span: WindowSpan, zone: string): string {
  if (span.unit === 'minute' || span.unit === 'hour') return `(${at} - ${intervalOf(span)})`
  const there = zoneLiteral(zone)
  return `pg_catalog.timezone(${there}, pg_catalog.timezone(${there}, ${at}) - ${intervalOf(span)})`
}

function inType(instant: string, type: BucketType, zone: string): string {
  if (type === 'timestamptz') return instant
  const local = `pg_catalog.timezone(${zoneLiteral(zone)}, ${instant})`
  return type === 'timestamp' ? local : `(${local})::pg_catalog.date`
}
