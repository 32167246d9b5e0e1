// Dead rows, updates that stay on their page, whole reads, by table: partitions are added up under their table, so that
// series do not come and go with them. Our own tables are left out.
// State: which tables are looked at (the largest, and those with most dead rows), and the updates and scans of the reading before.

import { sql } from '../../sql/sql.ts'
import type { Point } from '../model/metric.ts'
import type { AskTools, ServerProbe } from '../model/server-probe.ts'
import { createGrowth } from './growth.ts'
import { available, counter, gauge } from './metrics.ts'
import { createShares, type Shares } from './shares.ts'
import { createSteadyTop } from './steady-top.ts'

/** The largest, and those with most dead rows besides. */
const mostLarge = 35
const mostDead = 15
const most = mostLarge + mostDead
/** Of that many of each it is asked how large they are. */
const mostAsked = 2 * most
const leastUpdates = 100
/** Of a smaller table it costs nobody anything how many rows are dead, and autovacuum lets there be more of them than live ones. */
const leastRows = 10_000
const leastBytes = 8 * 1_024 ** 2
/** Below that nobody needs to look at a table because of them. */
const leastDead = 1_000
const byTable = { labels: ['schema', 'table'], most }

interface Row {
  readonly schema: string
  readonly table: string
  readonly live: number
  readonly dead: number
  readonly updates: number
  readonly hot: number
  /** Itself, or its partitions: which, and how often each was read whole. */
  readonly parts: readonly number[]
  readonly scans: readonly number[]
  readonly bytes: number
  readonly epoch: string
}

export function createTablesProbe(): ServerProbe {
  const choose = createChoice()
  const growth = createGrowth()
  const shares = new Map<string, Shares>()
  const read = async ({ on, facts: { node } }: AskTools): Promise<{ epoch: string; points: readonly Point[] }> => {
    const { rows } = await on.query<Row>(statement)
    const byName = new Map(rows.map((row) => [JSON.stringify([row.schema, row.table]), row]))
    const chosen = choose(node, byName)
    const epoch = rows[0]?.epoch ?? ''
    const scans = growth.add(node, epoch, new Map([...byName].map(([name, row]) => [name, scansOf(row)])))
    for (const name of shares.keys()) if (!byName.has(name)) shares.delete(name)
    return {
      epoch,
      points: [...byName].flatMap(([name, row]) => {
        if (!chosen.has(name)) return []
        const share = shares.get(name) ?? createShares({ least: leastUpdates, staysFor: Number.POSITIVE_INFINITY })
        shares.set(name, share)
        return pointsOf(row, {
          hot: share.of(node, row.epoch, { part: row.hot, rest: row.updates - row.hot }),
          scans: scans.get(name) ?? 0,
        })
      }),
    }
  }
  return {
    name: 'tables',
    question: 'Which tables have dead rows, are read whole, or updated the long way?',
    everyMs: 5 * 60_000,
    limitMs: 5_000,
    of: 'primary',
    metrics: [
      gauge(
        'pgstrata_table_dead_ratio',
        'Share of the rows of a table that are dead; 0 of less than 10,000 rows or 8 MB.',
        byTable,
      ),
      gauge('pgstrata_table_dead_rows', 'Dead rows of a table.', byTable),
      gauge('pgstrata_table_hot_ratio', 'Share of updates that touched no index (HOT).', byTable),
      gauge('pgstrata_table_size_bytes', 'Size of a table, with indexes and what is kept outside of it.', byTable),
      counter('pgstrata_table_sequential_scans_total', 'Reads of a whole table.', byTable),
    ],
    unavailable: available,
    read,
  }
}

type Choose = (node: string, rows: ReadonlyMap<string, Row>) => ReadonlySet<string>

function createChoice(): Choose {
  const largest = createSteadyTop(mostLarge)
  const deadest = createSteadyTop(mostDead)
  const kept = new Map<string, ReadonlySet<string>>()
  return (node, rows) => {
    const large = largest.choose(node, new Map([...rows].map(([name, { bytes }]) => [name, bytes])))
    // One that was vacuumed stays for as long as nobody needs its place, so that it is seen that it is well again.
    const others = [...rows].filter(
      ([name, { dead }]) => !large.has(name) && (dead >= leastDead || kept.get(node)?.has(name) === true),
    )
    const dead = deadest.choose(node, new Map(others.map(([name, row]) => [name, row.dead])))
    kept.set(node, dead)
    return new Set([...large, ...dead])
  }
}

function scansOf({ parts, scans }: Row): ReadonlyMap<string, number> {
  return new Map(parts.map((oid, index) => [String(oid), scans[index] ?? 0]))
}

interface Measured {
  readonly hot: number | undefined
  readonly scans: number
}

function pointsOf(row: Row, { hot, scans }: Measured): readonly Point[] {
  const labels = [row.schema, row.table]
  const all = row.live + row.dead
  return [
    {
      metric: 'pgstrata_table_dead_ratio',
      labels,
      value: all < leastRows || row.bytes < leastBytes ? 0 : row.dead / all,
    },
    { metric: 'pgstrata_table_dead_rows', labels, value: row.dead },
    ...(hot === undefined ? [] : [{ metric: 'pgstrata_table_hot_ratio', labels, value: hot }]),
    { metric: 'pgstrata_table_size_bytes', labels, value: row.bytes },
    { metric: 'pgstrata_table_sequential_scans_total', labels, value: scans },
  ]
}

const statement = sql`
  with counted as (
    select case when c.relispartition then pg_partition_root(c.oid)::oid else c.oid end as root, c.oid, c.relpages,
      s.n_live_tup, s.n_dead_tup, s.n_tup_upd, s.n_tup_hot_upd, s.seq_scan
    from pg_class c
    join pg_stat_user_tables s on s.relid = c.oid
    where c.relkind in ('r', 'm')
      and c.relpersistence <> 't'
      and s.schemaname <> 'pgstrata'
  ), added as (
    select root, array_agg(oid order by oid) as parts, array_agg(seq_scan::float8 order by oid) as scans, sum(relpages) as pages,
      sum(n_live_tup) as live, sum(n_dead_tup) as dead, sum(n_tup_upd) as updates, sum(n_tup_hot_upd) as hot
    from counted
    group by root
  ), ranked as (
    select *, row_number() over (order by pages desc, root) as by_size, row_number() over (order by dead desc, root) as by_dead
    from added
  )
  select n.nspname as schema, c.relname as table, r.live::float8, r.dead::float8, r.updates::float8, r.hot::float8, r.parts::int8[]::float8[] as parts, r.scans,
    coalesce((select sum(pg_total_relation_size(part)) from unnest(r.parts) as part), 0)::float8 as bytes,
    pg_postmaster_start_time()::text
      || coalesce((select stats_reset::text from pg_stat_database where datname = current_database()), '') as epoch
  from ranked r
  join pg_class c on c.oid = r.root
  join pg_namespace n on n.oid = c.relnamespace
  where r.by_size <= ${mostAsked}
    or (r.by_dead <= ${mostAsked} and r.dead > 0)`
