// Which of several processes measures: the one that holds the lease. The others wait for it to be free.
//
// What holds: it is renewed three times in its duration; who cannot renew it because the database is away goes on (nobody can take it
// meanwhile) and is told that it was lost as soon as that is known, also where it is free again by then.
// After a kill another one has it within its duration and a third.
// State: the lease, while it is held.

import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/logger.ts'
import { jitter, type Random } from '../../base/random.ts'
import type { Queryable } from '../../db/db.ts'
import { acquireLease, releaseLease, renewLease, type Lease } from '../../db/lease.ts'
import { sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'

export interface HolderOptions {
  readonly on: Queryable
  readonly name: string
  /** Nobody else's. */
  readonly holder: string
  readonly durationMs: number
  readonly onHeld: () => void
  readonly onLost: () => Promise<void>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

const notInstalled: ReadonlySet<string> = new Set([sqlstate.undefinedTable, sqlstate.undefinedSchema])

export class LeaseHolder {
  readonly #options: HolderOptions
  readonly #stopping = new AbortController()
  #lease: Lease | undefined
  #warned: string | undefined
  #running: Promise<void> | undefined

  constructor(options: HolderOptions) {
    this.#options = options
  }

  get lease(): Lease | undefined {
    return this.#lease
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Gives it back at once. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
    const lease = this.#lease
    this.#lease = undefined
    if (lease !== undefined) await releaseLease(this.#options.on, lease).catch(() => undefined)
  }

  async #run(): Promise<void> {
    const { clock, random, durationMs } = this.#options
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        await this.#look()
        this.#warned = undefined
      } catch (error) {
        this.#warn(error)
      }
      await clock.sleep(jitter(durationMs / 3, 0.1, random), signal).catch(() => undefined)
    }
  }

  async #look(): Promise<void> {
    const { on, onHeld, onLost } = this.#options
    const before = this.#lease
    if (before !== undefined && (await renewLease(on, before, this.#options.durationMs))) return
    const lease = await acquireLease(on, this.#options)
    // It ran out, and nobody had it since.
    if (before !== undefined && lease?.fence === before.fence + 1) this.#lease = lease
    else {
      this.#lease = undefined
      if (before !== undefined) await onLost()
      this.#lease = lease
      if (lease !== undefined && !this.#stopping.signal.aborted) onHeld()
    }
  }

  #warn(error: unknown): void {
    const state = sqlstateOf(error) ?? ''
    const why = notInstalled.has(state)
      ? 'its tables are not there yet: run `pgstrata apply`'
      : 'the database is away or does not let it'
    if (this.#warned === why) return
    this.#warned = why
    this.#options.logger.warn(`Watching waits: ${why}`)
  }
}
