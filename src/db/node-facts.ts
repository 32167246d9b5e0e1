// What a server of a configuration is, asked over a connection of its own: cluster, role, timeline, position, how many
// connections it takes. Only reads. Lag is a measured time: how long a replica takes until it shows what the primary had
// flushed when asked, so an idle primary has none, and no clock of a server is looked at.

import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { sql } from '../sql/sql.ts'
import { describeTarget, onlyRow, type Db, type Queryable } from './db.ts'
import { parseLsn } from './lsn.ts'

/** A server as the configuration names it. */
export interface ConfiguredNode {
  readonly name: string
  readonly db: Db
  readonly isReplica: boolean
  readonly maxLagMs: number
  /** Connections that one process may have to it. */
  readonly connections: number
}

export interface NodeFacts {
  readonly systemId: string
  readonly isReplica: boolean
  readonly timeline: number
  readonly startedAt: string
  readonly versionNum: number
  readonly version: string
  /** No pooler in between. */
  readonly direct: boolean
  /** The primary's flushed position, a replica's replayed one; null on a replica that has replayed nothing yet. */
  readonly position: string | null
  readonly role: string
  /** Where the server itself believes to be; null on a Unix socket. */
  readonly serverAddress: string | null
  readonly serverPort: number | null
  readonly database: string
  readonly maxConnections: number
  /** Of those, kept for superusers and for pg_use_reserved_connections. */
  readonly reservedConnections: number
  /** What the role and the database allow, if less. */
  readonly ownLimit: number | null
  readonly seesStatistics: boolean
  /** A replica's: whether it has a WAL receiver, and what that does; null: not visible. */
  readonly hasReceiver: boolean
  readonly receiverStatus: string | null
  readonly isPaused: boolean
  readonly applyDelayMs: number
  readonly feedback: boolean
  /** -1: a read is never cancelled. */
  readonly maxStandbyDelayMs: number
}

/** One server, as `status` shows it. */
export interface NodeReport {
  readonly node: string
  readonly target: string
  readonly role: 'primary' | 'replica' | 'unknown'
  readonly timeline: number | null
  readonly position: string | null
  /** 0 for the primary; null: not within the second that it was watched for. */
  readonly lagMs: number | null
  /** Why nothing is known. */
  readonly error?: string
}

export function readNodeFacts(db: Db): Promise<NodeFacts> {
  return db.withSession(async (session) => {
    const answer = await session.query<NodeFacts>(sql`
      select (select system_identifier::text from pg_control_system()) as "systemId",
        pg_is_in_recovery() as "isReplica",
        case when pg_is_in_recovery()
          then greatest((select received_tli from pg_stat_wal_receiver),
            (select min_recovery_end_timeline from pg_control_recovery()),
            (select timeline_id from pg_control_checkpoint()))
          else ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int4
        end as timeline,
        pg_postmaster_start_time()::text as "startedAt",
        current_setting('server_version_num')::int4 as "versionNum",
        current_setting('server_version') as version,
        pg_backend_pid() = ${session.pid}::int4 as direct,
        case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end::text as position,
        current_user::text as role,
        host(inet_server_addr()) as "serverAddress",
        inet_server_port() as "serverPort",
        current_database()::text as database,
        current_setting('max_connections')::int4 as "maxConnections",
        current_setting('superuser_reserved_connections')::int4
          + coalesce(current_setting('reserved_connections', true), '0')::int4 as "reservedConnections",
        (select least(nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1))
          from pg_roles r, pg_database d
          where r.rolname = current_user and d.datname = current_database()) as "ownLimit",
        pg_has_role(current_user, 'pg_read_all_stats', 'usage') as "seesStatistics",
        exists (select from pg_stat_wal_receiver) as "hasReceiver",
        (select status from pg_stat_wal_receiver) as "receiverStatus",
        case when pg_is_in_recovery() then pg_is_wal_replay_paused() else false end as "isPaused",
        (select setting::float8 from pg_settings where name = 'recovery_min_apply_delay') as "applyDelayMs",
        current_setting('hot_standby_feedback')::bool as feedback,
        (select setting::float8 from pg_settings where name = 'max_standby_streaming_delay') as "maxStandbyDelayMs"`)
    return onlyRow(answer)
  })
}

/** Whether it is in recovery: then it takes no writes. Any role may ask. */
export async function readIsReplica(on: Queryable): Promise<boolean> {
  return onlyRow(await on.query<{ isReplica: boolean }>(sql`select pg_is_in_recovery() as "isReplica"`)).isReplica
}

const pollMs = 5

export interface LagOptions {
  readonly primary: Db
  readonly replica: Db
  /** How long it is watched. */
  readonly limitMs: number
  readonly clock: Clock
}

/** How far the replica is behind now; undefined: further than `limitMs`. */
export async function measureLagMs(options: LagOptions): Promise<number | undefined> {
  const { primary, replica, limitMs, clock } = options
  const flushed = await positionOf(primary)
  const beganMs = clock.monotonic()
  for (;;) {
    const askedMs = clock.monotonic() - beganMs
    // Reached when it was first asked: it was not behind, however long the answer took.
    if ((await positionOf(replica)) >= flushed) return askedMs
    if (clock.monotonic() - beganMs >= limitMs) return undefined
    await clock.sleep(pollMs)
  }
}

async function positionOf(db: Db): Promise<bigint> {
  const answer = await db.query<{ position: string | null }>(sql`
    select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end::text as position`)
  const { position } = onlyRow(answer)
  return position === null ? 0n : parseLsn(position)
}

/** At least a second, so that a long maxLag is not mistaken for health, and not for ever. */
export function lagLimitMs(maxLagMs: number): number {
  return Math.max(1_000, Math.min(maxLagMs, 5_000))
}

/** What each server is now. A server that does not answer is part of the answer. */
export function readNodes(nodes: readonly ConfiguredNode[], clock: Clock): Promise<readonly NodeReport[]> {
  const primary = nodes.find(({ isReplica }) => !isReplica)
  return Promise.all(
    nodes.map(async ({ name, db, maxLagMs }): Promise<NodeReport> => {
      const target = describeTarget(db.target)
      try {
        const { isReplica, timeline, position } = await readNodeFacts(db)
        const lagMs =
          isReplica && primary !== undefined
            ? await measureLagMs({ primary: primary.db, replica: db, limitMs: lagLimitMs(maxLagMs), clock }).catch(
                () => undefined,
              )
            : 0
        return { node: name, target, role: isReplica ? 'replica' : 'primary', timeline, position, lagMs: lagMs ?? null }
      } catch (error) {
        return {
          node: name,
          target,
          role: 'unknown',
          timeline: null,
          position: null,
          lagMs: null,
          error: messageOf(error),
        }
      }
    }),
  )
}
