// Below its floor the history of a rollup is all that is left: partitions of the source were dropped there, or are in an archive, and
// nothing could be counted anew. Nothing rebuilds or repairs a bucket below it.
//
// The floor follows from the source: where it is partitioned by ranges of the bucket's column, it is the first bucket that
// begins at or above the lowest bound, and above everything that is in an archive alone: an older partition may have been
// restored from it. A bucket that the bound cuts is below the floor. What writers still change there is captured
// like anywhere else.

import { onlyRow, type Queryable } from '../../db/db.ts'
import { readColdUppers } from '../../catalog/tiered.ts'
import { quoteLiteral, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { bucketOf, bucketTypes, lengthOf } from '../model/bucket.ts'
import { conditionsOn } from './merge.ts'
import { deltaOf, mergedOf } from '../model/names.ts'
import { rowCount, type Shape } from '../model/shape.ts'
import { overSource } from '../model/source-rows.ts'

/** `none`: all of the source is there, as far as bounds tell. `all`: without buckets old and new cannot be told apart. */
export type Floor = 'none' | 'all' | { readonly bucket: string; readonly lowest: string }

/** The floor, if something is kept below it that the source has no more. */
export async function readLostFloor(on: Queryable, shape: Shape): Promise<Floor> {
  const floor = await readFloor(on, shape)
  if (floor === 'none' || floor === 'all') return floor
  const { rollup } = shape
  const { inBucket = 'true', counted } = conditionsOn(shape, { from: undefined, to: floor.bucket })
  const rows = overSource(shape, counted, ({ from, where = 'true' }) => {
    const conditions = [where, ...(shape.where === undefined ? [] : [shape.where])]
    return `select from ${from} where ${conditions.map((condition) => `(${condition})`).join(' and ')}`
  })
  const kept = [mergedOf(rollup), deltaOf(rollup)].map((table) => `select ${rowCount} from ${table} where ${inBucket}`)
  // One statement, and so one snapshot.
  const { lost } = onlyRow(
    await on.query<{ lost: boolean }>(
      sql.raw(`
    select coalesce((select sum(${rowCount}) from (${kept.join(' union all ')}) as kept), 0) > (
        select count(*)
        from (${rows}) as counted
      ) as lost`),
    ),
  )
  return lost ? floor : 'none'
}

export async function readFloor(on: Queryable, { rollup }: Shape): Promise<Floor> {
  const { bucket, schema, table } = rollup
  const source = quoteQualified(schema, table)
  const { rows } = await on.query<{ bound: string; column: string | null; type: string }>(sql`
    select pg_get_expr(c.relpartbound, c.oid) as bound, a.attname::text as column, t.typname::text as type
    from pg_partitioned_table p
    join pg_inherits i on i.inhparent = p.partrelid
    join pg_class c on c.oid = i.inhrelid
    left join pg_attribute a on a.attrelid = p.partrelid and a.attnum = p.partattrs[0]
    left join pg_type t on t.oid = a.atttypid
    where p.partrelid = ${source}::regclass
      and p.partstrat = 'r'
      and p.partnatts = 1`)
  const [first] = rows
  const archived = first === undefined ? [] : await readColdUppers(on, rollup)
  if (first === undefined || (archived.length === 0 && isOpenBelow(rows))) return 'none'
  if (bucket === undefined || first.column !== bucket.column) return 'all'
  const type = bucketTypes.find((one) => one === first.type)
  const lowers = rows.flatMap(({ bound }) => /^FOR VALUES FROM \((.*)\) TO \(/.exec(bound)?.[1] ?? [])
  if (type === undefined || lowers.length === 0 || archived.includes('MAXVALUE')) return 'all'
  const ends = archived.map((upper) => `${quoteLiteral(upper)}::${type}`)
  // With an open end below, something is in an archive above it.
  const lowest = `greatest(${(isOpenBelow(rows) ? ends : [`least(${lowers.map((lower) => `${lower}::${type}`).join(', ')})`, ...ends]).join(', ')})`
  const start = bucketOf(bucket, type, 'lowest')
  const answer = await on.query<{ bucket: string; lowest: string }>(
    sql.raw(`
    select case when ${start} = lowest then lowest else ${bucketOf(bucket, type, `(${start} + 1.5 * ${lengthOf(bucket)})::${type}`)} end::text as bucket, lowest::text as lowest
    from (select ${lowest} as lowest) as bound`),
  )
  return onlyRow(answer)
}

function isOpenBelow(partitions: readonly { readonly bound: string }[]): boolean {
  return partitions.some(({ bound }) => bound.startsWith('FOR VALUES FROM (MINVALUE)'))
}
