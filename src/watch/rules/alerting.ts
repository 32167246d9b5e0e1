// Alerts for as long as a process watches: looks every `everyMs`, and does what is due in between.
//
// What it holds to: a failure ends neither; it is told once until it is over. While the database is away, that a server does not answer
// is told without it (outage.ts). stop() ends what is under way, and leaves what is due to
// whoever watches next.

import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import type { Random } from '../../base/random.ts'
import type { Db } from '../../db/db.ts'
import { isGone } from '../sampler/ask.ts'
import { readNextDue } from './action-store.ts'
import type { Action } from './actions/action.ts'
import { Dispatcher } from './dispatcher.ts'
import { AlertEngine, type EngineOptions } from './engine.ts'
import { Outage } from './outage.ts'
import type { AlertSettings } from './options.ts'

export interface AlertingOptions extends Omit<EngineOptions, 'hearing' | 'settings'> {
  readonly settings: AlertSettings
  readonly actions: readonly Action[]
  readonly db: Db
  /** Whether this process is the one that watches; asked before each look. Default: it is. */
  readonly isWatching?: (() => boolean) | undefined
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** Between two rounds of actions while some are due. */
const shortestPauseMs = 250

export class Alerting {
  readonly #options: AlertingOptions
  readonly #engine: AlertEngine
  readonly #dispatcher: Dispatcher
  readonly #outage: Outage
  readonly #stopping = new AbortController()
  #looping: Promise<void> | undefined
  #isFailing = false

  constructor(options: AlertingOptions) {
    this.#options = options
    const hearing = options.actions.flatMap(({ name, hears }) => (hears.includes('resolved') ? [name] : []))
    this.#engine = new AlertEngine({ ...options, hearing })
    this.#dispatcher = new Dispatcher(options)
    this.#outage = new Outage({ ...options, rules: options.settings.rules })
  }

  start(): void {
    this.#looping ??= this.#loop()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#outage.stop()
    await Promise.all([this.#dispatcher.stop(), this.#looping])
    // What the loop was at may have ended since.
    await this.#dispatcher.stop()
  }

  async #loop(): Promise<void> {
    const { settings, clock } = this.#options
    const { signal } = this.#stopping
    let lookMs = clock.monotonic()
    while (!signal.aborted) {
      const isLook = lookMs <= clock.monotonic()
      if (isLook) lookMs = clock.monotonic() + settings.everyMs
      let dueMs = Number.POSITIVE_INFINITY
      try {
        dueMs = await this.#turn(isLook)
        this.#isFailing = false
      } catch (error) {
        this.#tell(error)
        if (isLook && this.#isWatching() && isGone(error)) await this.#outage.look(this.#engine.known)
      }
      const pauseMs = Math.min(dueMs - clock.now(), lookMs - clock.monotonic(), settings.everyMs)
      await clock.sleep(Math.max(shortestPauseMs, pauseMs), signal).catch(() => undefined)
    }
  }

  /** When something is due next. */
  async #turn(isLook: boolean): Promise<number> {
    await this.#outage.write()
    await this.#dispatcher.noteEndings()
    if (!this.#isWatching()) {
      this.#outage.end()
      return Number.POSITIVE_INFINITY
    }
    if (isLook) {
      await this.#engine.tick()
      this.#outage.end()
    }
    await this.#dispatcher.round()
    return (await readNextDue(this.#options.db)) ?? Number.POSITIVE_INFINITY
  }

  #isWatching(): boolean {
    return this.#options.isWatching?.() !== false
  }

  #tell(error: unknown): void {
    if (!this.#isFailing) this.#options.logger.warn('Alerts wait for the database', { error: messageOf(error) })
    this.#isFailing = true
  }
}
