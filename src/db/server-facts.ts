// What kind of server and role we are talking to, and the refusals that follow from it. One query, and one probe
// that tells a pooler in transaction mode from a real connection.

import { StrataError } from '../base/errors.ts'
import { sql } from '../sql/sql.ts'
import { describeTarget, onlyRow, type Db, type Session } from './db.ts'

export interface ServerFacts {
  /** 180004 for 18.4 */
  readonly versionNum: number
  readonly version: string
  readonly isReplica: boolean
  readonly isReadOnly: boolean
  readonly canCreateSchema: boolean
  readonly user: string
  readonly isSuperuser: boolean
  /** Where the server itself believes to be; null on a Unix socket. */
  readonly serverAddress: string | null
  readonly serverPort: number | null
  readonly database: string
}

export const oldestVersionNum = 150_000

export async function readServerFacts(session: Session): Promise<ServerFacts> {
  const answer = await session.query<ServerFacts>(sql`
    select current_setting('server_version_num')::int4 as "versionNum",
      current_setting('server_version') as version,
      pg_is_in_recovery() as "isReplica",
      current_setting('transaction_read_only')::bool as "isReadOnly",
      has_database_privilege(current_database(), 'CREATE') as "canCreateSchema",
      current_user::text as "user",
      coalesce((select rolsuper from pg_roles where rolname = current_user), false) as "isSuperuser",
      host(inet_server_addr()) as "serverAddress",
      inet_server_port() as "serverPort",
      current_database()::text as database`)
  return onlyRow(answer)
}

/** Refuses a server that cannot take structural changes. `needsCreate`: our schema is not there yet. */
export function requireWritable(facts: ServerFacts, needsCreate: boolean): void {
  if (facts.versionNum < oldestVersionNum) {
    throw new StrataError('DATABASE_TOO_OLD', {
      message: 'The server is too old',
      expected: 'PostgreSQL 15 or newer',
      got: `PostgreSQL ${facts.version}`,
    })
  }
  if (facts.isReplica) {
    throw new StrataError('DATABASE_IS_REPLICA', {
      message: `The server of database "${facts.database}" is a replica`,
      expected: 'a primary',
      got: 'a server in recovery',
    })
  }
  if (facts.isReadOnly) {
    throw new StrataError('DATABASE_READ_ONLY', {
      message: `Database "${facts.database}" only takes reads from role "${facts.user}" (transaction_read_only is on)`,
    })
  }
  if (needsCreate && !facts.canCreateSchema) {
    throw new StrataError('DATABASE_PRIVILEGE', {
      message: `Role "${facts.user}" may not create a schema in database "${facts.database}"`,
      advice: `As an owner run: grant create on database "${facts.database}" to "${facts.user}"`,
    })
  }
}

export type PoolerKind = 'none' | 'session' | 'transaction'

/**
 * Tells who stands in between. A pooler answers the start-up with a process id of its own, so one that differs from
 * pg_backend_pid() gives it away; its mode shows when two clients meet on one server connection, or when one client
 * changes its server connection between two statements. Three rounds, for poolers that deal them out in turn.
 */
export async function detectPooler(db: Db): Promise<PoolerKind> {
  return await db.withSession(async (first) => {
    const firstPid = await backendPid(first)
    if (firstPid === first.pid) return 'none'
    return await db.withSession(async (second) => {
      for (let round = 0; round < 3; round++) {
        const shared = await inTransaction(second, async (otherPid) => otherPid === firstPid)
        if (shared || (await backendPid(first)) !== firstPid) return 'transaction'
      }
      return 'session'
    })
  })
}

async function backendPid(session: Session): Promise<number> {
  return onlyRow(await session.query<{ pid: number }>(sql`select pg_backend_pid() as pid`)).pid
}

async function inTransaction<T>(session: Session, work: (pid: number) => Promise<T>): Promise<T> {
  await session.query(sql`begin`)
  try {
    return await work(await backendPid(session))
  } finally {
    await session.query(sql`rollback`)
  }
}

/** Session locks and settings are lost behind a pooler in transaction mode, so structural work refuses it. */
export async function requireDirect(db: Db): Promise<void> {
  if ((await detectPooler(db)) !== 'transaction') return
  const facts = await db.withSession(readServerFacts)
  const address = facts.serverAddress ?? 'localhost'
  const host = address.includes(':') ? `[${address}]` : address
  const direct = `postgres://${encodeURIComponent(facts.user)}@${host}:${facts.serverPort ?? 5432}/${encodeURIComponent(facts.database)}`
  throw new StrataError('DATABASE_POOLER', {
    message: `${describeTarget(db.target)} is a pooler in transaction mode: session locks, session settings and CREATE INDEX CONCURRENTLY are not safe through it`,
    advice: `Set database.direct to the server itself. It says it listens at ${direct} (add the password).`,
    details: { direct },
  })
}
