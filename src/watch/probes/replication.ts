// How far replicas are behind, in bytes and in time.
//
// The time is never more than it is known to be: a position that the primary had reached when it was asked and the replica has
// not shown yet is as old as the question; when the last shown transaction was committed sharpens that, where it lies in
// between (clocks of two machines are not trusted beyond it). A replica that has lost its sender is as late as one that stands still.
// Where no replica is configured, the primary tells what it knows of those it feeds, by the names they give themselves.
// State: positions of the primary of the last hour.

import type { Clock } from '../../base/clock.ts'
import { parseLsn } from '../../db/lsn.ts'
import { onlyRow } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { Point } from '../model/metric.ts'
import type { AskTools, Reading, ServerProbe } from '../model/server-probe.ts'
import { gauge, needsMonitor } from './metrics.ts'
import { createPositions, type Positions } from './positions.ts'

const most = 16
const byReplica = { labels: ['replica'], most }

export interface ReplicationOptions {
  readonly clock: Clock
  /** Replicas are asked themselves. */
  readonly asksReplicas: boolean
}

interface Standby {
  readonly replica: string
  readonly state: string
  readonly sync: string
  readonly replayed: string | null
}

export function createReplicationProbe({ clock, asksReplicas }: ReplicationOptions): ServerProbe {
  const positions = createPositions()
  const readPrimary = async ({ on }: AskTools): Promise<Reading> => {
    const atMs = clock.monotonic()
    const answer = await on.query<{ position: string; standbys: readonly Standby[] }>(primaryStatement)
    const { position, standbys } = onlyRow(answer)
    positions.note(parseLsn(position), atMs)
    const nowMs = clock.monotonic()
    const told = asksReplicas ? [] : standbys
    return {
      detail: { position, standbys },
      points: told.flatMap(({ replica, replayed }) =>
        replayed === null ? [] : pointsOf(replica, parseLsn(replayed), { positions, nowMs, shownMs: undefined }),
      ),
    }
  }
  const readReplica = async ({ on, facts: { node } }: AskTools): Promise<Reading> => {
    const answer = await on.query<{
      replayed: string | null
      received: string | null
      shown: number | null
      paused: boolean
    }>(sql`
      select pg_last_wal_replay_lsn()::text as replayed, pg_last_wal_receive_lsn()::text as received, pg_is_wal_replay_paused() as paused,
        extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8 * 1000 as shown`)
    const { replayed, received, shown, paused } = onlyRow(answer)
    if (replayed === null) return { points: [] }
    return {
      detail: { replayed, received, paused },
      points: pointsOf(node, parseLsn(replayed), { positions, nowMs: clock.monotonic(), shownMs: shown ?? undefined }),
    }
  }
  return {
    name: 'replication',
    question: 'How far are replicas behind?',
    everyMs: 5_000,
    limitMs: 1_000,
    of: 'each',
    metrics: [
      gauge('pgstrata_replica_lag_seconds', 'How late a replica is.', byReplica),
      gauge('pgstrata_replica_lag_bytes', 'WAL that a replica has not shown yet.', byReplica),
    ],
    unavailable: needsMonitor,
    read: (tools) => (tools.facts.isReplica ? readReplica(tools) : readPrimary(tools)),
  }
}

interface Known {
  readonly positions: Positions
  readonly nowMs: number
  /** How long ago the last transaction that it shows was committed, by two clocks. */
  readonly shownMs: number | undefined
}

function pointsOf(replica: string, replayed: bigint, { positions, nowMs, shownMs }: Known): readonly Point[] {
  const behind = positions.behind(replayed, nowMs)
  if (behind === undefined) return []
  const lagMs = Math.min(behind.mostMs, Math.max(behind.leastMs, shownMs ?? behind.leastMs))
  return [
    { metric: 'pgstrata_replica_lag_seconds', labels: [replica], value: lagMs / 1_000 },
    { metric: 'pgstrata_replica_lag_bytes', labels: [replica], value: behind.bytes },
  ]
}

const primaryStatement = sql`
  select pg_current_wal_flush_lsn()::text as position,
    coalesce((
      select jsonb_agg(jsonb_build_object('replica', name, 'state', state, 'sync', sync_state, 'replayed', replay_lsn::text) order by name)
      from (
        select coalesce(nullif(application_name, ''), client_addr::text, 'replica') as name, state, sync_state, replay_lsn
        from pg_stat_replication
        where pid not in (select active_pid from pg_replication_slots where slot_type = 'logical' and active)
        order by 1
        limit ${most}
      ) as standby
    ), '[]') as standbys`
