// One connection's worth of the feed: from the socket through a bounded buffer to the listeners, and back what was handled.
//
// What must be true: the slot is told nothing beyond the last commit that every listener has handled; where nothing waits
// to be handled, it is told as far as the server has come. Nothing is handed on that the primary does not show. When half of
// the buffer is full nothing more is read from the socket, which holds the server up; a transaction larger than the other half
// comes in parts. Whoever is not sure of its lease hands on nothing: another may have begun to.
// On failure: it throws, and what was not acknowledged comes again under the same ids.

import { checkpoint } from '../../../base/clock.ts'
import { StrataError } from '../../../base/errors.ts'
import type { Lsn } from '../../../db/lsn.ts'
import { maxLsn } from '../../../db/lsn.ts'
import { openReplication, type Replication } from '../../../db/replication.ts'
import type { Consumption, EpochMemory } from '../consumption.ts'
import { Assembler, type Assembled, type Piece } from './assembler.ts'
import type { LooseTable } from './loose.ts'
import { isRowMessage, parseStreamMessage, renderStatus } from './pgoutput.ts'
import type { PrimaryKeyOf } from './row-change.ts'
import type { TableOf } from './truncations.ts'
import { Visibility } from './visibility.ts'

export interface WalStreamOptions {
  readonly consumption: Consumption
  readonly slot: string
  readonly publications: readonly string[]
  readonly primaryKeyOf: PrimaryKeyOf
  readonly tableOf: TableOf
  readonly looseOf: (oid: number) => LooseTable | undefined
  readonly memory: EpochMemory
}

interface Queued {
  readonly assembled: Assembled
  readonly atMs: number
}

const statusMs = 1_000
const roundPieces = 500
/** Within a round: what was handled and not acknowledged comes again to whoever takes over. */
const acknowledgeMs = 50

export class WalStream {
  readonly #options: WalStreamOptions
  readonly #assembler: Assembler
  readonly #visibility: Visibility
  readonly #queue: Queued[] = []
  #connection: Replication | undefined
  #queuedBytes = 0
  #oldestMs: number | undefined
  #received: Lsn
  #progress: Lsn | undefined
  #isPaused = false
  #ended: { readonly error: Error | undefined } | undefined
  #heardMs = 0
  #acknowledgedMs = 0
  #wake: () => void = () => undefined
  /** Its parts were shown by a query before. */
  #shownXid: number | undefined

