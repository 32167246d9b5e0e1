// What was measured, read back: series, statements, the load of a server by what it waited for, and how large all that is.
// Short stretches come from the rows as they were written, long ones and old ones from their rollups by hour. Every answer is bounded.
// What holds: series are of whole steps, those that the stretch touches. Statements and load are of just the stretch where the rows of its
// first and last hour are still there, and otherwise of the whole hours at its ends.

import { onlyRow, type Queryable } from '../../db/db.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { labelsOf } from '../model/metric.ts'

interface Stretch {
  readonly from: Date
  readonly to: Date
  /** Undefined: all of them. */
  readonly node?: string | undefined
}

export interface SeriesQuery extends Stretch {
  readonly metric: string
  /** Only series with just these labels, in the order of the metric. */
  readonly labels?: readonly string[] | undefined
  /** Of counters: what was added per second of a step. Default: a 300th of the stretch, a minute at least. */
  readonly stepMs?: number | undefined
}

interface StoredPoint {
  readonly atMs: number
  readonly value: number
  readonly least: number
  readonly most: number
}

export interface StoredSeries {
  readonly node: string
  readonly labels: readonly string[]
  readonly points: readonly StoredPoint[]
}

const minuteMs = 60_000
const hourMs = 3_600_000
/** What is read row by row. */
const longestRawMs = 48 * hourMs
const mostPoints = 50_000
/** Raw rows are kept for longer than that, whatever is declared. */
const rawKeptMs = 24 * hourMs

export interface ReadTools {
  readonly on: Queryable
  readonly nowMs: number
  /** How long rows are kept as they were written. */
  readonly rawMs?: number | undefined
  /** How often a metric is asked. */
  readonly everyMs?: ((metric: string) => number | undefined) | undefined
}

/** Whether the rows of the stretch are there, and few enough. */
function isRaw({ from, to }: Stretch, { nowMs, rawMs = rawKeptMs }: Pick<ReadTools, 'nowMs' | 'rawMs'>): boolean {
  return to.getTime() - from.getTime() <= longestRawMs && from.getTime() >= nowMs - rawMs
}

/** From, and to: milliseconds. */
type Piece = readonly [number, number]

interface Pieces {
  /** Read from the rollup; whole hours, perhaps none. */
  readonly hours: Piece
  /** Read row by row: before those, and after. */
  readonly rows: readonly Piece[]
  /** All of it. */
  readonly whole: Piece
}

const floorTo = (atMs: number, unitMs: number): number => Math.floor(atMs / unitMs) * unitMs
const ceilTo = (atMs: number, unitMs: number): number => Math.ceil(atMs / unitMs) * unitMs

/** What of a stretch comes from where. */
function piecesOf(stretch: Stretch, tools: Pick<ReadTools, 'nowMs' | 'rawMs'>): Pieces {
  const [fromMs, toMs] = [stretch.from.getTime(), Math.max(stretch.from.getTime(), stretch.to.getTime())]
  if (isRaw(stretch, tools)) return { hours: [toMs, toMs], rows: [[fromMs, toMs]], whole: [fromMs, toMs] }
  const oldestMs = tools.nowMs - (tools.rawMs ?? rawKeptMs)
  const firstMs = fromMs >= oldestMs ? ceilTo(fromMs, hourMs) : floorTo(fromMs, hourMs)
  const lastMs = floorTo(toMs, hourMs) >= oldestMs ? floorTo(toMs, hourMs) : ceilTo(toMs, hourMs)
  const rows: readonly Piece[] = [
    [Math.min(fromMs, firstMs), firstMs],
    [lastMs, Math.max(toMs, lastMs)],
  ]
  return {
    hours: [firstMs, lastMs],
    // An end that was made longer is read by hours.
    rows: rows.filter(([lower, upper]) => lower < upper),
    whole: [Math.min(fromMs, firstMs), Math.max(toMs, lastMs)],
  }
}

function isCounter(metric: string): boolean {
  return metric.endsWith('_total')
}

