// How far the rows of a table reach, and the partitions that this takes.
//
// Promise: partitions of a copy take every row that the table had when it was looked at, up to its last period or the last
// one ahead; rows from before the first period share one partition from MINVALUE. What no partition can take is counted and refused.

import { StrataError } from '../../base/errors.ts'
import { onlyRow, type Queryable } from '../../db/db.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import type { PartitionedTable } from '../options.ts'
import { readMissing } from '../missing.ts'
import { partitionLimit } from '../periods.ts'
import type { PartitionDraft } from './parts.ts'

interface Extent {
  /** A wall clock of the layout's zone, or an id: where the first finite row is. */
  readonly first: string | null
  /** Milliseconds since 1970 of the last finite row, or null for ids. */
  readonly lastMs: number | null
  readonly lastId: string | null
  /** Rows at −infinity and +infinity, counted up to `mostCounted`. */
  readonly endlessPast: number
  readonly endlessFuture: number
}

const mostCounted = 1_000

const withoutEnd: ReadonlySet<string> = new Set(['date', 'timestamp', 'timestamptz'])

/** The moment that a value of the layout's column stands for. */
export function momentOf(columnType: string, zone: string, value: Sql): Sql {
  if (columnType === 'timestamptz') return sql`${value}::timestamptz`
  if (columnType === 'uuid')
    return sql`to_timestamp(('x' || substr(replace(${value}::text, '-', ''), 1, 12))::bit(48)::int8 / 1000.0)`
  return sql`(${value}::timestamp at time zone ${sql.literal(zone)})`
}

/** By an index on the column where there is one, else by one look at every row. */
async function readExtent(on: Queryable, declared: PartitionedTable, columnType: string): Promise<Extent | undefined> {
  const { layout } = declared
  if (layout.kind === 'hash') return undefined
  const table = sql`only ${sql.ident(declared.schema, declared.table)}`
  const column = sql.ident(layout.column)
  const bounded = withoutEnd.has(columnType)
  const edge = (finite: Sql, direction: string): Sql => sql`(
      select ${column}
      from ${table}
      where ${bounded ? finite : sql`${column} is not null`}
      order by ${column} ${sql.raw(direction)}
      limit 1
    )`
  const endless = (value: string): Sql =>
    bounded
      ? sql`(select count(*)::int4 from (select from ${table} where ${column} = ${sql.literal(value)} limit ${mostCounted}) as found)`
      : sql`0`
  const lowest = edge(sql`${column} > '-infinity'`, 'asc')
  const highest = edge(sql`${column} < 'infinity'`, 'desc')
  const zone = layout.kind === 'time' ? layout.zone : 'UTC'
  const shown =
    layout.kind === 'id'
      ? sql`lowest::text as first, null::float8 as "lastMs", highest::text as "lastId"`
      : sql`to_json(${momentOf(columnType, zone, sql`lowest`)} at time zone ${zone}) #>> '{}' as first,
        (extract(epoch from ${momentOf(columnType, zone, sql`highest`)}) * 1000)::float8 as "lastMs",
        null as "lastId"`
  const answer = await on.query<Extent>(sql`
    select ${shown}, "endlessPast", "endlessFuture"
    from (
      select ${lowest} as lowest, ${highest} as highest,
        ${endless('-infinity')} as "endlessPast", ${endless('infinity')} as "endlessFuture"
    ) as edges`)
  return onlyRow(answer)
}

/** The periods of a copy. */
export async function planPeriods(
  on: Queryable,
  declared: PartitionedTable,
  columnType: string,
): Promise<readonly PartitionDraft[]> {
  const extent = await readExtent(on, declared, columnType)
  if (extent === undefined) return []
  if (extent.endlessFuture > 0 && declared.outside !== 'default') throw endlessRows(declared, extent)
  const { now } = onlyRow(
    await on.query<{ now: number }>(sql`select (extract(epoch from clock_timestamp()) * 1000)::float8 as now`),
  )
  const missing = await readMissing(on, {
    // What retention would take out is still to be copied.
    declared: { ...declared, retain: undefined },
    parent: undefined,
    columnType,
    at: extent.lastMs === null ? undefined : new Date(Math.max(now, extent.lastMs)),
    largest: extent.lastId === null ? undefined : BigInt(extent.lastId.replace(/\..*$/, '')),
    starts: declared.from ?? extent.first ?? undefined,
  })
  if (missing.length > partitionLimit) throw tooMany(declared, extent)
  const [first] = missing
  if (first === undefined || !(await reachesBefore(on, declared, columnType, extent, first.lower))) return missing
  return [{ name: nameBefore(declared, first.name), lower: 'minvalue', upper: first.lower }, ...missing]
}

