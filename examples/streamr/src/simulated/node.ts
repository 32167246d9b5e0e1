// One simulated node: what it really does, which follows from seed, name and time, and what it says about that, which follows from how
// it behaves.

import type { Clock } from 'pgstrata'
import { segmentDigest, type SegmentQuestion } from '../prober/segment.ts'
import { fraction } from '../prober/slots.ts'
import type { Behaviour } from './behaviour.ts'

export type Reply = { readonly body: string; readonly delayMs: number } | { readonly none: 'refuses' | 'hangs' }

export interface SimulatedNodeOptions {
  readonly nodeId: string
  readonly seed: string
  readonly behaviour: Behaviour
  readonly clock: Clock
  /** Default: some time of the day before. */
  readonly startedMs?: number
}

const minuteMs = 60_000
const dayMs = 86_400_000
const bytesPerViewer = 250_000

export class SimulatedNode {
  readonly #options: SimulatedNodeOptions
  readonly #startedMs: number
  #behaviour: Behaviour
  #sinceMs: number
  #sequence = 0
  #lastStats: string | undefined
  #lastSegment: string | undefined
  /** Requests that reached it, answered or not. */
  readonly asked = { stats: 0, segment: 0 }

  constructor(options: SimulatedNodeOptions) {
    const { nodeId, seed, behaviour, clock } = options
    this.#options = options
    this.#behaviour = behaviour
    this.#sinceMs = clock.now()
    const { startedMs = this.#sinceMs - Math.floor(fraction(`${seed} started ${nodeId}`) * dayMs) } = options
    this.#startedMs = startedMs
  }

  get behaviour(): Behaviour {
    return this.#behaviour
  }

  behave(behaviour: Behaviour): void {
    this.#behaviour = behaviour
    this.#sinceMs = this.#options.clock.now()
  }

  stats(): Reply {
    this.asked.stats++
    return this.#reply(() => {
      if (this.#behaviour.kind !== 'replaying' || this.#lastStats === undefined)
        this.#lastStats = JSON.stringify(this.#claim())
      return this.#lastStats
    })
  }

  segment(question: SegmentQuestion): Reply {
    this.asked.segment++
    return this.#reply(() => {
      if (this.#behaviour.kind === 'replaying')
        return (this.#lastSegment ??= JSON.stringify(this.#show({ ...question, nonce: 'of-an-earlier-check' })))
      this.#lastSegment = JSON.stringify(this.#show(question))
      return this.#lastSegment
    })
  }

  #reply(body: () => string): Reply {
    const behaviour = this.#behaviour
    if (behaviour.kind === 'dead') return { none: behaviour.how }
    if (behaviour.kind === 'flapping' && !this.#isUp(behaviour)) return { none: 'refuses' }
    return { body: body(), delayMs: behaviour.kind === 'lagging' ? behaviour.delayMs : 0 }
  }

  #isUp({ upMs, downMs }: Extract<Behaviour, { kind: 'flapping' }>): boolean {
    return (this.#options.clock.now() - this.#sinceMs) % (upMs + downMs) < upMs
  }

  /** What it really does. */
  #truth(): { viewers: number; bytesPerSecond: number; uptimeS: number; bytes: number } {
    const { nodeId, seed, clock } = this.#options
    const nowMs = clock.now()
    const usual = 20 + Math.floor(fraction(`${seed} viewers ${nodeId}`) * 60)
    const more = fraction(`${seed} ${nodeId} ${Math.floor(nowMs / minuteMs)}`)
    const uptimeS = (nowMs - this.#startedMs) / 1_000
    const bytesPerSecond = usual * bytesPerViewer
    return {
      viewers: Math.round(usual * (0.9 + 0.2 * more)),
      bytesPerSecond,
      uptimeS,
      bytes: Math.floor(uptimeS * bytesPerSecond),
    }
  }

  /** What it says in a poll. */
  #claim(): Record<string, unknown> {
    const behaviour = this.#behaviour
    const { viewers, bytesPerSecond, uptimeS, bytes } = this.#truth()
    const nowMs = this.#options.clock.now()
    const sinceS = (nowMs - this.#sinceMs) / 1_000
    const factor = behaviour.kind === 'lying' ? behaviour.factor : 1
    const how = behaviour.kind === 'impossible' ? behaviour.how : undefined
    return {
      node_id: this.#options.nodeId,
      sequence: ++this.#sequence,
      timestamp: toTime(how === 'future' ? nowMs + dayMs : nowMs),
      heartbeat_at: toTime(behaviour.kind === 'stalled' ? this.#sinceMs : nowMs),
      uptime_s: uptimeS,
      viewers: how === 'negative' ? -viewers : Math.round(viewers * factor),
      bytes_sent: bytes + Math.floor((factor - 1) * bytesPerSecond * sinceS) + (how === 'too-fast' ? 1e15 : 0),
    }
  }

  /** What it shows in a spot check. */
  #show(question: SegmentQuestion): Record<string, unknown> {
    const { viewers, uptimeS, bytes } = this.#truth()
    const behaviour = this.#behaviour
    const hasStream = behaviour.kind !== 'lying' || behaviour.hasStream
    return {
      nonce: question.nonce,
      digest: segmentDigest(hasStream ? question : { ...question, segment: -1 }),
      uptime_s: uptimeS,
      viewers,
      bytes_sent: bytes,
    }
  }
}

function toTime(atMs: number): string {
  return new Date(atMs).toISOString()
}
