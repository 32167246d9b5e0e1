// The feed of a database: one process at a time consumes it, the others stand by.
//
// What must be true: whoever consumes holds the lease, and is sure of it by its own clock, which it started before it asked;
// who takes over waits until the lease has run out on the server, and then ends the connection of the one before. What all
// listeners of the consumer have handled is acknowledged, so subscribe the same ones in every process, and let them write to
// what all processes share.
// On failure: consuming begins again after a pause of 100 ms to 10 s, where the last batch was handled. It never gives up;
// `status()` says why it does not get on.

import { randomUUID } from 'node:crypto'
import { checkpoint, systemClock, type Clock } from '../../base/clock.ts'
import { isStrataError, messageOf, StrataError } from '../../base/errors.ts'
import { silentLogger, type Logger } from '../../base/logger.ts'
import { jitter, systemRandom, type Random } from '../../base/random.ts'
import type { Db } from '../../db/db.ts'
import { acquireLease, releaseLease, renewLease, type Lease } from '../../db/lease.ts'
import type { ChangeListener } from './change.ts'
import type { Consumption, ConsumptionNews, EpochMemory, FeedLimits } from './consumption.ts'
import type { FeedSource } from './epoch.ts'
import { Listeners } from './listeners.ts'
import { requireInstalled } from './status.ts'
import { consumeOutbox } from './outbox/consume.ts'
import type { FeedTable } from './wal/captured-tables.ts'
import { consumeWal } from './wal/consume.ts'
import { readWalSettings, requireSafe } from './wal/slot.ts'

export interface FeedOptions {
  readonly db: Db
  /** The server itself, no pooler: replication and LISTEN need a connection of their own. */
  readonly url: string
  readonly tables: readonly FeedTable[]
  /** 'auto', the default: the WAL where wal_level is logical, else the outbox. */
  readonly source?: FeedSource | 'auto'
  /** A cap on the WAL that is kept, held by the feed itself, where the server has none. */
  readonly ownCapBytes?: number | undefined
  readonly leaseMs?: number
  readonly handleTimeoutMs?: number
  readonly limits?: Partial<FeedLimits>
  /** Unique among processes. */
  readonly holder?: string
  readonly clock?: Clock
  readonly random?: Random
  readonly logger?: Logger
}

export interface FeedStatus extends Partial<ConsumptionNews> {
  readonly role: 'stopped' | 'standing by' | 'consuming'
  readonly source: FeedSource | undefined
  /** Why it does not get on; undefined: it does. */
  readonly error: string | undefined
  /** Listeners whose last attempt failed, and why. */
  readonly failing: Readonly<Record<string, string>>
}

const defaultLimits: FeedLimits = {
  bufferBytes: 16 * 1024 * 1024,
  partChanges: 1_000,
  heartbeatMs: 10_000,
  lockTimeoutMs: 1_000,
  slotTimeoutMs: 60_000,
  visibleTimeoutMs: 60_000,
  silenceMs: 30_000,
}
const defaultLeaseMs = 10_000
const defaultHandleTimeoutMs = 60_000
const firstPauseMs = 100
const longestPauseMs = 10_000
const leaseName = 'feed'

export interface Feed {
  /** Refuses what cannot work; then runs until `stop`. */
  start(): Promise<void>
  /** What is being handled is not waited for longer than it takes to notice; it comes again. */
  stop(): Promise<void>
  /** Hears of what comes from the next batch on; gives back how to leave. */
  subscribe(listener: ChangeListener): () => void
  status(): FeedStatus
}

export function createFeed(options: FeedOptions): Feed {
  return new DatabaseFeed(options)
}

class DatabaseFeed implements Feed {
  readonly #options: FeedOptions
  readonly #clock: Clock
  readonly #random: Random
  readonly #logger: Logger
  readonly #holder: string
  readonly #leaseMs: number
  readonly #listeners: Listeners
  #source: FeedSource | undefined
  #role: FeedStatus['role'] = 'stopped'
  #error: string | undefined
  #news: Partial<ConsumptionNews> = {}
  #memory: EpochMemory | undefined
  #stopping: AbortController | undefined
  #running: Promise<void> | undefined

