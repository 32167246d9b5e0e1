// Keeps a lease while a run is under way, and says when it is lost.
//
// Invariant: `onLost` is called before the lease can have ended by the server's clock: from the moment the last renewal
// was asked for, one duration of our own clock, which never goes back. Bound: three renewals a duration, more often
// only after one failed; none waits for a lock, because all runs share the few connections of the scheduler.

import type { Clock } from '../base/clock.ts'
import { jitter, type Random } from '../base/random.ts'
import type { Db, Queryable } from '../db/db.ts'
import type { Lease } from '../db/lease.ts'
import { sql } from '../sql/sql.ts'

export interface HeartbeatOptions {
  readonly control: Db
  readonly lease: Lease
  readonly leaseMs: number
  /** When it was taken, at the earliest, by `clock.monotonic()`. */
  readonly askedMs: number
  readonly clock: Clock
  readonly random: Random
  readonly onLost: () => void
}

export function keepLease(options: HeartbeatOptions): { stop(): void } {
  const { control, lease, leaseMs, clock, random } = options
  const stopping = new AbortController()
  let isLost = false
  const lose = (): void => {
    if (isLost || stopping.signal.aborted) return
    isLost = true
    options.onLost()
  }
  const loseAfter = (askedMs: number): (() => void) =>
    clock.after(Math.max(0, leaseMs - (clock.monotonic() - askedMs)), lose)
  let callOff = loseAfter(options.askedMs)
  const beat = async (): Promise<void> => {
    let waitMs = leaseMs / 3
    while (!stopping.signal.aborted && !isLost) {
      await clock.sleep(jitter(waitMs, 0.2, random), stopping.signal).catch(() => undefined)
      if (stopping.signal.aborted) return
      const askedMs = clock.monotonic()
      try {
        const answer = await renew(control, lease, leaseMs)
        if (answer === 'lost') return lose()
        waitMs = answer === 'renewed' ? leaseMs / 3 : leaseMs / 10
        if (answer === 'busy' || stopping.signal.aborted) continue
        callOff()
        callOff = loseAfter(askedMs)
      } catch {
        // The server may be back before the lease ends.
        waitMs = leaseMs / 10
      }
    }
  }
  void beat()
  return {
    stop: () => {
      stopping.abort()
      callOff()
    },
  }
}

/** 'busy': a transaction of the run itself has confirmed it and not ended yet, or somebody looks whether it is over. */
async function renew(on: Queryable, lease: Lease, durationMs: number): Promise<'renewed' | 'busy' | 'lost'> {
  const ours = sql`name = ${lease.name}
        and holder = ${lease.holder}
        and fence = ${lease.fence}
        and expires_at > clock_timestamp()`
  const { rows } = await on.query<{ isRenewed: boolean; isOurs: boolean }>(sql`
    with free as (
      select name
      from pgstrata.lease
      where ${ours}
      for no key update skip locked
    ), renewed as (
      update pgstrata.lease l
      set expires_at = clock_timestamp() + ${durationMs} * interval '1 ms'
      from free
      where l.name = free.name
      returning l.name
    )
    select exists (select from renewed) as "isRenewed",
      exists (select from pgstrata.lease where ${ours}) as "isOurs"`)
  const [row] = rows
  if (row?.isRenewed === true) return 'renewed'
  return row?.isOurs === true ? 'busy' : 'lost'
}
