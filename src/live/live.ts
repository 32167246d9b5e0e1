// Live events of a database: what the feed's consumer hands on reaches every process, and each serves its own clients.
//
// Promises: a client that is connected, or comes back with the id of its last event, gets every change of its topics, those of
// one row that follow each other closely as one, or is told to begin anew. Whoever reads with an event's id as a token sees no
// older database than the event was of. Every process subscribes `listener` to its feed; one of them consumes it.
// On failure of the way between processes the feed brings a batch again; of the database, clients keep what they have, and
// those that would have to begin anew wait until it answers.

import { systemClock, type Clock } from '../base/clock.ts'
import { messageOf, StrataError } from '../base/errors.ts'
import { silentLogger, type Logger } from '../base/logger.ts'
import { systemRandom, type Random } from '../base/random.ts'
import { formatCursor, parseCursor, type ChangeCursor, type ChangeListener } from '../changes/feed/index.ts'
import type { Db } from '../db/db.ts'
import { maxLsn } from '../db/lsn.ts'
import type { Token } from '../db/token.ts'
import { Hub, type HubStatus, type LiveConnection } from './hub.ts'
import { defaultLimits, type LiveLimits } from './options.ts'
import { readNow, type Now } from './place.ts'
import type { LiveSink } from './subscriber.ts'
import { throughProcess } from './through/process.ts'
import type { Declared, TopicSpec } from './topic.ts'
import { columnsToSend, toWire, type Place, type Transport } from './wire.ts'

export interface LiveOptions extends Partial<Declared> {
  /** The primary. */
  readonly db: Db
  /** Default: nobody but this process. */
  readonly transport?: Transport | undefined
  readonly limits?: Partial<LiveLimits> | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
  readonly logger?: Logger | undefined
}

export interface LiveOpenOptions {
  readonly topics: readonly TopicSpec[]
  /** Where a client that comes back has been. */
  readonly lastEventId?: string | undefined
  /** Who connects: there is a limit for each. */
  readonly address: string
  readonly sink: LiveSink
}

export interface Live {
  /** For the feed, in every process. */
  readonly listener: ChangeListener
  /** Whose changes the feed has to capture. */
  readonly sources: readonly { readonly schema: string; readonly table: string }[]
  /** Begins to follow; clients that come before wait. Idempotent. */
  start(): Promise<void>
  /** Ends every connection. Idempotent. */
  stop(): Promise<void>
  /** Refuses what cannot be subscribed to. */
  check(topic: unknown): asserts topic is TopicSpec
  /** Refuses what there is no room for before it writes a byte. */
  open(options: LiveOpenOptions): LiveConnection
  /** What an event's id is as a token for `strata.scope`. Refuses an id that no event can have carried. */
  token(id: string): Promise<Token>
  status(): HubStatus
}

const longestPauseMs = 1_000

export function createLive(options: LiveOptions): Live {
  return new DatabaseLive(options)
}

class DatabaseLive implements Live {
  readonly listener: ChangeListener
  readonly sources: Live['sources']
  readonly #db: Db
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #hub: Hub
  readonly #stopping = new AbortController()
  #starting: Promise<void> | undefined
  #settling: Promise<void> | undefined
  #asking: Promise<Now> | undefined

