// The right to probe, which one process has at a time: a lease of pgstrata. A job of pgstrata would begin anew each tick; this goes on
// as long as its process does.
//
// Promises: `hold` says yes only if the lease was confirmed within the last third of its length, by a clock read before the question
// was sent. Whoever asks before each request, and lets none take longer than another third, sends none that another prober may send.

import { acquireLease, releaseLease, renewLease, type Clock, type Lease, type Queryable } from 'pgstrata'

export interface LeaseKeeper {
  /** The lease, or undefined while somebody else has it. Asks the database only where it has to. */
  hold(): Promise<Lease | undefined>
  /** The next `hold` asks the database. */
  doubt(): void
  release(): Promise<void>
}

export interface LeaseKeeperOptions {
  readonly on: Queryable
  readonly name: string
  readonly holder: string
  readonly leaseMs: number
  readonly clock: Clock
}

export function createLeaseKeeper({ on, name, holder, leaseMs, clock }: LeaseKeeperOptions): LeaseKeeper {
  let held: { lease: Lease; sinceMs: number } | undefined
  let asking: Promise<Lease | undefined> | undefined
  const ask = async (): Promise<Lease | undefined> => {
    const sinceMs = clock.now()
    const before = held?.lease
    held = undefined
    const isRenewed = before !== undefined && (await renewLease(on, before, leaseMs))
    const lease = isRenewed ? before : await acquireLease(on, { name, holder, durationMs: leaseMs })
    if (lease !== undefined) held = { lease, sinceMs }
    return lease
  }
  const isCertain = (): boolean => held !== undefined && clock.now() - held.sinceMs < leaseMs / 3
  return {
    hold: async () => {
      if (isCertain()) return held?.lease
      asking ??= ask().finally(() => {
        asking = undefined
      })
      const lease = await asking
      return isCertain() ? lease : undefined
    },
    doubt: () => {
      if (held !== undefined) held = { ...held, sinceMs: -Infinity }
    },
    release: async () => {
      const lease = held?.lease
      held = undefined
      if (lease !== undefined) await releaseLease(on, lease)
    },
  }
}
