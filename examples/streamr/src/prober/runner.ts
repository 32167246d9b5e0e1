// The prober: polls and checks the nodes of active streams, one process at a time, for as long as it runs. Start as many as you like;
// those without the lease wait for it.
//
// Promises: no node is polled twice in a slot by two probers; what `onWritten` was told of is in the database; the results of a prober
// that is closed in order are written first. One that is killed loses what it had not written yet, at most a look and `writeWithinMs`,
// and another goes on after `leaseMs`. When the database cannot be reached it tries again, for as long as it takes.

import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { systemClock, type Clock, type Lease, type Logger, type Queryable } from 'pgstrata'
import type { Database } from '../database.ts'
import type { BatchCounts } from './batch-writer.ts'
import { createFetcher, type Fetcher } from './fetcher.ts'
import { createLeaseKeeper, type LeaseKeeper } from './lease-keeper.ts'
import type { Observation } from './observation.ts'
import { resolveSettings, type ProberChoice, type ProberSettings } from './settings.ts'
import { Tally } from './tally.ts'
import { Tenure, type Looked } from './tenure.ts'

export interface ProberOptions {
  readonly db: Kysely<Database>
  /** Where leases are kept: `strata.db`. */
  readonly leases: Queryable
  readonly settings?: ProberChoice
  readonly clock?: Clock
  /** From 0 up to but not including 1. */
  readonly random?: () => number
  /** What turns and checks depend on. Default: one that nobody knows, for a node that knows it knows when it will be checked. */
  readonly seed?: string
  readonly logger?: Pick<Logger, 'info' | 'warn'>
  /** Which addresses may be asked. Default: all. */
  readonly permits?: (url: URL) => boolean
  /** Called when they are committed. */
  readonly onWritten?: (observations: readonly Observation[]) => void
}

export interface LookReport extends Looked {
  /** False: another process has the lease, and nothing was done. */
  readonly isHolder: boolean
}

export interface Prober {
  /** Asks whose turn has come, and writes what came of it. What `start` does again and again. */
  look(): Promise<LookReport>
  start(): void
  readonly status: ProberStatus
  /** Writes what is left, and gives the lease back. */
  close(): Promise<void>
}

interface ProberStatus {
  readonly isHolder: boolean
  readonly polled: number
  readonly checked: number
  readonly failed: number
  readonly found: number
  /** Of results: waiting, written, dropped and why. */
  readonly results: BatchCounts
}

const nothing: Looked = { polled: 0, checked: 0, failed: 0, found: 0 }

export function openProber(options: ProberOptions): Prober {
  return new Runner(options)
}

class Runner implements Prober {
  readonly #options: ProberOptions
  readonly #settings: ProberSettings
  readonly #clock: Clock
  readonly #seed: string
  readonly #closing = new AbortController()
  readonly #fetcher: Fetcher
  readonly #keeper: LeaseKeeper
  readonly #tally = new Tally()
  #tenure: Tenure | undefined
  #looking: Promise<LookReport> | undefined
  #looping: Promise<void> | undefined
  #closed: Promise<void> | undefined

  constructor(options: ProberOptions) {
    const { leases, permits, clock = systemClock, seed = randomUUID() } = options
    this.#options = options
    this.#settings = resolveSettings(options.settings)
    this.#clock = clock
    this.#seed = seed
    this.#fetcher = createFetcher({ ...this.#settings, clock, permits })
    const { leaseMs } = this.#settings
    this.#keeper = createLeaseKeeper({ on: leases, name: 'streamr prober', holder: randomUUID(), leaseMs, clock })
  }

  get status(): ProberStatus {
    return { isHolder: this.#tenure !== undefined, ...this.#tally.looked, results: this.#tally.results(this.#tenure) }
  }

  async look(): Promise<LookReport> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return await this.#looking
  }

  start(): void {
    this.#looping ??= this.#loop()
  }

  async close(): Promise<void> {
    this.#closed ??= this.#end()
    await this.#closed
  }

  async #look(): Promise<LookReport> {
    const lease = await this.#keeper.hold()
    if (lease === undefined || this.#tenure?.continueUnder(lease) === false) await this.#endTenure(0)
    if (lease === undefined) return { isHolder: false, ...nothing }
    const tenure = (this.#tenure ??= this.#openTenure(lease))
    const looked = await tenure.look()
    this.#tally.add(looked)
    this.#tellDropped()
    return { isHolder: true, ...looked }
  }

  #openTenure(lease: Lease): Tenure {
    const { db, random = Math.random, logger, onWritten } = this.#options
    logger?.info('This process probes now')
    return new Tenure({
      db,
      lease,
      isHeld: async ({ doubt } = { doubt: false }) => {
        if (doubt) this.#keeper.doubt()
        const now = await this.#keeper.hold()
        return now !== undefined && this.#tenure?.continueUnder(now) === true
      },
      settings: this.#settings,
      fetcher: this.#fetcher,
      clock: this.#clock,
      random,
      seed: this.#seed,
      signal: this.#closing.signal,
      onWritten: (observations) => onWritten?.(observations),
      onFailure: (error) => logger?.warn('Results could not be written, and will be tried again', describe(error)),
    })
  }

  async #endTenure(withinMs: number): Promise<void> {
    const ending = this.#tenure
    if (ending === undefined) return
    await ending.close(withinMs)
    this.#tenure = undefined
    this.#tally.keep(ending.counts)
    this.#tellDropped()
  }

  #tellDropped(): void {
    const dropped = this.#tally.untold(this.#tenure)
    if (dropped > 0) this.#options.logger?.warn('Results were dropped', { dropped })
  }

  async #loop(): Promise<void> {
    const { lookEveryMs, leaseMs } = this.#settings
    const { signal } = this.#closing
    for (let failures = 0; !signal.aborted;) {
      const beganMs = this.#clock.now()
      let waitMs = lookEveryMs
      try {
        const { isHolder } = await this.look()
        failures = 0
        if (!isHolder) waitMs = Math.max(waitMs, leaseMs / 3)
      } catch (error) {
        failures++
        waitMs *= 2 ** Math.min(failures, 5)
        this.#options.logger?.warn('Nodes could not be probed, and will be tried again', describe(error))
      }
      await this.#clock.sleep(Math.max(0, beganMs + waitMs - this.#clock.now()), signal).catch(() => undefined)
    }
  }

  async #end(): Promise<void> {
    this.#closing.abort()
    await this.#looping
    await this.#looking?.catch(() => undefined)
    await this.#endTenure(this.#settings.closeWithinMs)
    // Where it cannot be given back it runs out by itself.
    await this.#keeper.release().catch(() => undefined)
    this.#fetcher.close()
  }
}

/** Its code and no more: a message of the database may carry values. */
function describe(error: unknown): { readonly code: string } {
  const code = (error as { readonly code?: unknown } | null)?.code
  return { code: typeof code === 'string' ? code : 'unknown' }
}
