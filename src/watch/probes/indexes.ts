// Which indexes are used, and which are only kept. Partitions are added up under the index of their table.
//
// Unused: no scan since statistics began, on this server and on every replica that was asked; and nothing else needs it: it
// holds no constraint, makes nothing unique, is nobody's replica identity. What that says depends on how long ago it began.
// State: indexes that were scanned on replicas, which ones are looked at, and the scans of the reading before.

import { sql } from '../../sql/sql.ts'
import type { AskTools, Reading, ServerProbe } from '../model/server-probe.ts'
import { createGrowth } from './growth.ts'
import { available, counter, gauge } from './metrics.ts'
import { createSteadyTop } from './steady-top.ts'

const most = 50
const mostAsked = 2 * most
const byIndex = { labels: ['schema', 'table', 'index'], most }

interface Row {
  readonly oid: number
  readonly schema: string
  readonly table: string
  readonly index: string
  /** Itself, or its partitions': which, and how often each was scanned. */
  readonly parts: readonly number[]
  readonly scans: readonly number[]
  readonly bytes: number
  readonly isNeeded: boolean
  readonly since: string | null
  readonly epoch: string
}

export function createIndexesProbe(): ServerProbe {
  const top = createSteadyTop(most)
  const growth = createGrowth()
  const usedOnReplicas = new Map<string, ReadonlySet<number>>()
  const read = async ({ on, facts }: AskTools): Promise<Reading> => {
    if (facts.isReplica) {
      const { rows } = await on.query<{ oid: number }>(usedStatement)
      usedOnReplicas.set(facts.node, new Set(rows.map(({ oid }) => oid)))
      return { points: [] }
    }
    const { rows } = await on.query<Row>(statement)
    const isUsed = ({ oid, scans }: Row): boolean =>
      scans.some((times) => times > 0) || [...usedOnReplicas.values()].some((used) => used.has(oid))
    const chosen = top.choose(facts.node, new Map(rows.map(({ oid, bytes }) => [String(oid), bytes])))
    const shown = rows.filter(({ oid }) => chosen.has(String(oid)))
    const epoch = rows[0]?.epoch ?? ''
    const scans = growth.add(facts.node, epoch, new Map(rows.map((row) => [String(row.oid), scansOf(row)])))
    return {
      epoch,
      detail: { since: rows[0]?.since ?? null, replicasAsked: usedOnReplicas.size },
      points: shown.flatMap((row) => {
        const labels = [row.schema, row.table, row.index]
        return [
          { metric: 'pgstrata_index_scans_total', labels, value: scans.get(String(row.oid)) ?? 0 },
          { metric: 'pgstrata_index_size_bytes', labels, value: row.bytes },
          // 0, so that an alert about it ends when it is used.
          { metric: 'pgstrata_unused_index_bytes', labels, value: row.isNeeded || isUsed(row) ? 0 : row.bytes },
        ]
      }),
    }
  }
  return {
    name: 'indexes',
    question: 'Which indexes are used, and which are only kept?',
    everyMs: 15 * 60_000,
    limitMs: 5_000,
    of: 'each',
    metrics: [
      counter('pgstrata_index_scans_total', 'Scans of an index.', byIndex),
      gauge('pgstrata_index_size_bytes', 'Size of an index.', byIndex),
      gauge(
        'pgstrata_unused_index_bytes',
        'Size of an index that no server has scanned since its statistics began; 0: it is used, or needed.',
        byIndex,
      ),
    ],
    unavailable: available,
    read,
  }
}

function scansOf({ parts, scans }: Row): ReadonlyMap<string, number> {
  return new Map(parts.map((oid, index) => [String(oid), scans[index] ?? 0]))
}

const usedStatement = sql`
  select case when c.relispartition then pg_partition_root(c.oid)::oid else c.oid end as oid
  from pg_stat_user_indexes s
  join pg_class c on c.oid = s.indexrelid
  where s.idx_scan > 0
  group by 1`

const statement = sql`
  with counted as (
    select case when c.relispartition then pg_partition_root(c.oid)::oid else c.oid end as root, c.oid, c.relpages, s.idx_scan
    from pg_stat_user_indexes s
    join pg_class c on c.oid = s.indexrelid
    where s.schemaname <> 'pgstrata'
      and c.relpersistence <> 't'
  ), added as (
    select root, array_agg(oid order by oid) as parts, array_agg(idx_scan::float8 order by oid) as scans, sum(relpages) as pages
    from counted
    group by root
    order by pages desc, root
    limit ${mostAsked}
  )
  select a.root as oid, n.nspname as schema, t.relname as table, c.relname as index, a.parts::int8[]::float8[] as parts, a.scans,
    coalesce((select sum(pg_relation_size(part)) from unnest(a.parts) as part), 0)::float8 as bytes,
    i.indisunique or i.indisexclusion or i.indisreplident or not i.indisvalid
      or exists (select from pg_constraint o where o.conindid = i.indexrelid) as "isNeeded",
    d.stats_reset::text as since,
    pg_postmaster_start_time()::text || coalesce(d.stats_reset::text, '') as epoch
  from added a
  join pg_class c on c.oid = a.root
  join pg_index i on i.indexrelid = a.root
  join pg_class t on t.oid = i.indrelid
  join pg_namespace n on n.oid = t.relnamespace
  join pg_stat_database d on d.datname = current_database()`
