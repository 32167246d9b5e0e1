// Asks what is no server of ours: a pooler, Redis, tables that applications write to, rollups. One after the other, as of a server;
// each within its limit and a second more, or it counts as failed (what it was at is left to end by itself, and is not
// asked again before it has).

import type { Clock } from '../../base/clock.ts'
import type { Queryable } from '../../db/db.ts'
import type { NodeFacts, Reading, ServerProbe } from '../model/server-probe.ts'
import { createAgenda, type Agenda, type Errand } from './agenda.ts'
import { describeProbeFailure } from './ask.ts'
import type { Sampler, SamplerTools } from './node-sampler.ts'

export interface OtherNode {
  /** 'pgbouncer', 'redis', 'app' */
  readonly name: string
  /** What probes that read our own tables ask. */
  readonly on: Queryable
  /** Made anew for each sampler. */
  readonly probes: () => readonly ServerProbe[]
}

const graceMs = 1_000
const stopMs = 1_000

export class OtherSampler implements Sampler {
  readonly facts: NodeFacts | undefined = undefined
  readonly #node: OtherNode
  readonly #tools: SamplerTools
  readonly #agenda: Agenda
  readonly #stopping = new AbortController()
  readonly #underWay = new Set<ServerProbe>()
  #waking = new AbortController()
  #running: Promise<void> | undefined

  constructor(node: OtherNode, tools: SamplerTools) {
    this.#node = node
    this.#tools = tools
    this.#agenda = createAgenda({ node: node.name, probes: node.probes(), ...tools })
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
    await Promise.race([this.#running, this.#tools.clock.sleep(stopMs)])
  }

  async #run(): Promise<void> {
    const { clock } = this.#tools
    for (;;) {
      const errand = this.#agenda.next()
      if (errand === undefined || this.#stopping.signal.aborted) return
      this.#waking = new AbortController()
      const waitMs = errand.dueMs - clock.monotonic()
      if (waitMs > 0) await clock.sleep(waitMs, this.#waking.signal).catch(() => undefined)
      else await this.#ask(errand)
    }
  }

  async #ask(errand: Errand): Promise<void> {
    const { clock, onTaken } = this.#tools
    const { probe } = errand
    if (this.#underWay.has(probe))
      return onTaken(this.#agenda.failed(errand, 'the question before is not answered yet'))
    const fromMs = clock.monotonic()
    try {
      const reading = await within(this.#read(probe), probe.limitMs + graceMs, clock)
      if (reading === undefined) return onTaken(this.#agenda.failed(errand, 'it did not answer in time'))
      onTaken(this.#agenda.answered(errand, reading, clock.monotonic() - fromMs))
    } catch (error) {
      onTaken(this.#agenda.failed(errand, describeProbeFailure(error, probe.limitMs)))
    }
  }

  async #read(probe: ServerProbe): Promise<Reading> {
    this.#underWay.add(probe)
    try {
      const facts = { ...nothingKnown, node: this.#node.name }
      return await probe.read({ on: this.#node.on, facts, signal: this.#stopping.signal })
    } finally {
      this.#underWay.delete(probe)
    }
  }
}

const nothingKnown: Omit<NodeFacts, 'node'> = {
  major: 0,
  isReplica: false,
  isSuperuser: false,
  seesAll: false,
  extensions: new Set(),
  settings: {},
  isLocal: false,
}

/** Undefined: it took longer. */
async function within<T>(work: Promise<T>, limitMs: number, clock: Clock): Promise<T | undefined> {
  let callOff = (): void => undefined
  const late = new Promise<undefined>((resolve) => {
    callOff = clock.after(limitMs, () => resolve(undefined))
  })
  // What comes too late fails for nobody.
  work.catch(() => undefined)
  try {
    return await Promise.race([work, late])
  } finally {
    callOff()
  }
}
