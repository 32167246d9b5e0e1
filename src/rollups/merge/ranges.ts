// A rollup from its oldest bucket to its newest, in ranges of buckets that each take about two seconds: what fills it, and
// what compares it with its source. The first range begins before everything, the last is open; both hold the infinities.

import { checkpoint, type Clock } from '../../base/clock.ts'
import { type Queryable, type Session, onlyRow } from '../../db/db.ts'
import { quoteLiteral } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { bucketOf, bucketTypes, lengthOf, type BucketType } from '../model/bucket.ts'
import { conditionsOn, type BucketRange } from './merge.ts'
import type { Bucket } from '../model/options.ts'
import type { Shape } from '../model/shape.ts'
import { functionsOf, overSource } from '../model/source-rows.ts'

export interface WalkOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** The bucket to go on with; undefined: from the beginning. */
  readonly from: string | undefined
  /** Which share of the time is behind us when the range is done, from 0 to 1. */
  readonly visit: (range: BucketRange, share: number) => Promise<void>
  /** Between two ranges; what it takes is not their time. */
  readonly between?: (() => Promise<void>) | undefined
}

const targetMs = 2_000
const mostBuckets = 100_000
/** As many rows as the planner expects: ranges grow by time, and where rows lie denser they are cut. */
const fewRows = 50_000
const mostGrowth = 4

export async function walkRanges(session: Session, shape: Shape, options: WalkOptions): Promise<void> {
  const { clock, signal, visit, between } = options
  // Positions are handed on as text.
  await session.query(sql`set datestyle = 'ISO'`)
  const ends = await readEnds(session, shape)
  let from = options.from
  let buckets = 1
  let rows = fewRows
  for (;;) {
    checkpoint(signal)
    const chosen = await choose(session, shape, { ends, from, buckets, mostRows: Math.max(fewRows, rows * mostGrowth) })
    const { next } = chosen
    buckets = chosen.buckets
    rows = chosen.rows
    const begunMs = clock.monotonic()
    await visit({ from, to: next?.to }, next?.share ?? 1)
    if (next === undefined) return
    const tookMs = clock.monotonic() - begunMs
    from = next.to
    if (tookMs < targetMs / 2) buckets = Math.min(mostBuckets, buckets * 2)
    else if (tookMs > targetMs * 2) buckets = Math.max(1, Math.floor(buckets / 2))
    await between?.()
  }
}

interface Choice {
  readonly ends: Ends | undefined
  readonly from: string | undefined
  readonly buckets: number
  readonly mostRows: number
}

/** Halved until the planner expects no more than `mostRows` of it. */
async function choose(
  session: Session,
  shape: Shape,
  { ends, from, buckets, mostRows }: Choice,
): Promise<{ readonly next: Next | undefined; readonly buckets: number; readonly rows: number }> {
  if (ends === undefined) return { next: undefined, buckets, rows: 0 }
  const next = await readNext(session, ends, { from, buckets })
  const rows = await expectRows(session, shape, { from, to: next?.to })
  if (buckets === 1 || rows <= mostRows) return { next, buckets, rows }
  return await choose(session, shape, { ends, from, buckets: Math.floor(buckets / 2), mostRows })
}

async function expectRows(session: Session, shape: Shape, range: BucketRange): Promise<number> {
  const { counted } = conditionsOn(shape, range)
  const rows = overSource(
    shape,
    counted,
    ({ from, where }) => `select from ${from}${where === undefined ? '' : ` where ${where}`}`,
  )
  const { 'QUERY PLAN': plan } = onlyRow(
    await session.query<{ 'QUERY PLAN': readonly [{ readonly Plan: { readonly 'Plan Rows': number } }] }>(
      sql.raw(`explain (format json) ${rows}`),
    ),
  )
  return plan[0].Plan['Plan Rows']
}

/** Of the rows that are there when the walk begins; what comes later is in the last range. */
interface Ends {
  readonly bucket: Bucket
  readonly type: BucketType
  readonly first: string
  readonly last: string
}

