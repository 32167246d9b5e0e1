// Asks one server what is due, one probe after the other, over one connection.
//
// What holds: nothing piles up, for the next question waits for the answer to the last; a lost connection is made again, after
// pauses that grow to ten seconds; what the server is, is asked anew after each connection and once a minute. stop() ends what
// is under way by ending the connection, and resolves within a second.
// State: the agenda, and what is known of the server.

import type { Clock } from '../../base/clock.ts'
import { isStrataError } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { jitter, type Random } from '../../base/random.ts'
import type { Db, Session } from '../../db/db.ts'
import type { NodeFacts, ServerProbe } from '../model/server-probe.ts'
import { createAgenda, type Agenda, type Errand } from './agenda.ts'
import { askProbe, describeProbeFailure, isGone } from './ask.ts'
import { readNodeFacts } from './facts.ts'
import type { OnTaken } from './taken.ts'

export interface SampledNode {
  readonly name: string
  /** One connection, made when it is needed. */
  open(): Db
}

export interface SamplerTools {
  readonly everyMs: (probe: ServerProbe) => number | undefined
  readonly onTaken: OnTaken
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface Sampler {
  start(): void
  /** What the server is, as far as that is known. */
  readonly facts: NodeFacts | undefined
  /** Makes all probes due now. */
  hurry(): void
  stop(): Promise<void>
}

const factsForMs = 60_000
const longestPauseMs = 10_000
const stopMs = 1_000

export class NodeSampler implements Sampler {
  readonly #node: SampledNode
  readonly #tools: SamplerTools
  readonly #agenda: Agenda
  readonly #stopping = new AbortController()
  #waking = new AbortController()
  #db: Db | undefined
  #facts: NodeFacts | undefined
  #factsAtMs = 0
  #failures = 0
  #running: Promise<void> | undefined

  constructor(node: SampledNode, probes: readonly ServerProbe[], tools: SamplerTools) {
    this.#node = node
    this.#tools = tools
    this.#agenda = createAgenda({ node: node.name, probes, ...tools })
  }

  get facts(): NodeFacts | undefined {
    return this.#facts
  }

  start(): void {
    this.#running ??= this.#run()
  }

  hurry(): void {
    this.#agenda.hurry()
    this.#waking.abort()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#waking.abort()
    void this.#db?.close({ now: true }).catch(() => undefined)
    // A connection that is being made cannot be called off.
    await Promise.race([this.#running, this.#tools.clock.sleep(stopMs)])
  }

  async #run(): Promise<void> {
    const { clock, random, logger } = this.#tools
    const { signal } = this.#stopping
    // Nothing to ask, now or later: no connection is made.
    if (this.#agenda.errands.length === 0) return
    while (!signal.aborted) {
      const db = (this.#db = this.#node.open())
      try {
        await db.withSession((session) => this.#serve(session))
      } catch (error) {
        if (signal.aborted) break
        if (this.#failures++ === 0) logger.warn(`Watching ${this.#node.name}: ${publicReason(error)}`)
        this.#noteDown(error)
      } finally {
        await db.close({ now: true }).catch(() => undefined)
      }
      const pauseMs = Math.min(longestPauseMs, 500 * 2 ** this.#failures)
      await clock.sleep(jitter(pauseMs, 0.25, random), signal).catch(() => undefined)
    }
  }

  async #serve(session: Session): Promise<void> {
    await this.#readFacts(session)
    if (this.#failures > 0) this.#agenda.hurry()
    this.#failures = 0
    for (;;) {
      const errand = this.#agenda.next()
      if (errand === undefined) return
      await this.#waitFor(errand)
      if (this.#stopping.signal.aborted) return
      const { clock } = this.#tools
      if (errand.dueMs > clock.monotonic()) continue
      if (clock.monotonic() - this.#factsAtMs > factsForMs) await this.#readFacts(session)
      await this.#ask(session, errand)
    }
  }

  async #waitFor({ dueMs }: Errand): Promise<void> {
    const { clock } = this.#tools
    this.#waking = new AbortController()
    if (this.#stopping.signal.aborted) return
    const waitMs = dueMs - clock.monotonic()
    if (waitMs > 0) await clock.sleep(waitMs, this.#waking.signal).catch(() => undefined)
  }

  async #readFacts(session: Session): Promise<void> {
    this.#facts = await readNodeFacts(session, this.#node.name)
    this.#factsAtMs = this.#tools.clock.monotonic()
  }

  async #ask(session: Session, errand: Errand): Promise<void> {
    const { clock, onTaken } = this.#tools
    const { probe } = errand
    const facts = this.#facts
    if (facts === undefined) return
    const why = probe.of === 'primary' && facts.isReplica ? elsewhere : probe.unavailable(facts)
    if (why !== undefined) return onTaken(this.#agenda.unavailable(errand, why))
    const fromMs = clock.monotonic()
    try {
      const reading = await askProbe(session, probe, { facts, signal: this.#stopping.signal })
      onTaken(this.#agenda.answered(errand, reading, clock.monotonic() - fromMs))
    } catch (error) {
      if (isGone(error) || this.#stopping.signal.aborted) throw error
      onTaken(this.#agenda.failed(errand, describeProbeFailure(error, probe.limitMs)))
    }
  }

  /** That it cannot be reached is an answer to the one who asks whether it is up. */
  #noteDown(error: unknown): void {
    this.#facts = undefined
    for (const errand of this.#agenda.errands) {
      const down =
        errand.probe.name === 'up' ? { points: [{ metric: 'pgstrata_up', labels: [], value: 0 }] } : undefined
      this.#tools.onTaken(
        down === undefined
          ? this.#agenda.missed(errand, `the server cannot be reached: ${publicReason(error)}`)
          : this.#agenda.answered(errand, down, 0),
      )
    }
  }
}

const elsewhere = 'not available because a replica has no answer of its own: the primary is asked'

/** Messages of the server may show what a statement was given; those of our own errors do not. */
function publicReason(error: unknown): string {
  return isStrataError(error) ? error.message : isGone(error) ? 'the connection was lost' : 'it refused what was asked'
}
