// A list in order, such as the twenty that are trending, as an event whenever it has changed.
//
// Promises: one query at a time for all lists, and at most one a tick for each, however many watch it and however much changes; an
// event only where the list is another one. Its id is a position that what was read is not behind, so a refetch with it is no older.
// On failure of a query the list is read again when something changes, or the next time it is due.

import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import { formatCursor } from '../changes/feed/index.ts'
import { eventFrame, type Frame } from './frame.ts'
import type { TopTopic } from './topic.ts'

export interface TopWatchOptions {
  readonly tickMs: number
  readonly everyMs: number
  readonly clock: Clock
  readonly logger: Logger
  /** undefined: it is not known yet, and nothing is read. */
  readonly epoch: () => string | undefined
  readonly deliver: (topic: TopTopic, frame: Frame) => void
}

type Reading = Awaited<ReturnType<TopTopic['top']['read']>>

/** Reads when those before have been read; undefined: it was not wanted any more. */
type InTurn = (read: () => Promise<Reading | undefined>) => Promise<Reading | undefined>

/** All that somebody watches. */
export class TopWatches {
  readonly #options: TopWatchOptions
  readonly #watches = new Map<string, TopWatch>()
  /** Each watch waits in it once at most. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: TopWatchOptions) {
    this.#options = options
  }

  add(topic: TopTopic): void {
    const inTurn: InTurn = (read) => {
      const reading = this.#turn.then(read)
      this.#turn = reading.catch(() => undefined)
      return reading
    }
    this.#watches.set(topic.name, new TopWatch(topic, this.#options, inTurn))
  }

  delete({ name }: TopTopic): void {
    this.#watches.get(name)?.stop()
    this.#watches.delete(name)
  }

  /** As it is now, as far as is known. */
  frameOf(name: string): Frame | undefined {
    return this.#watches.get(name)?.frame
  }

  /** Those that read from a table may have changed; without: all of them. */
  touch(table?: { readonly schema: string; readonly table: string }): void {
    for (const watch of this.#watches.values()) if (table === undefined || watch.readsFrom(table)) watch.touch()
  }

  stop(): void {
    for (const watch of this.#watches.values()) watch.stop()
    this.#watches.clear()
  }
}

class TopWatch {
  readonly #topic: TopTopic
  readonly #options: TopWatchOptions
  readonly #inTurn: InTurn
  #text: string | undefined
  #frame: Frame | undefined
  #isDirty = false
  #isReading = false
  #isStopped = false
  #lastMs = Number.NEGATIVE_INFINITY
  #callOff: (() => void) | undefined
  #callOffNext: (() => void) | undefined

  constructor(topic: TopTopic, options: TopWatchOptions, inTurn: InTurn) {
    this.#topic = topic
    this.#options = options
    this.#inTurn = inTurn
    this.touch()
  }

  get frame(): Frame | undefined {
    return this.#frame
  }

  readsFrom({ schema, table }: { readonly schema: string; readonly table: string }): boolean {
    return this.#topic.top.sources.some((source) => source.schema === schema && source.table === table)
  }

  /** It may have changed. */
  touch(): void {
    this.#isDirty = true
    if (this.#isReading || this.#isStopped || this.#callOff !== undefined) return
    const { clock, tickMs } = this.#options
    const waitMs = Math.max(0, this.#lastMs + tickMs - clock.monotonic())
    this.#callOff = clock.after(waitMs, () => {
      this.#callOff = undefined
      void this.#read()
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#callOff?.()
    this.#callOffNext?.()
  }

  /** Never rejects. */
  async #read(): Promise<void> {
    const { clock, everyMs, logger, epoch } = this.#options
    const { question, top } = this.#topic
    const incarnation = epoch()
    if (incarnation === undefined) return
    this.#isReading = true
    try {
      const reading = await this.#inTurn(async () => {
        if (this.#isStopped) return undefined
        this.#isDirty = false
        this.#lastMs = clock.monotonic()
        return await top.read(question)
      })
      if (reading !== undefined && !this.#isStopped) this.#compare(reading, incarnation)
    } catch (error) {
      logger.warn('A list of live events was not read', { list: question.name, error: messageOf(error) })
    }
    this.#isReading = false
    this.#callOffNext?.()
    if (this.#isStopped) return
    this.#callOffNext = clock.after(everyMs, () => this.touch())
    if (this.#isDirty) this.touch()
  }

  #compare({ rows, lsn }: Reading, epoch: string): void {
    const topic = this.#topic
    const text = JSON.stringify(rows, withoutBigInt)
    if (text === this.#text) return
    this.#text = text
    const id = formatCursor({ epoch, lsn, seq: 0 })
    const data = { id, topic: topic.name, rows: JSON.parse(text) as readonly object[] }
    this.#frame = eventFrame('top', data, topic.name)
    this.#options.deliver(topic, this.#frame)
  }
}

function withoutBigInt(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