/** Undefined: there is nothing to divide, or nothing gained: each range would unpack all that is packed. */
async function readEnds(session: Session, shape: Shape): Promise<Ends | undefined> {
  const { rollup, tiered } = shape
  const { bucket } = rollup
  if (bucket === undefined) return undefined
  const packed = tiered === undefined ? none : await readPackedEnds(session, shape)
  if (packed === undefined) return undefined
  const column = sql.ident(bucket.column)
  // By the index on the column, or partition by partition; infinities belong to the first range and to the last.
  const end = (order: string): Sql => sql`(
      select ${column}
      from ${sql.ident(rollup.schema, rollup.table)}
      where ${column} > '-infinity'
        and ${column} < 'infinity'
      order by ${column} ${sql.raw(order)}
      limit 1
    )`
  const { first, last, type } = onlyRow(
    await session.query<{ first: string | null; last: string | null; type: string }>(sql`
      select least(first, ${packed.first})::text as first, greatest(last, ${packed.last})::text as last,
        (select typname from pg_type where oid = pg_typeof(first)) as type
      from (select ${end('asc')} as first, ${end('desc')} as last) as ends`),
  )
  const known = bucketTypes.find((one) => one === type)
  return first === null || last === null || known === undefined ? undefined : { bucket, type: known, first, last }
}

interface PackedEnds {
  readonly first: Sql
  readonly last: Sql
}

const none: PackedEnds = { first: sql`null`, last: sql`null` }

/** The bounds of what is packed; undefined: there is something, and it goes by another column than the buckets. */
async function readPackedEnds(on: Queryable, shape: Shape): Promise<PackedEnds | undefined> {
  const { schema, table } = shape.rollup
  const { rows } = await on.query<{ lower: string; upper: string }>(sql`
    select p.lower_bound as lower, p.upper_bound as upper
    from pgstrata.tier_partition p
    join pgstrata.tier_table t on t.id = p.tier_table
    where t.schema_name = ${schema}
      and t.table_name = ${table}
      and p.pack is not null`)
  if (rows.length === 0) return none
  if (functionsOf(shape) === undefined) return undefined
  const outermost = (which: 'least' | 'greatest', bounds: readonly string[]): Sql => {
    const known = bounds.filter((bound) => bound !== 'MINVALUE' && bound !== 'MAXVALUE')
    if (known.length === 0) return sql`null`
    const instants = known.map((bound) => sql`${bound}::${sql.raw(shape.bucketType ?? '')}`)
    return sql`${sql.raw(which)}(${sql.join(instants, ', ')})`
  }
  return {
    first: outermost(
      'least',
      rows.map(({ lower }) => lower),
    ),
    last: outermost(
      'greatest',
      rows.map(({ upper }) => upper),
    ),
  }
}

interface Next {
  readonly to: string
  readonly share: number
}

/** Where the next range ends; undefined: it is the last, and open. */
async function readNext(
  on: Queryable,
  { bucket, type, first, last }: Ends,
  { from, buckets }: { readonly from: string | undefined; readonly buckets: number },
): Promise<Next | undefined> {
  const at = (text: string): string => `${quoteLiteral(text)}::${type}`
  const start = from === undefined ? bucketOf(bucket, type, at(first)) : at(from)
  const { to, share } = onlyRow(
    await on.query<{ to: string | null; share: number | null }>(
      sql.raw(`
      select case when upto <= ${at(last)} then upto::text end as "to",
        (extract(epoch from upto::timestamp - ${at(first)}::timestamp)
          / nullif(extract(epoch from ${at(last)}::timestamp - ${at(first)}::timestamp), 0))::float8 as share
      from (select ${laterBy(bucket, type, { start, buckets })} as upto) as next`),
    ),
  )
  return to === null ? undefined : { to, share: Math.min(1, Math.max(0, share ?? 1)) }
}

/** By the calendar of the zone: a day may have 23 hours, and adding one to a timestamptz asks the zone of the session. */
function laterBy(bucket: Bucket, type: BucketType, { start, buckets }: { start: string; buckets: number }): string {
  const span = `${buckets} * ${lengthOf(bucket)}`
  const { unit } = bucket.span
  if (type === 'date') return `(${start} + ${span})::date`
  if (type === 'timestamp' || unit === 'hour' || unit === 'minute') return `${start} + ${span}`
  const zone = quoteLiteral(bucket.zone)
  return `((${start}) at time zone ${zone} + ${span}) at time zone ${zone}`
}