async function reachesBefore(
  on: Queryable,
  declared: PartitionedTable,
  columnType: string,
  extent: Extent,
  lower: string,
): Promise<boolean> {
  if (extent.endlessPast > 0) return true
  if (declared.layout.kind === 'hash' || lower === 'minvalue') return false
  const { rows } = await on.query(sql`
    select
    from only ${sql.ident(declared.schema, declared.table)}
    where ${sql.ident(declared.layout.column)} < ${sql.raw(lower)}::${sql.raw(columnType)}
    limit 1`)
  return rows.length > 0
}

/** plays_2024_01 → plays_before_2024_01, wherever the declared names put the period. */
function nameBefore(declared: PartitionedTable, first: string): string {
  const [head = '', tail = ''] = declared.names.replaceAll('{table}', declared.table).split('{period}')
  const period = first.slice(head.length, first.length - tail.length)
  return `${head}before_${period}${tail}`
}

export interface Until {
  /** Where the old table ends, as SQL writes it. */
  readonly bound: string
  /** The partitions that follow. */
  readonly periods: readonly PartitionDraft[]
}

/** Where to end the old table: the first boundary beyond its last row and beyond `notBefore`, and the periods from there. */
export async function planUntil(
  on: Queryable,
  declared: PartitionedTable,
  columnType: string,
  notBefore: { readonly at: Date } | { readonly id: bigint },
): Promise<Until> {
  const extent = await readExtent(on, declared, columnType)
  if (extent === undefined || declared.layout.kind === 'hash') {
    throw new StrataError('LAYOUT_IMPOSSIBLE', { message: 'A layout by hash has no first partition to end' })
  }
  if (extent.endlessFuture > 0) throw endlessRows(declared, extent)
  const plain = { ...declared, retain: undefined, ahead: 1 }
  const place = (at: Date | undefined, largest: bigint | undefined): Parameters<typeof readMissing>[1] => ({
    declared: { ...plain, from: undefined },
    parent: undefined,
    columnType,
    at,
    largest,
  })
  const lastId = extent.lastId === null ? undefined : BigInt(extent.lastId.replace(/\..*$/, ''))
  const beyond =
    'at' in notBefore
      ? place(new Date(Math.max(notBefore.at.getTime(), Math.ceil(extent.lastMs ?? 0))), undefined)
      : place(undefined, lastId !== undefined && lastId > notBefore.id ? lastId : notBefore.id)
  const [current] = await readMissing(on, beyond)
  if (current === undefined || current.upper === 'maxvalue') throw tooMany(declared, extent)
  const bound = sql.raw(current.upper)
  const { atMs, id } = onlyRow(
    await on.query<{ atMs: number | null; id: string | null }>(
      declared.layout.kind === 'id'
        ? sql`select null::float8 as "atMs", (${bound})::text as id`
        : sql`select (extract(epoch from ${momentOf(columnType, declared.layout.zone, sql`${bound}::${sql.raw(columnType)}`)}) * 1000)::float8 as "atMs", null as id`,
    ),
  )
  const missing = await readMissing(on, {
    declared: { ...declared, retain: undefined, from: undefined },
    parent: undefined,
    columnType,
    at: atMs === null ? undefined : new Date(atMs),
    largest: id === null ? undefined : BigInt(id),
  })
  return { bound: current.upper, periods: missing }
}

function endlessRows(declared: PartitionedTable, extent: Extent): StrataError {
  const many = extent.endlessFuture === mostCounted ? `${mostCounted} or more` : String(extent.endlessFuture)
  return new StrataError('PARTITION_OUTSIDE', {
    message: `Rows of ${quoteQualified(declared.schema, declared.table)} lie at infinity, where no partition can be`,
    got: `${many} of them`,
    advice: 'Give them a real time or delete them; a full conversion takes them with `outside: "default"`.',
    details: { atInfinity: extent.endlessFuture },
  })
}

function tooMany(declared: PartitionedTable, extent: Extent): StrataError {
  return new StrataError('PARTITION_LIMIT', {
    message: `The rows of ${quoteQualified(declared.schema, declared.table)} reach over too many periods`,
    expected: `at most ${partitionLimit} partitions`,
    got: `rows from ${extent.first ?? '?'} on`,
    advice: 'Declare `from`: rows before it share one partition. Or choose a coarser grain.',
  })
}
