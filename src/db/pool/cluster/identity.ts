// What a server says of itself when a connection to it is new: which cluster, which role, which timeline, and whether a
// pooler stands in between. One statement, which on a direct connection also applies the statement timeout: through a
// pooler a session setting would stay behind for others.
// The timeline of a replica is the highest that is proven here: what it streams (visible to pg_monitor), the end of recovery
// it must reach, its last restart point. It may lag behind the truth, which keeps a good replica out for a while, and is
// never ahead of it.

import type pg from 'pg'
import { parseLsn, type Lsn, type WalSizes } from '../../lsn.ts'

export interface Identity {
  readonly systemId: string
  readonly isReplica: boolean
  readonly timeline: number
  /** No pooler in between: the process id is the backend's own. */
  readonly direct: boolean
  readonly versionNum: number
  readonly startedAt: string
  readonly sizes: WalSizes
  /** Where replay stands, or where it ended when this primary was promoted; undefined for one that never was a replica. */
  readonly replayLsn: Lsn | undefined
}

// As one JSON text: an application may have changed how pg reads numbers.
const identityText = `
  select json_build_object(
    'systemId', (select system_identifier::text from pg_control_system()),
    'isReplica', pg_is_in_recovery(),
    'timeline', case when pg_is_in_recovery()
      then greatest((select received_tli from pg_stat_wal_receiver),
        (select min_recovery_end_timeline from pg_control_recovery()),
        (select timeline_id from pg_control_checkpoint()))
      else ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int4
    end,
    'direct', pg_backend_pid() = $1::int4,
    'applied', case when $2::text <> '' and pg_backend_pid() = $1::int4
      then set_config('statement_timeout', $2::text, false)
    end,
    'versionNum', current_setting('server_version_num')::int4,
    'startedAt', pg_postmaster_start_time()::text,
    'blockBytes', current_setting('wal_block_size')::int4,
    'segmentBytes', pg_size_bytes(current_setting('wal_segment_size')),
    'replayLsn', pg_last_wal_replay_lsn()::text)::text as identity`

interface IdentityRow extends Omit<Identity, 'sizes' | 'replayLsn'> {
  readonly blockBytes: number
  readonly segmentBytes: number
  readonly replayLsn: string | null
}

export async function identify(client: pg.Client, statementTimeoutMs: number): Promise<Identity> {
  const pid = (client as unknown as { processID: number | null }).processID ?? 0
  const timeout = statementTimeoutMs === 0 ? '' : `${Math.round(statementTimeoutMs)}ms`
  const answer = await client.query<{ identity: string }>(identityText, [pid, timeout])
  const { blockBytes, segmentBytes, replayLsn, systemId, isReplica, timeline, direct, versionNum, startedAt } =
    JSON.parse(answer.rows[0]?.identity ?? '') as IdentityRow
  return {
    systemId,
    isReplica,
    timeline,
    direct,
    versionNum,
    startedAt,
    sizes: { blockBytes, segmentBytes },
    replayLsn: replayLsn === null ? undefined : parseLsn(replayLsn),
  }
}