function within(column: Sql, [lower, upper]: Piece): Sql {
  return sql`${column} >= to_timestamp(${lower / 1_000}::float8) and ${column} < to_timestamp(${upper / 1_000}::float8)`
}

/** `columns` as both have them, the time as `at`. */
function rowsOf(table: 'watch_statement' | 'watch_session', columns: Sql, { hours, rows }: Pieces): Sql {
  const raw = sql.ident('pgstrata', table)
  const hourly = sql.ident('pgstrata', `${table}_hourly`)
  const ofRows = rows.map((piece) => sql`select at, ${columns} from ${raw} where ${within(sql`at`, piece)}`)
  const ofHours =
    hours[0] < hours[1] ? [sql`select bucket as at, ${columns} from ${hourly} where ${within(sql`bucket`, hours)}`] : []
  const all = [...ofHours, ...ofRows]
  // Of nothing there is nothing to read.
  return all.length === 0 ? sql`select at, ${columns} from ${raw} where false` : sql.join(all, ' union all ')
}

/**
 * Whole minutes, or whole hours where rows of hours are read. Of counters no finer than they are asked: one row stands for all that was
 * added since the one before.
 */
export function stepMsOf(query: SeriesQuery, tools: ReadTools): number {
  const askedMs = isCounter(query.metric) ? (tools.everyMs?.(query.metric) ?? 0) : 0
  const wantedMs = Math.max(askedMs, query.stepMs ?? (query.to.getTime() - query.from.getTime()) / 300)
  const unitMs = isRaw(query, tools) ? minuteMs : hourMs
  return Math.max(1, Math.ceil(wantedMs / unitMs)) * unitMs
}

export async function readSeries(query: SeriesQuery, tools: ReadTools): Promise<readonly StoredSeries[]> {
  const { from, to, metric, node, labels } = query
  const raw = isRaw(query, tools)
  const stepMs = stepMsOf(query, tools)
  const steps = within(sql`at`, [floorTo(from.getTime(), stepMs), ceilTo(to.getTime(), stepMs)])
  // What a counter added is divided by the time in which it did; the last step is not over yet.
  const value = isCounter(metric)
    ? sql`sum(sum) / least(${stepMs / 1_000}::float8, greatest(1, ${tools.nowMs / 1_000}::float8 - extract(epoch from min(at))))`
    : sql`sum(sum) / sum(n)`
  const rows = raw
    ? sql`select at, node, labels, value as sum, 1 as n, value as least, value as most, metric from pgstrata.watch_metric`
    : sql`select bucket as at, node, labels, sum, n, least, most, metric from pgstrata.watch_metric_hourly`
  const { rows: found } = await tools.on.query<
    { node: string; labels: string; at: number } & Omit<StoredPoint, 'atMs'>
  >(sql`
    select node, labels, floor(extract(epoch from at) * 1000 / ${stepMs}::float8) * ${stepMs}::float8 as at,
      (${value})::float8 as value, min(least)::float8 as least, max(most)::float8 as most
    from (${rows}) as r
    where metric = ${metric}
      and ${steps}
      and (${node ?? null}::text is null or node = ${node ?? null})
      and (${labels === undefined ? null : JSON.stringify(labels)}::text is null or labels = ${labels === undefined ? null : JSON.stringify(labels)})
    group by 1, 2, 3
    order by 1, 2, 3
    limit ${mostPoints}`)
  const series = new Map<string, { node: string; labels: readonly string[]; points: StoredPoint[] }>()
  for (const { node: of, labels: text, at, value: number, least, most } of found) {
    const key = `${of} ${text}`
    const one = series.get(key) ?? { node: of, labels: labelsOf(text), points: [] }
    one.points.push({ atMs: at, value: number, least, most })
    series.set(key, one)
  }
  return [...series.values()]
}

export interface StoredStatement {
  /** '0': all others together. */
  readonly queryid: string
  readonly text: string | null
  readonly calls: number
  readonly execMs: number
  readonly meanMs: number
  /** Of the time of all statements, from 0 to 1. */
  readonly share: number
  readonly rows: number
  readonly blocksHit: number
  readonly blocksRead: number
  readonly tempBlocks: number
  readonly ioMs: number
  readonly walBytes: number
}

