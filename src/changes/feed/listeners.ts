// Those who listen, and handing them what comes.
//
// What must be true: a batch counts as handled when every listener has handled it. One that throws, or does not end in time,
// gets it again after a pause that grows up to 5 s, for as long as the feed is consumed here; those that handled it do not,
// and nothing behind it is handed to anybody. So a listener never sees two batches out of order, and never two at once
// unless it outlived its time.

import { checkpoint, type Clock } from '../../base/clock.ts'
import { messageOf, StrataError } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import type { Lsn } from '../../db/lsn.ts'
import type { ChangeBatch, ChangeListener } from './change.ts'

export interface ListenersOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly handleTimeoutMs: number
}

const firstPauseMs = 50
const longestPauseMs = 5_000

export class Listeners {
  readonly #options: ListenersOptions
  readonly #listeners = new Set<ChangeListener>()
  readonly #failing = new Map<string, string>()

  constructor(options: ListenersOptions) {
    this.#options = options
  }

  add(listener: ChangeListener): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
      this.#failing.delete(listener.name)
    }
  }

  /** By name: why the last attempt failed. */
  get failing(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#failing)
  }

  async deliver(batch: ChangeBatch, signal: AbortSignal): Promise<void> {
    await this.#each(signal, (listener) => listener.onBatch(batch))
  }

  async reset(reset: { readonly epoch: string; readonly why: string }, signal: AbortSignal): Promise<void> {
    await this.#each(signal, (listener) => listener.onReset(reset))
  }

  progress(position: { readonly epoch: string; readonly lsn: Lsn }): void {
    for (const { name, onProgress } of this.#listeners) {
      try {
        onProgress?.(position)
      } catch (error) {
        this.#options.logger.warn('A listener failed on progress', { listener: name, error: messageOf(error) })
      }
    }
  }

  async #each(signal: AbortSignal, work: (listener: ChangeListener) => Promise<void>): Promise<void> {
    await Promise.all([...this.#listeners].map((listener) => this.#until(listener, signal, work)))
  }

  async #until(
    listener: ChangeListener,
    signal: AbortSignal,
    work: (listener: ChangeListener) => Promise<void>,
  ): Promise<void> {
    const { clock, logger } = this.#options
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
      checkpoint(signal)
      // It left while it failed.
      if (!this.#listeners.has(listener)) return
      try {
        await this.#within(listener, signal, work)
        this.#failing.delete(listener.name)
        return
      } catch (error) {
        checkpoint(signal)
        this.#failing.set(listener.name, messageOf(error))
        logger.warn('A listener did not handle a batch', { listener: listener.name, error: messageOf(error) })
        await clock.sleep(pauseMs, signal)
      }
    }
  }

  async #within(
    listener: ChangeListener,
    signal: AbortSignal,
    work: (listener: ChangeListener) => Promise<void>,
  ): Promise<void> {
    const { clock, handleTimeoutMs } = this.#options
    let callOff = (): void => undefined
    let onAbort = (): void => undefined
    const late = new Promise<never>((_, reject) => {
      const give = (message: string): void => reject(new StrataError('FEED_LISTENER', { message }))
      callOff = clock.after(handleTimeoutMs, () => give(`It did not end within ${handleTimeoutMs} ms`))
      onAbort = () => give('The feed is not consumed here any more')
      signal.addEventListener('abort', onAbort, { once: true })
    })
    try {
      await Promise.race([work(listener), late])
    } finally {
      callOff()
      signal.removeEventListener('abort', onAbort)
    }
  }
}
