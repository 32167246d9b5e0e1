// How far each replica is behind: as a StrataPool measures it, or as the primary of a plain pool says of those that stream from it.

import type { NodeStatus } from '../../db/pool/cluster/server-node.ts'
import { sql } from '../../sql/sql.ts'
import type { AnyPool, Ask } from '../../db/own-questions.ts'

export interface ReplicaLag {
  readonly replica: string
  /** Null: it does not answer, or that is not known. */
  readonly lagMs: number | null
  /** Null: only the primary says this. */
  readonly lagBytes: number | null
}

export async function readReplicaLags(pool: AnyPool, ask: Ask): Promise<readonly ReplicaLag[]> {
  const nodes = (pool as { nodes?(): readonly NodeStatus[] }).nodes?.()
  if (nodes !== undefined && nodes.length > 1) {
    return nodes
      .filter(({ role, state }) => role !== 'primary' && state !== 'unknown')
      .map(({ node, lagMs, state }) => ({ replica: node, lagMs: state === 'up' ? lagMs : null, lagBytes: null }))
  }
  return await ask<ReplicaLag>(sql`
    select coalesce(nullif(application_name, ''), pid::text) as replica,
      case when replay_lsn >= pg_current_wal_lsn() then 0
        else (extract(epoch from replay_lag) * 1000)::float8
      end as "lagMs",
      pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::float8 as "lagBytes"
    from pg_stat_replication
    where state = 'streaming' and not pg_is_in_recovery()
    limit 100`)
}