  constructor(options: LiveOptions) {
    const { db, tables = [], rollups = [], tops = [], transport = throughProcess() } = options
    const declared = { tables, rollups, tops }
    this.#db = db
    this.#transport = transport
    this.#clock = options.clock ?? systemClock
    this.#logger = options.logger ?? silentLogger
    this.#hub = new Hub({
      declared,
      limits: { ...defaultLimits, ...options.limits },
      clock: this.#clock,
      random: options.random ?? systemRandom,
      logger: this.#logger,
    })
    const columns = columnsToSend(declared)
    this.sources = [...columns.keys()].map((key) => {
      const [schema, table] = JSON.parse(key) as [string, string]
      return { schema, table }
    })
    this.listener = {
      name: 'live',
      onBatch: async (batch) => {
        const message = toWire(batch, columns)
        if (message !== undefined) await transport.publish(message)
      },
      onReset: async ({ epoch, why }) => {
        // Asked for now: what nobody captured had committed before.
        const { systemId, timeline, lsn } = await readNow(db)
        await transport.publish({ type: 'reset', epoch, why, systemId, timeline, lsn })
      },
    }
  }

  async start(): Promise<void> {
    this.#starting ??= this.#begin()
    await this.#starting
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#hub.close()
    await this.#transport.close()
    await this.#settling
  }

  check(topic: unknown): asserts topic is TopicSpec {
    this.#hub.parse(topic)
  }

  open({ topics, ...request }: LiveOpenOptions): LiveConnection {
    if (this.#stopping.signal.aborted)
      throw new StrataError('LIVE_CLOSED', { message: 'Live events are not served here any more' })
    return this.#hub.open({ ...request, topics: topics.map((topic) => this.#hub.parse(topic)) })
  }

  async token(id: string): Promise<Token> {
    const cursor = parseCursor(id)
    const known = this.#hub.place
    const head = this.#hub.head
    if (known !== undefined && head !== undefined && cursor.epoch === known.epoch) {
      const { systemId, timeline } = known
      if (cursor.lsn <= maxLsn(known.lsn, head.lsn)) return { systemId, timeline, lsn: cursor.lsn }
    }
    return this.#tokenNow(cursor, await this.#askAgain(cursor))
  }

  status(): HubStatus {
    return this.#hub.status
  }

  async #begin(): Promise<void> {
    await this.#transport.follow({
      onMessage: (message) => this.#hub.accept(message),
      onLost: (why) => {
        this.#hub.lose(why)
        this.#settle()
      },
    })
    this.#settle()
  }

  #settle(): void {
    this.#settling ??= this.#untilSettled().finally(() => {
      this.#settling = undefined
    })
  }

  /** Never rejects. A feed that has yet to begin says so by itself. */
  async #untilSettled(): Promise<void> {
    const { signal } = this.#stopping
    for (let pauseMs = 50; !signal.aborted && this.#hub.place === undefined; pauseMs *= 2) {
      try {
        const { epoch, systemId, timeline, lsn } = await readNow(this.#db)
        if (this.#hub.place !== undefined || signal.aborted) return
        if (epoch !== undefined) return this.#hub.settle({ epoch, systemId, timeline, lsn } satisfies Place)
      } catch (error) {
        this.#logger.warn('Live events have to wait for the database', { error: messageOf(error) })
      }
      await this.#clock.sleep(Math.min(pauseMs, longestPauseMs), signal).catch(() => undefined)
    }
  }

  /** Many who ask at once are answered by one query; by one of before they asked, only if it is enough. */
  async #askAgain({ epoch, lsn }: ChangeCursor): Promise<Now> {
    const shared = this.#asking
    const before = await shared?.catch(() => undefined)
    if (before !== undefined && before.epoch === epoch && lsn <= before.lsn) return before
    if (this.#asking === undefined || this.#asking === shared) {
      const asking = readNow(this.#db)
      this.#asking = asking
      const forget = (): void => {
        if (this.#asking === asking) this.#asking = undefined
      }
      asking.then(forget, forget)
    }
    return await this.#asking
  }

  #tokenNow(cursor: ChangeCursor, { epoch, systemId, timeline, lsn }: Now): Token {
    // No epoch that is over has an event which the primary does not show by now.
    if (cursor.epoch !== epoch) return { systemId, timeline, lsn }
    if (cursor.lsn <= lsn) return { systemId, timeline, lsn: cursor.lsn }
    throw new StrataError('FEED_CURSOR_INVALID', {
      message: 'A position in the feed was never reached',
      expected: `at most ${formatCursor({ ...cursor, lsn, seq: 0 })}`,
    })
  }
}
