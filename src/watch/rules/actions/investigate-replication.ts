// What somebody would look at first when replicas fall behind: who receives the WAL and how far each is, what slots keep, whether
// archiving fails, and what holds replay up.

import type { Queryable } from '../../../db/db.ts'
import { sql } from '../../../sql/sql.ts'

export interface ReplicationReport {
  readonly senders: readonly Readonly<Record<string, unknown>>[]
  readonly slots: readonly Readonly<Record<string, unknown>>[]
  readonly settings: Readonly<Record<string, string>>
  readonly archiver: Readonly<Record<string, unknown>> | undefined
  /** In words: what is wrong, the likeliest first. */
  readonly findings: readonly string[]
}

const most = 50
/** Of the primary: those of a replica are asked nobody here. */
const settings = [
  'max_slot_wal_keep_size',
  'max_wal_senders',
  'synchronous_standby_names',
  'wal_keep_size',
  'wal_level',
  'wal_sender_timeout',
]

interface Sender {
  readonly replica: string
  /** A logical one feeds a consumer of changes, which replays nothing. */
  readonly kind: 'physical' | 'logical'
  readonly state: string | null
  readonly sync: string | null
  readonly sent_bytes: number | null
  readonly flush_bytes: number | null
  readonly replay_bytes: number | null
  readonly replay_seconds: number | null
}

interface Slot {
  readonly slot: string
  readonly kind: string
  readonly is_active: boolean
  readonly wal_status: string | null
  readonly retained_bytes: number | null
}

/** Asked of the primary. */
export async function investigateReplication(on: Queryable): Promise<ReplicationReport> {
  const senders = await on.query<Sender>(sql`
    select application_name as replica, coalesce(s.slot_type, 'physical') as kind, state, sync_state as sync,
      pg_wal_lsn_diff(pg_current_wal_insert_lsn(), sent_lsn)::float8 as sent_bytes,
      pg_wal_lsn_diff(pg_current_wal_insert_lsn(), flush_lsn)::float8 as flush_bytes,
      pg_wal_lsn_diff(pg_current_wal_insert_lsn(), replay_lsn)::float8 as replay_bytes,
      extract(epoch from replay_lag)::float8 as replay_seconds
    from pg_stat_replication r
    left join pg_replication_slots s on s.active_pid = r.pid
    order by replay_lsn nulls first
    limit ${most}`)
  const slots = await on.query<Slot>(sql`
    select slot_name as slot, slot_type as kind, active as is_active, wal_status,
      pg_wal_lsn_diff(pg_current_wal_insert_lsn(), restart_lsn)::float8 as retained_bytes
    from pg_replication_slots
    order by restart_lsn nulls last
    limit ${most}`)
  const set = await on.query<{ name: string; setting: string }>(sql`
    select name, setting
    from pg_settings
    where name = any(${settings}::text[])`)
  const archiver = await on.query<{ failed_count: number; is_failing: boolean }>(sql`
    select failed_count::float8 as failed_count, last_failed_time > coalesce(last_archived_time, '-infinity') as is_failing
    from pg_stat_archiver`)
  const values = Object.fromEntries(set.rows.map(({ name, setting }) => [name, setting]))
  return {
    senders: senders.rows as unknown as ReplicationReport['senders'],
    slots: slots.rows as unknown as ReplicationReport['slots'],
    settings: values,
    archiver: archiver.rows[0],
    findings: findCauses({
      senders: senders.rows,
      slots: slots.rows,
      isArchiveFailing: archiver.rows[0]?.is_failing === true,
    }),
  }
}

const muchBytes = 16 * 1_024 ** 2

interface Found {
  readonly senders: readonly Sender[]
  readonly slots: readonly Slot[]
  readonly isArchiveFailing: boolean
}

function findCauses({ senders, slots, isArchiveFailing }: Found): readonly string[] {
  return [
    ...(senders.every(({ kind }) => kind === 'logical') ? ['No replica is connected to the primary'] : []),
    ...senders.flatMap((sender) => findCause(sender)),
    ...slots
      .filter(({ is_active }) => !is_active)
      .map(({ slot }) => `Nobody reads slot ${slot}: its replica or consumer is away`),
    ...slots
      .filter(({ wal_status }) => wal_status === 'lost')
      .map(({ slot }) => `Slot ${slot} is lost: make its replica anew`),
    ...(isArchiveFailing ? ['Archiving of the WAL fails'] : []),
  ]
}

function findCause({ replica, kind, state, sent_bytes, flush_bytes, replay_bytes }: Sender): readonly string[] {
  if (state === null)
    return [`What ${replica} is at may not be seen: grant pg_monitor to the role, as in docs/roles.md`]
  if (state !== 'streaming') return [`${replica} is in state ${state}: it catches up from older WAL`]
  const behind = (bytes: number | null): boolean => (bytes ?? 0) > muchBytes
  if (behind(sent_bytes)) return [`${replica} is not sent WAL as fast as it is written: the network, or the sender`]
  if (kind === 'logical')
    return behind(flush_bytes) ? [`${replica} does not confirm changes as fast as it is sent them: its consumer`] : []
  if (behind(flush_bytes)) return [`${replica} does not write WAL as fast as it receives it: its disk`]
  if (behind(replay_bytes))
    return [`${replica} does not replay as fast as it receives: one long query there, locks, or its processor`]
  return []
}
