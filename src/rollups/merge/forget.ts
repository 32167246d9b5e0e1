// Retention of a rollup that is declared to forget: when partitions of its source are gone, so are the buckets that were theirs,
// at once or when they are of an age.
//
// What holds: a bucket goes only if it ends at or below the lowest bound there is and the source has no row as old (a default
// partition may), whatever its age. Totals lose what goes, in the same transaction.

import { onlyRow, type Session } from '../../db/db.ts'
import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { bucketOf, zoneLiteral, type BucketType } from '../model/bucket.ts'
import { readFloor } from './floor.ts'
import { removeBuckets, type MergeOptions } from './merge.ts'
import { mergedOf } from '../model/names.ts'
import type { Bucket } from '../model/options.ts'
import { bucketColumn, type Shape } from '../model/shape.ts'
import { overSource } from '../model/source-rows.ts'

/** Whether anything was. */
export async function forgetGone(session: Session, shape: Shape, options: MergeOptions): Promise<boolean> {
  const { rollup, bucketType } = shape
  const { bucket, retention } = rollup
  if (retention === undefined || bucket === undefined || bucketType === undefined) return false
  const floor = await readFloor(session, shape)
  if (typeof floor === 'string') return false
  const lowest = `${quoteLiteral(floor.lowest)}::pg_catalog.${bucketType}`
  const below = bucketOf(bucket, bucketType, lowest)
  const until =
    retention === 'forget'
      ? below
      : `least(${below}, ${bucketOf(bucket, bucketType, agoOf(bucket, bucketType, retention.keep))})`
  const gone = `${quoteIdent(bucketColumn)} < ${until}`
  const older = { span: { from: undefined, to: lowest }, where: `${quoteIdent(bucket.column)} < ${lowest}` }
  const rows = overSource(shape, older, ({ from, where = 'true' }) => `select from ${from} where ${where}`)
  const { due } = onlyRow(
    await session.query<{ due: boolean }>(
      sql.raw(`select exists (select from ${mergedOf(rollup)} where ${gone})
  and not exists (${rows}) as due`),
    ),
  )
  if (due) await removeBuckets(session, shape, { where: gone, ...options })
  return due
}

/** By the calendar of the zone; a column without a zone holds what clocks show there. */
function agoOf({ zone }: Bucket, type: BucketType, age: string): string {
  const local = `(pg_catalog.timezone(${zoneLiteral(zone)}, pg_catalog.now()) - ${quoteLiteral(age)}::interval)`
  if (type === 'timestamptz') return `pg_catalog.timezone(${zoneLiteral(zone)}, ${local})`
  return type === 'date' ? `${local}::pg_catalog.date` : local
}
