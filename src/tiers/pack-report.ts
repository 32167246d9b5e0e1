// What packs are made of: how each column is kept, and what it takes. Bytes of a column are measured on some of the segments and
// scaled to all of them; what a pack takes as a whole is counted.

import { StrataError } from '../base/errors.ts'
import type { Db, Queryable } from '../db/db.ts'
import { quoteIdent, quoteQualified } from '../sql/quote.ts'
import { sql } from '../sql/sql.ts'
import { packObjectNames } from './model/objects.ts'
import type { TieredTable } from './model/options.ts'
import { findTierTable } from './model/tables.ts'
import type { Codec, PackedColumn } from './pack/column.ts'
import { readPackFacts, type PackFacts } from './status-queries.ts'

export interface PackReport {
  readonly schema: string
  /** Of the partition. */
  readonly name: string
  readonly rows: number
  readonly segments: number
  /** Less than what is declared where keys have too few rows to be worth a segment each. */
  readonly segmentBy: readonly string[]
  readonly orderBy: readonly string[]
  /** Segments and words, with their indexes. */
  readonly sizeBytes: number
  readonly columns: readonly PackedColumnReport[]
}

export interface PackedColumnReport {
  readonly name: string
  readonly type: string
  readonly codec: Codec
  /** In segments, without what a row of a table takes besides; an estimate. */
  readonly segmentBytes: number
  /** Of its words, which all segments share. */
  readonly wordBytes: number
}

const sampledSegments = 500

/** Of one partition, or of all that are packed; the oldest pack first. */
export async function readPackReports(
  db: Db,
  { partitioned }: TieredTable,
  partition?: string,
): Promise<readonly PackReport[]> {
  const known = await findTierTable(db, partitioned)
  if (known === undefined) return []
  const facts = await readPackFacts(db, known)
  const packs = (await readPacks(db, known.id)).filter(({ name }) => partition === undefined || name === partition)
  if (partition !== undefined && packs.length === 0) {
    throw new StrataError('TIER_STATE', {
      message: `Partition ${JSON.stringify(partition)} of ${partitioned.schema}.${partitioned.table} is not packed`,
      advice: 'See which are with `pgstrata tier status`.',
    })
  }
  const reports: PackReport[] = []
  for (const pack of packs) {
    const own = facts.get(pack.id)
    if (own !== undefined) reports.push(await report(db, pack, own))
  }
  return reports
}

interface PackRow {
  readonly id: string
  readonly schema: string
  readonly name: string
  readonly columns: readonly PackedColumn[]
  readonly orderBy: readonly string[]
}

async function readPacks(on: Queryable, tierTable: number): Promise<readonly PackRow[]> {
  const { rows } = await on.query<PackRow>(sql`
    select k.id::text as id, p.partition_schema as schema, p.partition_name as name, k.columns, k.order_by as "orderBy"
    from pgstrata.tier_pack k
    join pgstrata.tier_partition p on p.id = k.tier_partition and p.pack = k.id
    where k.tier_table = ${tierTable}
      and k.state = 'live'
    order by k.id`)
  return rows
}

async function report(on: Queryable, pack: PackRow, facts: PackFacts): Promise<PackReport> {
  const { segments: segmentsTable, words } = packObjectNames(BigInt(pack.id))
  const segmentBytes = await readSegmentBytes(on, segmentsTable)
  const wordBytes = await readWordBytes(on, words)
  const { rows, segments, segmentBy, sizeBytes } = facts
  const share = Math.max(1, segments / sampledSegments)
  return {
    schema: pack.schema,
    name: pack.name,
    rows,
    segments,
    segmentBy,
    orderBy: pack.orderBy,
    sizeBytes,
    columns: pack.columns.map(({ name, type, codec, attnum }) => ({
      name,
      type,
      codec,
      segmentBytes: Math.round((segmentBytes.get(attnum) ?? 0) * share),
      wordBytes: wordBytes.get(attnum) ?? 0,
    })),
  }
}

/** By the number of the column that a part of a segment belongs to, with which the part's name ends. */
async function readSegmentBytes(on: Queryable, table: string): Promise<ReadonlyMap<number, number>> {
  const { rows } = await on.query<{ name: string; attnum: number }>(sql`
    select attname::text as name, substring(attname from '\\d+$')::int4 as attnum
    from pg_attribute
    where attrelid = to_regclass(${quoteQualified('pgstrata', table)})
      and attnum > 0
      and not attisdropped
      and attname ~ '\\d$'`)
  if (rows.length === 0) return new Map()
  const sums = rows.map(({ name }) => `coalesce(sum(pg_column_size(s.${quoteIdent(name)})), 0)::float8`)
  const answer = await on.query<{ bytes: readonly number[] }>(
    sql.raw(`select array[${sums.join(', ')}] as bytes
from (select * from ${quoteQualified('pgstrata', table)} limit ${sampledSegments}) as s`),
  )
  const bytes = answer.rows[0]?.bytes ?? []
  const found = new Map<number, number>()
  rows.forEach(({ attnum }, index) => found.set(attnum, (found.get(attnum) ?? 0) + (bytes[index] ?? 0)))
  return found
}

async function readWordBytes(on: Queryable, words: string): Promise<ReadonlyMap<number, number>> {
  const place = quoteQualified('pgstrata', words)
  const present = await on.query(sql`select where to_regclass(${place}) is not null`)
  if (present.rows.length === 0) return new Map()
  const { rows } = await on.query<{ attnum: number; bytes: number }>(
    sql.raw(`select col::int4 as attnum, sum(pg_column_size(value))::float8 as bytes from ${place} group by col`),
  )
  return new Map(rows.map(({ attnum, bytes }) => [attnum, bytes]))
}
