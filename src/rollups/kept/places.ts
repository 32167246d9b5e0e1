// In which windows a bucket is: at the instant that the lock table holds, and while windows move on to another. For whoever adds
// up by windows what is kept by buckets.

import { assert } from '../../base/errors.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { lockOf } from '../model/names.ts'
import { bucketColumn, isBucket, type Shape, type TotalsShape } from '../model/shape.ts'
import { edgesAt, type WindowEdges } from '../model/windows.ts'

export function totalsIn({ totals }: Shape): TotalsShape {
  assert(totals !== undefined, 'totals of a rollup that has none')
  return totals
}

/** Of the source: without the bucket. */
export function totalsKeys(shape: Shape): readonly string[] {
  return shape.keys.filter(({ name }) => !isBucket(shape, name)).map(({ name }) => quoteIdent(name))
}

export function edgesOf({ rollup, bucketType, totals }: Shape, at: string): WindowEdges {
  const { bucket } = rollup
  assert(bucket !== undefined && bucketType !== undefined, 'windows of a rollup without buckets')
  return edgesAt({ bucket, type: bucketType, spans: (totals?.windows ?? []).map(({ span }) => span) }, at)
}

/** `value`: over `position.windows_at`, the instant that windows are of. */
export function ofPosition({ rollup }: Shape, value: string): string {
  return `(select ${value} from ${lockOf(rollup)} as position)`
}

/** Columns `in_0`, `in_1` …: whether the bucket of a row is in that window. */
export function placesNow(shape: Shape): readonly string[] {
  if (totalsIn(shape).windows.length === 0) return []
  const { upto, since } = edgesOf(shape, 'position.windows_at')
  // Each edge is a query of its own: known before the first row, and not computed for each.
  const last = ofPosition(shape, upto)
  return since.map(
    (first, window) => `${quoteIdent(bucketColumn)} between ${ofPosition(shape, first)} and ${last} as in_${window}`,
  )
}

/** Columns `move_0`, `move_1` …: 1 where the bucket enters that window, −1 where it leaves. By the variables of the block that advances. */
export function placesMoved(shape: Shape): readonly string[] {
  const bucket = quoteIdent(bucketColumn)
  const inside = (edges: string, window: number): string =>
    `(${bucket} between advancing.${edges}_since_${window} and advancing.${edges}_upto)::pg_catalog.int4`
  return totalsIn(shape).windows.map(
    (_, window) => `${inside('is', window)} - ${inside('was', window)} as move_${window}`,
  )
}

/** Which buckets those may be. */
export function hasCrossed(shape: Shape): string {
  const bucket = quoteIdent(bucketColumn)
  const crossed = [
    `${bucket} > advancing.was_upto and ${bucket} <= advancing.is_upto`,
    ...totalsIn(shape).windows.map(
      (_, window) => `${bucket} >= advancing.was_since_${window} and ${bucket} < advancing.is_since_${window}`,
    ),
  ]
  return crossed.map((range) => `(${range})`).join(' or ')
}
