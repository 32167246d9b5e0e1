// Does what is to be done about alerts: takes what is due from the table, one message at a time, and runs its action.
//
// What it promises: of each alert, event and action a message is delivered once, told by its id. A process that dies in the middle of
// an action leaves the claim to run out; then another goes on with the same message and the same id, so a receiver may hear of it
// twice, and an action inside the database never. One action that hangs holds up no other: it has two places of eight, and each
// try a limit of its own, after which its place is free whether it has ended or not.
// On failure a message is due again after the action's next wait; after the last one it stays in the table as failed. What came of a
// message while the database was away is noted when it is back.
// State: what is not noted yet, at most one for each place.

import type { Clock } from '../../base/clock.ts'
import { messageOf, StrataError } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { jitter, type Random } from '../../base/random.ts'
import type { Db, Queryable } from '../../db/db.ts'
import { transaction } from '../../db/transaction.ts'
import { isGone } from '../sampler/ask.ts'
import { claimMessage, endClaim, readFacts, type Claim, type Ending } from './action-store.ts'
import type { Action, Done, Failed } from './actions/action.ts'
import type { AlertMessage } from './message.ts'
import { runAction } from './run-action.ts'

export interface DispatcherOptions {
  readonly db: Db
  readonly actions: readonly Action[]
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

const places = 8
const placesOfAction = 2
/** A claim outlives its try by this: noting what became of it takes a moment. */
const claimMarginMs = 30_000
/** Where no such action is declared in this process any more. */
const unknownLimitMs = 5_000

export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #actions: ReadonlyMap<string, Action>
  readonly #running = new Set<{ readonly action: string; readonly ended: Promise<void> }>()
  #unnoted: readonly { readonly claim: Claim; readonly ending: Ending }[] = []
  readonly #stopping = new AbortController()

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#actions = new Map(options.actions.map((action) => [action.name, action]))
  }

  /** Begins what is due and there is room for; gives back how many messages that were. They go on by themselves. */
  async round(): Promise<number> {
    await this.noteEndings()
    let begun = 0
    while (this.#running.size + this.#unnoted.length < places && !this.#stopping.signal.aborted) {
      const claim = await this.#claim()
      if (claim === undefined) break
      if (this.#stopping.signal.aborted) {
        await this.#end(claim, this.#untried('it stops'))
        break
      }
      begun++
      this.#begin(claim)
    }
    return begun
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all([...this.#running].map(({ ended }) => ended))
  }

  /** Nothing more is begun; what is under way is told to end. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.idle()
    // As far as the database is there.
    await this.noteEndings().catch(() => undefined)
  }

  /** What came of messages while the database was away. Those that somebody else has taken up by now are theirs. */
  async noteEndings(): Promise<void> {
    for (let one = this.#unnoted[0]; one !== undefined; one = this.#unnoted[0]) {
      this.#unnoted = this.#unnoted.slice(1)
      try {
        await this.#end(one.claim, one.ending)
      } catch (error) {
        // Then it is among them again.
        if (isGone(error)) throw error
        this.#warn(one.claim, error)
      }
    }
  }

  async #claim(): Promise<Claim | undefined> {
    const { db, clock } = this.#options
    const counts = new Map<string, number>()
    for (const { action } of this.#running) counts.set(action, (counts.get(action) ?? 0) + 1)
    const except = [...counts].flatMap(([action, count]) => (count >= placesOfAction ? [action] : []))
    const claimMs = (action: string): number => (this.#actions.get(action)?.limitMs ?? unknownLimitMs) + claimMarginMs
    return await transaction(db, (tx) => claimMessage(tx, { nowMs: clock.now(), except, claimMs }), { clock })
  }

  #begin(claim: Claim): void {
    const ended = this.#deliver(claim)
      .catch((error: unknown) => this.#warn(claim, error))
      .then(() => void this.#running.delete(place))
    const place = { action: claim.action, ended }
    this.#running.add(place)
  }

  #warn({ action, message }: Claim, error: unknown): void {
    this.#options.logger.warn(`Action "${action}" cannot be noted`, { message, error: messageOf(error) })
  }

  async #deliver(claim: Claim): Promise<void> {
    const { db, clock, logger } = this.#options
    const action = this.#actions.get(claim.action)
    if (action === undefined) return await this.#end(claim, { kind: 'failed', failure: 'no such action is declared' })
    const message: AlertMessage = {
      id: claim.message,
      event: claim.event,
      group: claim.group,
      action: claim.action,
      at: new Date(clock.now()).toISOString(),
      alerts: await readFacts(db, claim.alertIds).catch((error: unknown) => this.#giveBack(claim, error)),
    }
    const outcome = action.isInside
      ? await this.#runInside(action, message, claim)
      : await this.#run(action, message, db)
    if (outcome === 'ended') return
    const ending = this.#endingOf(action, claim, outcome)
    if (ending.kind !== 'done')
      logger.warn(`Action "${action.name}" failed`, {
        message: claim.message,
        failure: ending.failure,
        again: ending.kind === 'again',
      })
    await this.#end(claim, ending)
  }

  /** It was not tried: as soon as the database is back it is due again. */
  #giveBack(claim: Claim, error: unknown): never {
    if (isGone(error)) this.#unnoted = [...this.#unnoted, { claim, ending: this.#untried(messageOf(error)) }]
    throw error
  }

  #untried(failure: string): Ending {
    return { kind: 'again', failure, dueMs: this.#options.clock.now(), isUntried: true }
  }

  /** Noted first: where the claim is lost, or the action fails, nothing of it happened. */
  async #runInside(action: Action, message: AlertMessage, claim: Claim): Promise<Failed | 'ended'> {
    const { db, clock } = this.#options
    try {
      await transaction(
        db,
        async (tx) => {
          if (!(await endClaim(tx, claim, { kind: 'done', report: undefined }))) return
          const outcome = await this.#run(action, message, tx)
          if (outcome.kind === 'failed') throw new StrataError('ALERT_ACTION_FAILED', { message: outcome.failure })
        },
        { clock },
      )
      return 'ended'
    } catch (error) {
      return { kind: 'failed', failure: messageOf(error), isWorthRetrying: true }
    }
  }

  async #run(action: Action, message: AlertMessage, on: Queryable): Promise<Done | Failed> {
    return await runAction(action, message, { on, clock: this.#options.clock, stopping: this.#stopping.signal })
  }

  #endingOf({ waitsMs }: Action, { attempts }: Claim, outcome: Done | Failed): Ending {
    const { clock, random } = this.#options
    if (outcome.kind === 'done') return { kind: 'done', report: outcome.report }
    const { failure } = outcome
    const waitMs = waitsMs[attempts - 1]
    // Whoever stops has not tried: the next process does, at once.
    if (this.#stopping.signal.aborted) return { kind: 'again', failure, dueMs: clock.now() }
    if (waitMs === undefined || !outcome.isWorthRetrying) return { kind: 'failed', failure }
    return { kind: 'again', failure, dueMs: clock.now() + jitter(waitMs, 0.2, random) }
  }

  async #end(claim: Claim, ending: Ending): Promise<void> {
    try {
      await endClaim(this.#options.db, claim, ending)
    } catch (error) {
      if (isGone(error)) this.#unnoted = [...this.#unnoted, { claim, ending }]
      throw error
    }
  }
}
