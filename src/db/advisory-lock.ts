// A session advisory lock, taken by polling. A waiter inside pg_advisory_lock() holds a snapshot that CREATE INDEX
// CONCURRENTLY waits for, and the two deadlock; a poller holds nothing between its tries.
//
// Invariant: whoever runs under the lock holds it on the connection that does the work. When that connection dies,
// the lock goes when its backend goes, and not before: a statement still running on the server keeps others out.

import { checkpoint, type Clock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import { jitter, type Random } from '../base/random.ts'
import { sql } from '../sql/sql.ts'
import { onlyRow, type Session } from './db.ts'
import { rollback } from './transaction.ts'

export interface AdvisoryLockOptions {
  /** Two numbers name the lock: [class, object]. */
  readonly key: readonly [number, number]
  /** What the lock is for, as the error says it: 'migrations'. */
  readonly purpose: string
  /** 0: try once. */
  readonly waitMs: number
  readonly clock: Clock
  readonly random: Random
  readonly signal?: AbortSignal | undefined
  /** Told once, when there is something to wait for. */
  readonly onWait?: ((holder: string) => void) | undefined
}

const pollMs = 100

export async function withAdvisoryLock<T>(
  session: Session,
  options: AdvisoryLockOptions,
  work: () => Promise<T>,
): Promise<T> {
  await acquire(session, options)
  try {
    return await work()
  } finally {
    // A transaction left open would refuse the unlock. Where the connection is gone, so is the lock.
    await rollback(session)
    const [classId, objectId] = options.key
    await session.query(sql`select pg_advisory_unlock(${classId}::int4, ${objectId}::int4)`).catch(() => undefined)
  }
}

async function acquire(session: Session, options: AdvisoryLockOptions): Promise<void> {
  const { clock, random, waitMs, signal } = options
  const [classId, objectId] = options.key
  const deadline = clock.monotonic() + waitMs
  for (let tries = 0; ; tries++) {
    checkpoint(signal)
    const answer = await session.query<{ taken: boolean }>(
      sql`select pg_try_advisory_lock(${classId}::int4, ${objectId}::int4) as taken`,
    )
    if (onlyRow(answer).taken) return
    const leftMs = deadline - clock.monotonic()
    if (leftMs <= 0) {
      throw new StrataError('LOCK_BUSY', {
        message: `Another process holds the lock for ${options.purpose} (${await describeHolder(session, options.key)})`,
      })
    }
    if (tries === 0) options.onWait?.(await describeHolder(session, options.key))
    await clock.sleep(Math.min(leftMs, jitter(pollMs, 0.5, random)), signal)
  }
}

async function describeHolder(session: Session, key: readonly [number, number]): Promise<string> {
  const { rows } = await session.query<{ pid: number; application: string; since: string | null }>(sql`
    select l.pid, coalesce(a.application_name, '') as application,
      to_char(now() - a.backend_start, 'HH24:MI:SS') as since
    from pg_locks l
    left join pg_stat_activity a using (pid)
    where l.locktype = 'advisory'
      and l.granted
      and l.database = (select oid from pg_database where datname = current_database())
      and (l.classid, l.objid, l.objsubid) = (${key[0]}::int4::oid, ${key[1]}::int4::oid, 2)
    limit 1`)
  const [holder] = rows
  if (holder === undefined) return 'it was just released'
  return `backend ${holder.pid}, ${holder.application || 'unnamed'}, connected for ${holder.since ?? '?'}`
}