  constructor(options: WalStreamOptions) {
    const { consumption, memory, primaryKeyOf, tableOf, looseOf } = options
    const { db, clock, limits, signal } = consumption
    this.#options = options
    this.#received = memory.handled
    this.#visibility = new Visibility({ on: db, clock, timeoutMs: limits.visibleTimeoutMs, signal })
    this.#assembler = new Assembler({
      primaryKeyOf,
      tableOf,
      looseOf,
      ends: memory.ends,
      limits: {
        holdBytes: limits.bufferBytes / 2,
        partChanges: limits.partChanges,
        partBytes: limits.bufferBytes / 8,
      },
      emit: (assembled) => this.#enqueue(assembled),
    })
  }

  /** Whether nothing is under way. */
  get isIdle(): boolean {
    return this.#queue.length === 0 && this.#oldestMs === undefined && this.#assembler.isIdle
  }

  /** Until a large transaction has to be read again ('reread'); otherwise it throws. */
  async run(): Promise<'reread'> {
    const { consumption, slot, publications, memory } = this.#options
    const { url, clock, signal, limits } = consumption
    const connection = await openReplication({ url, applicationName: 'pgstrata feed', connectTimeoutMs: 10_000 })
    this.#connection = connection
    let isStarted = false
    // A server that does not answer the start would be waited for without end.
    const giveUp = (): void => {
      if (!isStarted) connection.close()
    }
    const stop = (): void => {
      this.#end(new StrataError('INTERRUPTED', { message: 'The feed stops' }))
      giveUp()
    }
    signal.addEventListener('abort', stop, { once: true })
    let callOff = clock.after(limits.silenceMs, giveUp)
    try {
      checkpoint(signal)
      this.#heardMs = clock.monotonic()
      await connection.start(
        { slot, publications, from: memory.handled },
        { onMessage: (bytes) => this.#receive(bytes), onEnd: (error) => this.#end(error) },
      )
      isStarted = true
      callOff()
      const tick = (): void => {
        this.#lookAfter()
        callOff = clock.after(statusMs, tick)
      }
      callOff = clock.after(statusMs, tick)
      return await this.#pump()
    } finally {
      callOff()
      signal.removeEventListener('abort', stop)
      if (this.#ended === undefined || signal.aborted) this.#acknowledge()
      connection.close()
    }
  }

  #receive(bytes: Buffer): void {
    if (this.#ended !== undefined) return
    this.#heardMs = this.#options.consumption.clock.monotonic()
    if (this.#assembler.isLettingGo && isRowMessage(bytes)) return
    try {
      const message = parseStreamMessage(bytes)
      if (message.type === 'data') return this.#assembler.push(message.message, message.sizeBytes)
      this.#received = maxLsn(this.#received, message.end)
      // In the middle of a transaction it says nothing of that one's end.
      if (this.#assembler.isIdle) this.#progress = message.end
      if (message.replyRequested) this.#acknowledge()
      this.#wake()
    } catch (error) {
      this.#end(error as Error)
    }
  }

  #enqueue(assembled: Assembled): void {
    this.#queue.push({ assembled, atMs: this.#options.consumption.clock.monotonic() })
    if (assembled.type === 'piece') {
      this.#queuedBytes += assembled.piece.sizeBytes
      this.#received = maxLsn(this.#received, assembled.piece.lsn)
    }
    this.#flow()
    this.#wake()
  }

  #end(error: Error | undefined): void {
    this.#ended ??= { error }
    this.#wake()
  }

  #flow(): void {
    const half = this.#options.consumption.limits.bufferBytes / 2
    if (!this.#isPaused && this.#queuedBytes > half) {
      this.#isPaused = true
      this.#connection?.pause()
    } else if (this.#isPaused && this.#queuedBytes <= half / 2) {
      this.#isPaused = false
      this.#heardMs = this.#options.consumption.clock.monotonic()
      this.#connection?.resume()
    }
  }

  async #pump(): Promise<'reread'> {
    const { clock, signal } = this.#options.consumption
    for (;;) {
      checkpoint(signal)
      const round = this.#queue.splice(0, roundPieces)
      if (round.length === 0) {
        this.#oldestMs = undefined
        this.#advance()
        if (this.#ended !== undefined) throw lost(this.#ended.error)
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        continue
      }
      this.#oldestMs = round[0]?.atMs
      await this.#confirm(round)
      for (const { assembled, atMs } of round) {
        if (assembled.type === 'measured') return 'reread'
        this.#oldestMs = atMs
        await this.#handle(assembled.piece)
        if (clock.monotonic() - this.#acknowledgedMs >= acknowledgeMs) this.#acknowledge()
      }
      this.#acknowledge()
      this.#tell()
    }
  }

  async #confirm(round: readonly Queued[]): Promise<void> {
    const pieces = round.flatMap(({ assembled }) => (assembled.type === 'piece' ? [assembled.piece] : []))
    const xids = new Set(pieces.filter(({ changes }) => changes.length > 0).map(({ xid }) => xid))
    if (this.#shownXid !== undefined) xids.delete(this.#shownXid)
    await this.#visibility.confirm([...xids])
    this.#shownXid = pieces.at(-1)?.xid
  }

  async #handle(piece: Piece): Promise<void> {
    const { consumption, memory } = this.#options
    const { epoch } = memory
    const { listeners, signal, isLeaseSure } = consumption
    const { lsn, seq, isLast, committedAt, changes, sizeBytes } = piece
    if (!isLeaseSure()) throw new StrataError('LEASE_LOST', { message: 'Another process may consume the feed by now' })
    if (changes.length > 0) await listeners.deliver({ epoch, lsn, seq, isLast, committedAt, changes }, signal)
    memory.changes += changes.length
    if (isLast) memory.handled = maxLsn(memory.handled, lsn)
    this.#queuedBytes -= sizeBytes
    this.#flow()
  }

  /** Nothing is left to handle: as far as the server has come, nothing was missed. */
  #advance(): void {
    const { memory } = this.#options
    if (this.#progress === undefined || this.#progress <= memory.handled || !this.#assembler.isIdle) return
    memory.handled = this.#progress
    this.#acknowledge()
    this.#tell()
  }

  #tell(): void {
    const { consumption, memory } = this.#options
    const { epoch } = memory
    consumption.listeners.progress({ epoch, lsn: memory.handled })
    this.#report()
  }

  #report(): void {
    const { consumption, memory } = this.#options
    const { epoch } = memory
    consumption.report({
      epoch,
      handled: memory.handled,
      changes: memory.changes,
      bufferedBytes: this.#queuedBytes + this.#assembler.heldBytes,
      lagMs: this.#oldestMs === undefined ? 0 : consumption.clock.monotonic() - this.#oldestMs,
    })
  }

  #lookAfter(): void {
    const { clock, limits } = this.#options.consumption
    const silentMs = this.#isPaused ? 0 : clock.monotonic() - this.#heardMs
    this.#report()
    if (silentMs > limits.silenceMs) {
      this.#end(new StrataError('FEED_LOST', { message: `The server said nothing for ${limits.silenceMs} ms` }))
    } else this.#acknowledge(silentMs > limits.silenceMs / 3)
  }

  #acknowledge(replyRequested = false): void {
    const { consumption, memory } = this.#options
    this.#acknowledgedMs = consumption.clock.monotonic()
    this.#connection?.send(
      renderStatus({
        // What was written is never behind what was handled.
        received: maxLsn(this.#received, memory.handled),
        handled: memory.handled,
        nowMs: consumption.clock.now(),
        replyRequested,
      }),
    )
  }
}

function lost(error: Error | undefined): Error {
  return error ?? new StrataError('FEED_LOST', { message: 'The server ended the stream' })
}