export interface StatementQuery extends Stretch {
  readonly orderBy?: 'time' | 'calls' | 'mean' | undefined
  /** Default 20, at most 500. */
  readonly limit?: number | undefined
  /** Only this one. */
  readonly queryid?: string | undefined
}

const orders: Readonly<Record<'time' | 'calls' | 'mean', Sql>> = {
  time: sql`"execMs" desc`,
  calls: sql`calls desc`,
  mean: sql`"execMs" / calls desc`,
}

export async function readStatements(query: StatementQuery, tools: ReadTools): Promise<readonly StoredStatement[]> {
  const { node, orderBy = 'time', limit = 20, queryid } = query
  const columns = sql`node, queryid, calls, exec_ms, rows, blocks_hit, blocks_read, temp_blocks, io_ms, wal_bytes`
  const rows = rowsOf('watch_statement', columns, piecesOf(query, tools))
  const answer = await tools.on.query<StoredStatement>(sql`
    with summed as (
      select queryid, sum(calls)::float8 as calls, sum(exec_ms)::float8 as "execMs", sum(rows)::float8 as rows,
        sum(blocks_hit)::float8 as "blocksHit", sum(blocks_read)::float8 as "blocksRead", sum(temp_blocks)::float8 as "tempBlocks",
        sum(io_ms)::float8 as "ioMs", sum(wal_bytes)::float8 as "walBytes"
      from (${rows}) as r
      where ${node ?? null}::text is null or node = ${node ?? null}
      group by queryid
    )
    select s.queryid::text as queryid, q.text, s.calls, s."execMs", s."execMs" / s.calls as "meanMs",
      coalesce(s."execMs" / nullif(t.all, 0), 0)::float8 as share, s.rows, s."blocksHit", s."blocksRead", s."tempBlocks", s."ioMs", s."walBytes"
    from summed s
    cross join (select sum("execMs") as all from summed) as t
    left join pgstrata.watch_query q on q.queryid = s.queryid
    where s.calls > 0
      and (${queryid ?? null}::int8 is null or s.queryid = ${queryid ?? null}::int8)
    order by ${orders[orderBy]}, s.queryid
    limit ${Math.min(500, limit)}`)
  return answer.rows
}

export interface StoredLoad {
  readonly waitType: string
  readonly wait: string
  /** Active sessions, the mean of the stretch. */
  readonly sessions: number
}

export interface LoadQuery extends Stretch {
  /** What only this statement waited for. */
  readonly queryid?: string | undefined
}

export async function readLoad(query: LoadQuery, tools: ReadTools): Promise<readonly StoredLoad[]> {
  const { node, queryid } = query
  const pieces = piecesOf(query, tools)
  const rows = rowsOf('watch_session', sql`node, wait_type, wait, queryid, samples`, pieces)
  const [fromMs, toMs] = pieces.whole
  const seconds = Math.max(1, (Math.min(toMs, tools.nowMs) - fromMs) / 1_000)
  const answer = await tools.on.query<StoredLoad>(sql`
    select wait_type as "waitType", wait, sum(samples)::float8 / ${seconds}::float8 as sessions
    from (${rows}) as r
    where (${node ?? null}::text is null or node = ${node ?? null})
      and (${queryid ?? null}::int8 is null or queryid = ${queryid ?? null}::int8)
    group by 1, 2
    order by 3 desc, 1, 2
    limit 200`)
  return answer.rows
}

/** All tables of the store, their partitions and rollups, with indexes. */
export async function readStoreBytes(on: Queryable): Promise<number> {
  const answer = await on.query<{ bytes: number }>(sql`
    select coalesce(sum(pg_total_relation_size(c.oid)), 0)::float8 as bytes
    from pg_class c
    where c.relnamespace = to_regnamespace('pgstrata')
      and c.relkind = 'r'
      and c.relname like 'watch\_%'`)
  return onlyRow(answer).bytes
}
