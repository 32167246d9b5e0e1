// How far each replica is behind: as a StrataPool measures it, or as the primary of a plain pool says of those that stream from it.

import type { NodeStatus } from '../../db/pool/cluster/server-node.ts'
import { sql } from '../../sql/sql.ts'
import type { AnyPool, Ask } from '../../db/own-questions.ts'
import { whyNotAll } from './sees-all.ts'

export interface ReplicaLag {
  readonly replica: string
  /** Null: it does not answer, or that is not known. */
  readonly lagMs: number | null
  /** Null: only the primary says this. */
  readonly lagBytes: number | null
  /** Why nothing is known of replicas that there are; undefined: it is known. */
  readonly unavailable: string | undefined
}

interface Sender {
  readonly pid: number
  readonly name: string | null
  readonly state: string | null
  readonly address: string | null
  readonly slot: string | null
  readonly lagMs: number | null
  readonly lagBytes: number | null
}

const mostSenders = 100

export async function readReplicaLags(pool: AnyPool, ask: Ask): Promise<readonly ReplicaLag[]> {
  const nodes = (pool as { nodes?(): readonly NodeStatus[] }).nodes?.()
  if (nodes !== undefined && nodes.length > 1) {
    return nodes
      .filter(({ role, state }) => role !== 'primary' && state !== 'unknown')
      .map(({ node, lagMs, state }) => ({
        replica: node,
        lagMs: state === 'up' ? lagMs : null,
        lagBytes: null,
        unavailable: undefined,
      }))
  }
  const senders = await ask<Sender>(sql`
    select r.pid, r.application_name as name, r.state, r.client_addr::text as address, s.slot_name::text as slot,
      case when r.replay_lsn >= pg_current_wal_lsn() then 0
        else (extract(epoch from r.replay_lag) * 1000)::float8
      end as "lagMs",
      pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn)::float8 as "lagBytes"
    from pg_stat_replication r
      left join pg_replication_slots s on s.active_pid = r.pid
    where not pg_is_in_recovery()
      and s.slot_type is distinct from 'logical'
    order by r.pid
    limit ${mostSenders}`)
  // Whose state is not shown may be a replica of which nothing may be known.
  const unavailable = senders.some(({ state }) => state === null) ? await whyNotAll(ask) : undefined
  if (unavailable !== undefined) return [{ replica: 'all', lagMs: null, lagBytes: null, unavailable }]
  const streaming = senders.filter(({ state }) => state === 'streaming')
  const labels = labelsOf(streaming)
  return streaming.map(({ lagMs, lagBytes }, index) => ({
    replica: labels[index] as string,
    lagMs,
    lagBytes,
    unavailable: undefined,
  }))
}

type Named = Pick<Sender, 'pid' | 'name' | 'address' | 'slot'>

/**
 * By the name that each gives itself. Where several have the same one, which is so by default, by what stays when they connect
 * anew: their slot, or their address; only where that does not tell them apart by the process that serves them.
 */
export function labelsOf(senders: readonly Named[]): readonly string[] {
  const first = senders.map(({ name }) => name ?? '')
  const second = first.map((name, index) => {
    const mark = senders[index]?.slot ?? senders[index]?.address
    const isClear = name !== '' && isSingle(first, index)
    return isClear || mark === null || mark === undefined ? name : `${name} ${mark}`.trim()
  })
  return senders.map(({ pid }, index) => {
    const label = second[index] as string
    return label !== '' && isSingle(second, index) ? label : `${label} ${pid}`.trim()
  })
}

function isSingle(labels: readonly string[], index: number): boolean {
  return labels.every((label, other) => other === index || label !== labels[index])
}