  constructor(options: FeedOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? systemRandom
    this.#logger = options.logger ?? silentLogger
    this.#holder = options.holder ?? randomUUID()
    this.#leaseMs = options.leaseMs ?? defaultLeaseMs
    this.#listeners = new Listeners({
      clock: this.#clock,
      logger: this.#logger,
      handleTimeoutMs: options.handleTimeoutMs ?? defaultHandleTimeoutMs,
    })
  }

  subscribe(listener: ChangeListener): () => void {
    return this.#listeners.add(listener)
  }

  status(): FeedStatus {
    return {
      ...this.#news,
      role: this.#role,
      source: this.#source,
      error: this.#error,
      failing: this.#listeners.failing,
    }
  }

  async start(): Promise<void> {
    if (this.#stopping !== undefined) return
    const { db, source = 'auto', ownCapBytes } = this.#options
    await requireInstalled(db)
    const settings = await readWalSettings(db)
    this.#source = source === 'auto' ? (settings.walLevel === 'logical' ? 'wal' : 'outbox') : source
    if (this.#source === 'wal') requireSafe(settings, ownCapBytes)
    const stopping = new AbortController()
    this.#stopping = stopping
    this.#role = 'standing by'
    this.#running = this.#run(stopping.signal)
  }

  async stop(): Promise<void> {
    this.#stopping?.abort()
    await this.#running
    this.#stopping = undefined
    this.#role = 'stopped'
  }

  /** Never rejects. */
  async #run(signal: AbortSignal): Promise<void> {
    let pauseMs = firstPauseMs
    while (!signal.aborted) {
      const beganMs = this.#clock.monotonic()
      try {
        await this.#stand(signal)
      } catch (error) {
        if (signal.aborted) return
        this.#error = messageOf(error)
        this.#logger.warn('The feed begins again', { error: this.#error })
      }
      this.#role = 'standing by'
      // What held for a while has shown that it can.
      if (this.#clock.monotonic() - beganMs > longestPauseMs) pauseMs = firstPauseMs
      await this.#clock.sleep(jitter(pauseMs, 0.3, this.#random), signal).catch(() => undefined)
      pauseMs = Math.min(longestPauseMs, pauseMs * 2)
    }
  }

  /** Waits for the lease, then consumes under it. */
  async #stand(signal: AbortSignal): Promise<void> {
    const { db } = this.#options
    for (;;) {
      checkpoint(signal)
      const askedMs = this.#clock.monotonic()
      const lease = await acquireLease(db, { name: leaseName, holder: this.#holder, durationMs: this.#leaseMs })
      if (lease !== undefined) return await this.#hold(lease, askedMs, signal)
      this.#error = undefined
      await this.#clock.sleep(jitter(this.#leaseMs / 5, 0.3, this.#random), signal)
    }
  }

  async #hold(lease: Lease, askedMs: number, signal: AbortSignal): Promise<void> {
    const { db } = this.#options
    const ending = new AbortController()
    const held = AbortSignal.any([signal, ending.signal])
    let sureUntilMs = askedMs + this.#leaseMs
    const renewing = this.#renew(lease, held, (untilMs) => (sureUntilMs = untilMs))
    this.#role = 'consuming'
    const consume = this.#source === 'wal' ? consumeWal : consumeOutbox
    const consuming = consume(this.#consumption(lease, held, () => this.#clock.monotonic() < sureUntilMs))
    try {
      await Promise.race([consuming, renewing])
    } finally {
      ending.abort()
      await Promise.allSettled([consuming, renewing])
      await releaseLease(db, lease).catch(() => undefined)
    }
  }

  /** Ends by an error: the lease is lost, or was not renewed in time. */
  async #renew(lease: Lease, signal: AbortSignal, sure: (untilMs: number) => void): Promise<never> {
    const { db } = this.#options
    let untilMs = this.#clock.monotonic() + this.#leaseMs
    for (;;) {
      await this.#clock.sleep(this.#leaseMs / 4, signal)
      const askedMs = this.#clock.monotonic()
      try {
        if (!(await renewLease(db, lease, this.#leaseMs)))
          throw new StrataError('LEASE_LOST', { message: 'Another process consumes the feed now' })
        untilMs = askedMs + this.#leaseMs
        sure(untilMs)
      } catch (error) {
        if (isStrataError(error, 'LEASE_LOST') || this.#clock.monotonic() >= untilMs) throw error
      }
    }
  }

  #consumption(lease: Lease, signal: AbortSignal, isLeaseSure: () => boolean): Consumption {
    const { db, url, tables, ownCapBytes, limits } = this.#options
    return {
      db,
      url,
      tables,
      ownCapBytes,
      lease,
      signal,
      isLeaseSure,
      listeners: this.#listeners,
      limits: { ...defaultLimits, ...limits },
      clock: this.#clock,
      logger: this.#logger,
      recall: (epoch) => {
        if (this.#memory?.epoch !== epoch) this.#memory = { epoch, handled: 0n, changes: 0, ends: new Map() }
        return this.#memory
      },
      report: (news) => {
        this.#news = { ...this.#news, ...news }
        if (news.handled !== undefined) this.#error = undefined
      },
    }
  }
}
