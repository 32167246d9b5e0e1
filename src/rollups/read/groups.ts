// What the parts of a reader's statement share: how rows are put together, which of them are asked for, and which rows of the
// source an interval cuts off.

import { assert } from '../../base/errors.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { bucketOf, bucketTypes, type BucketType } from '../model/bucket.ts'
import { bucketColumn, type Shape } from '../model/shape.ts'
import { cutOf, sourceOf } from '../model/source-rows.ts'
import { isTime, type Asked, type Condition } from './asked.ts'
import { findEdges, type Edges } from './edges.ts'
import { requireNested, unitOf } from '../model/units.ts'

export function edgesOf(shape: Shape, { to }: Asked): Edges {
  const { bucket } = shape.rollup
  assert(bucket !== undefined, 'an interval of a rollup without buckets')
  return findEdges({ bucket, type: bucketTypeOf(shape), isOpen: to === undefined })
}

/** As its expression says: nothing else does. */
export function bucketTypeOf({ rollup: { bucket }, keys: [first] }: Shape): BucketType {
  const type = bucket && bucketTypes.find((one) => bucketOf(bucket, one, quoteIdent(bucket.column)) === first?.value)
  assert(type !== undefined, 'a bucket of no known type')
  return type
}

/** Over a row of the rollup; under the name that was said. */
export function groupOf(shape: Shape, name: string): string {
  const value = groupValueOf(shape, name)
  return value === quoteIdent(name) ? value : `${value} as ${quoteIdent(name)}`
}

export function groupValueOf(shape: Shape, name: string): string {
  const { bucket } = shape.rollup
  if (bucket === undefined || !isTime(shape.rollup, name)) return quoteIdent(name)
  const type = bucketTypeOf(shape)
  if (name !== 'bucket') requireNested(shape.rollup, name, type)
  return unitOf(bucket, type, name)
}

/** Whether the key is looked at. */
export function isNeeded({ rollup }: Shape, { by, where }: Asked, name: string): boolean {
  if (name === bucketColumn) return by.some((one) => isTime(rollup, one))
  return by.includes(name) || where.some(({ key }) => key === name)
}

/** Rows of the source on either side of the buckets that are taken whole, each to be read like a table. */
export function cutRows(shape: Shape, { head, tail }: Edges): readonly string[] {
  const between = cutOf(shape)
  return [head, tail].flatMap((cutOff) => {
    if (cutOff === undefined) return []
    const { conditions, from, to } = cutOff
    const rows =
      between === undefined ? `${sourceOf(shape)} as source, cut` : `cut, lateral ${between}(${from}, ${to}) as source`
    // In a query of its own: expressions over the source name its columns alone.
    return [`(\n  select source.*\n  from ${rows}\n  where ${conditions.join('\n    and ')}\n) as source`]
  })
}

export function whereOf({ where }: Pick<Asked, 'where'>): Sql {
  const filters = where.map((condition) => conditionOf(condition))
  return filters.length === 0 ? sql`` : sql`\nwhere ${sql.join(filters, '\n  and ')}`
}

function conditionOf({ key, values, orNull, isList }: Condition): Sql {
  const column = sql.ident(key)
  if (values.length === 0) return orNull ? sql`${column} is null` : sql`false`
  const equal = isList ? sql`${column} = any(${values})` : sql`${column} = ${values[0]}`
  return orNull ? sql`(${equal} or ${column} is null)` : equal
}
