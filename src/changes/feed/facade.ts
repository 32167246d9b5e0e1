// The feed as the configuration declares it, as one object: who listens, running it, and how it stands. Nothing connects
// before it is asked to.
//
// Promises: `start` refuses what cannot work; a server that is away is waited for, in pauses that grow to 10 s, until `stop`.
// What must be true: the same listeners subscribe in every process that runs the feed, for one of them consumes it for all.

import { systemClock, type Clock } from '../../base/clock.ts'
import { isStrataError, messageOf, StrataError } from '../../base/errors.ts'
import { silentLogger, type Logger } from '../../base/logger.ts'
import { jitter, systemRandom, type Random } from '../../base/random.ts'
import type { Db } from '../../db/db.ts'
import { isConnectionLost } from '../../sql/sqlstate.ts'
import type { ChangeListener } from './change.ts'
import type { FeedSource } from './epoch.ts'
import { createFeed, type Feed, type FeedStatus } from './feed.ts'
import { readFeedState, type FeedState } from './status.ts'
import type { FeedTable } from './wal/captured-tables.ts'

export interface ChangesSettings {
  readonly tables: readonly FeedTable[]
  /** 'auto': the WAL where the server decodes it, else an outbox. */
  readonly source: FeedSource | 'auto'
  /** A cap on what is kept, held by the feed itself. */
  readonly ownCapBytes: number | undefined
}

export interface ChangesStatus extends FeedState {
  /** Of this process. */
  readonly here: FeedStatus
}

export interface Changes {
  /** undefined: the configuration declares none. */
  readonly declared: ChangesSettings | undefined
  /**
   * Hears of every change, in the one process that consumes the feed: so subscribe in each that runs it. Gives back how to leave.
   *
   *     strata.changes.subscribe({ name: 'search', onBatch: async ({ changes }) => index(changes), onReset: rebuild })
   */
  subscribe(listener: ChangeListener): () => void
  /** Of this process; nothing is asked. */
  readonly here: FeedStatus
  /** Of this process, and as the database has it. */
  status(): Promise<ChangesStatus>
  /** Consumes the feed here, or stands by, until stop(). Does nothing where none is declared. */
  start(): Promise<void>
  /** Idempotent. */
  stop(): Promise<void>
  /** stop(), and the connections. */
  close(): Promise<void>
}

export interface ChangesTools {
  readonly settings: ChangesSettings | undefined
  /** For questions. */
  readonly db: Db
  /** For consuming. */
  readonly open: (applicationName: string) => Db
  /** The server itself, no pooler. */
  readonly url: string
  readonly clock?: Clock
  readonly random?: Random
  readonly logger?: Logger
}

const firstPauseMs = 200
const longestPauseMs = 10_000
const stopped: FeedStatus = { role: 'stopped', source: undefined, error: undefined, failing: {} }

export function createChanges(tools: ChangesTools): Changes {
  return new DeclaredChanges(tools)
}

class DeclaredChanges implements Changes {
  readonly declared: ChangesSettings | undefined
  readonly #tools: ChangesTools
  readonly #clock: Clock
  readonly #random: Random
  readonly #logger: Logger
  /** With how each leaves the feed, where there is one. */
  readonly #listeners = new Map<ChangeListener, (() => void) | undefined>()
  #own: Db | undefined
  #feed: Feed | undefined
  #starting: Promise<void> | undefined
  /** For a server that is away. */
  #waiting: { readonly stop: AbortController; readonly done: Promise<void>; readonly error: unknown } | undefined

  constructor(tools: ChangesTools) {
    this.declared = tools.settings
    this.#tools = tools
    this.#clock = tools.clock ?? systemClock
    this.#random = tools.random ?? systemRandom
    this.#logger = tools.logger ?? silentLogger
  }

  subscribe(listener: ChangeListener): () => void {
    if (this.declared === undefined) throw undeclared()
    this.#listeners.set(listener, this.#feed?.subscribe(listener))
    return () => {
      this.#listeners.get(listener)?.()
      this.#listeners.delete(listener)
    }
  }

  get here(): FeedStatus {
    const status = this.#feed?.status() ?? stopped
    if (this.#waiting === undefined || status.role !== 'stopped') return status
    return { ...status, error: messageOf(this.#waiting.error) }
  }

  async status(): Promise<ChangesStatus> {
    if (this.declared === undefined) throw undeclared()
    return { ...(await readFeedState(this.#tools.db, this.declared.tables)), here: this.here }
  }

  async start(): Promise<void> {
    if (this.declared === undefined) return
    this.#starting ??= this.#begin(this.declared)
    try {
      await this.#starting
    } catch (error) {
      this.#starting = undefined
      throw error
    }
  }

  async stop(): Promise<void> {
    await this.#starting?.catch(() => undefined)
    this.#starting = undefined
    this.#waiting?.stop.abort()
    await this.#waiting?.done
    this.#waiting = undefined
    await this.#feed?.stop()
  }

  async close(): Promise<void> {
    await this.stop()
    await this.#own?.close({ now: true })
    this.#own = undefined
    this.#feed = undefined
  }

  async #begin(declared: ChangesSettings): Promise<void> {
    const feed = (this.#feed ??= this.#makeFeed(declared))
    try {
      await feed.start()
    } catch (error) {
      if (!isAway(error)) throw error
      const stop = new AbortController()
      this.#waiting = { stop, done: this.#wait(feed, stop.signal), error }
    }
  }

  /** Never rejects. */
  async #wait(feed: Feed, signal: AbortSignal): Promise<void> {
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
      await this.#clock.sleep(jitter(pauseMs, 0.3, this.#random), signal).catch(() => undefined)
      if (signal.aborted) return
      try {
        return await feed.start()
      } catch (error) {
        if (!isAway(error)) this.#logger.warn('The feed of changes cannot begin', { error: messageOf(error) })
      }
    }
  }

  #makeFeed({ tables, source, ownCapBytes }: ChangesSettings): Feed {
    const { open, url } = this.#tools
    const db = (this.#own ??= open('pgstrata feed'))
    const tools = { clock: this.#clock, random: this.#random, logger: this.#logger }
    const feed = createFeed({ db, url, tables, source, ownCapBytes, ...tools })
    for (const listener of this.#listeners.keys()) this.#listeners.set(listener, feed.subscribe(listener))
    return feed
  }
}

function isAway(error: unknown): boolean {
  return (
    isStrataError(error, 'DATABASE_UNREACHABLE') || isStrataError(error, 'DATABASE_LOST') || isConnectionLost(error)
  )
}

function undeclared(): StrataError {
  return new StrataError('CONFIG_INVALID', {
    message: 'No changes are told here',
    expected: '`changes` in the configuration',
    got: 'none',
    advice: "Declare what is to be told: changes: { tables: ['songs'] }.",
  })
}
