// How indexes are used, and which are used by nothing.
//
// An index counts as unused only where dropping it would take away nothing but its costs: never one that is unique, of a
// constraint, a primary key, the replica identity, one that a foreign key of its table is looked up by, or a part of an index of
// a partitioned table (which cannot be dropped alone). Whether something uses it is said of a time, from `counted_since` on, and
// of servers: each replica counts for itself, so `replicas` says whether they were asked. Unused is not yet droppable.
// Bound: the 1,000 largest.

import type { Queryable } from '../../db/db.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import type { Ask } from '../../db/own-questions.ts'
import { isStandby } from '../../db/standbys.ts'

export interface IndexUsage {
  readonly schemaname: string
  readonly tablename: string
  readonly indexname: string
  readonly idx_scan: number
  readonly idx_tup_read: number
  readonly idx_tup_fetch: number
  /** '16 kB', as the server says it. */
  readonly index_size: string
  readonly index_size_bytes: number
  readonly is_unique: boolean
  readonly is_primary: boolean
  readonly is_valid: boolean
  /** From PostgreSQL 16 on. */
  readonly last_idx_scan: Date | null
  /** Null: since the database was made. */
  readonly counted_since: Date | null
}

export interface UnusedIndex extends IndexUsage {
  /** 'asked': none of them uses it either. 'not asked': there are some, and what they use is not in this. */
  readonly replicas: 'none' | 'asked' | 'not asked'
}

export interface AskedReplica {
  readonly name: string
  readonly on: Queryable
}

const mostIndexes = 1_000

export async function readIndexUsage(ask: Ask): Promise<readonly IndexUsage[]> {
  return (await ask<UsageRow>(usageStatement(await hasLastScan(ask), false))).map(toUsage)
}

export async function readUnusedIndexes(ask: Ask, replicas: readonly AskedReplica[]): Promise<readonly UnusedIndex[]> {
  const unused = (await ask<UsageRow>(usageStatement(await hasLastScan(ask), true))).map(toUsage)
  if (unused.length === 0) return []
  const { usedElsewhere, said } = await askReplicas(ask, replicas)
  return unused.filter((index) => !usedElsewhere.has(keyOf(index))).map((index) => ({ ...index, replicas: said }))
}

async function askReplicas(
  ask: Ask,
  replicas: readonly AskedReplica[],
): Promise<{ readonly usedElsewhere: ReadonlySet<string>; readonly said: UnusedIndex['replicas'] }> {
  const answers = await Promise.allSettled(
    replicas.map(({ on }) =>
      on.query<Pick<IndexUsage, 'schemaname' | 'tablename' | 'indexname'>>(sql`
        select schemaname::text, relname::text as tablename, indexrelname::text as indexname
        from pg_stat_user_indexes
        where idx_scan > 0`),
    ),
  )
  const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value.rows : []))
  const usedElsewhere = new Set(found.map(keyOf))
  if (answers.some(({ status }) => status === 'rejected')) return { usedElsewhere, said: 'not asked' }
  const [row] = await ask<{ readonly streaming: number }>(
    sql`select count(*)::int as streaming from pg_stat_replication r where ${isStandby}`,
  )
  const streaming = row?.streaming ?? 0
  if (streaming > replicas.length) return { usedElsewhere, said: 'not asked' }
  return { usedElsewhere, said: replicas.length === 0 ? 'none' : 'asked' }
}

function keyOf(index: Pick<IndexUsage, 'schemaname' | 'tablename' | 'indexname'>): string {
  return JSON.stringify([index.schemaname, index.tablename, index.indexname])
}

interface UsageRow extends Omit<IndexUsage, 'idx_scan' | 'idx_tup_read' | 'idx_tup_fetch' | 'index_size_bytes'> {
  readonly idx_scan: string
  readonly idx_tup_read: string
  readonly idx_tup_fetch: string
  readonly index_size_bytes: string
}

function toUsage(row: UsageRow): IndexUsage {
  return {
    ...row,
    idx_scan: Number(row.idx_scan),
    idx_tup_read: Number(row.idx_tup_read),
    idx_tup_fetch: Number(row.idx_tup_fetch),
    index_size_bytes: Number(row.index_size_bytes),
  }
}

async function hasLastScan(ask: Ask): Promise<boolean> {
  const [row] = await ask<{ readonly has: boolean }>(
    sql`select current_setting('server_version_num')::int >= 160000 as has`,
  )
  return row?.has === true
}

function usageStatement(lastScan: boolean, onlyUnused: boolean): Sql {
  return sql`
    select s.schemaname::text, s.relname::text as tablename, s.indexrelname::text as indexname,
      s.idx_scan::text, s.idx_tup_read::text, s.idx_tup_fetch::text,
      pg_size_pretty(pg_relation_size(i.indexrelid)) as index_size,
      pg_relation_size(i.indexrelid)::text as index_size_bytes,
      i.indisunique as is_unique, i.indisprimary as is_primary, i.indisvalid as is_valid,
      ${lastScan ? sql.raw('s.last_idx_scan') : sql.raw('null::timestamptz')} as last_idx_scan,
      (select d.stats_reset from pg_stat_database d where d.datname = current_database()) as counted_since
    from pg_stat_user_indexes s
      join pg_index i on i.indexrelid = s.indexrelid
    where ${onlyUnused ? unusedCondition : sql.raw('true')}
    order by pg_relation_size(i.indexrelid) desc, s.schemaname, s.relname, s.indexrelname
    limit ${mostIndexes}`
}

/** Its leading columns, in any order, are those of a foreign key of the same table. */
const unusedCondition: Sql = sql`s.idx_scan = 0
      and not i.indisunique and not i.indisprimary and not i.indisexclusion and not i.indisreplident
      and not exists (select from pg_constraint c where c.conindid = i.indexrelid)
      and not exists (select from pg_inherits h where h.inhrelid = i.indexrelid)
      and not exists (
        select from pg_constraint f
        where f.conrelid = i.indrelid and f.contype = 'f'
          and (i.indkey::int2[])[0:cardinality(f.conkey) - 1] @> f.conkey)`
