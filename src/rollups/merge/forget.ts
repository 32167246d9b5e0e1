// Retention of a rollup that is declared to forget: when partitions of its source are gone, so are the buckets that were theirs.
//
// What holds: a bucket goes only if it ends at or below the lowest bound there is and the source has no row as old (a default
// partition may). Totals lose what goes, in the same transaction.

import { onlyRow, type Session } from '../../db/db.ts'
import { quoteIdent, quoteLiteral, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { bucketOf } from '../model/bucket.ts'
import { readFloor } from './floor.ts'
import { removeBuckets, type MergeOptions } from './merge.ts'
import { mergedOf } from '../model/names.ts'
import { bucketColumn, type Shape } from '../model/shape.ts'

/** Whether anything was. */
export async function forgetGone(session: Session, shape: Shape, options: MergeOptions): Promise<boolean> {
  const { rollup, bucketType } = shape
  const { bucket } = rollup
  if (rollup.retention !== 'forget' || bucket === undefined || bucketType === undefined) return false
  const floor = await readFloor(session, shape)
  if (typeof floor === 'string') return false
  const lowest = `${quoteLiteral(floor.lowest)}::pg_catalog.${bucketType}`
  const gone = `${quoteIdent(bucketColumn)} < ${bucketOf(bucket, bucketType, lowest)}`
  const source = quoteQualified(rollup.schema, rollup.table)
  const { due } = onlyRow(
    await session.query<{ due: boolean }>(
      sql.raw(`select exists (select from ${mergedOf(rollup)} where ${gone})
  and not exists (select from ${source} where ${quoteIdent(bucket.column)} < ${lowest}) as due`),
    ),
  )
  if (due) await removeBuckets(session, shape, { where: gone, ...options })
  return due
}
