// What a monitor looks at by itself: the pool every second, without asking anybody; views, the cache and replicas once a minute,
// and only while somebody listens for what comes of it.
//
// What must be true: one round at a time; one that fails is told of as `checkFailed` where somebody listens, and does not keep the
// next from coming. A warning is given when it begins and once a minute (of views, and of what may not be seen: once an hour) while it lasts.
// The timers keep no process alive.

import type { Clock } from '../../base/clock.ts'
import type { AnyPool, Ask } from '../../db/own-questions.ts'
import { perCentOf, readCacheHitRatio } from './database.ts'
import type { MonitorEvents, Tell } from './events.ts'
import { readFreshness } from './freshness.ts'
import { readPool } from './pool-state.ts'
import { Repeats } from './repeats.ts'
import { readReplicaLags } from './replicas.ts'
import type { MonitorThresholds } from './thresholds.ts'

export interface RoundsParts {
  readonly pool: AnyPool
  readonly ask: Ask
  readonly clock: Clock
  readonly thresholds: Readonly<MonitorThresholds>
  readonly listens: (event: keyof MonitorEvents) => boolean
  readonly tell: Tell
  /** What was recorded is put in order, also where nobody asks for it. */
  readonly settle: () => Promise<void>
}

const poolEveryMs = 1_000
const statsEveryRounds = 5
const checkEveryRounds = 60
const minuteMs = 60_000
/** Fewer say nothing of a cache. */
const fewestBlocks = 1_000

export class Rounds {
  readonly #parts: RoundsParts
  readonly #sayAgain: Repeats
  readonly #sayHourly: Repeats
  #stop: (() => void) | undefined
  #rounds = 0
  #checking: Promise<void> | undefined
  #blocks: { readonly hit: number; readonly read: number } | undefined
  #isOver = false

  constructor(parts: RoundsParts) {
    this.#parts = parts
    this.#sayAgain = new Repeats(parts.clock, minuteMs)
    this.#sayHourly = new Repeats(parts.clock, 60 * minuteMs)
    this.#plan()
  }

  #plan(): void {
    this.#stop = this.#parts.clock.after(poolEveryMs, () => {
      if (this.#isOver) return
      this.#plan()
      this.#rounds++
      this.lookAtPool(this.#rounds % statsEveryRounds === 0)
      if (this.#rounds % checkEveryRounds !== 0) return
      void this.#checkOnce()
      // Where the parser cannot be loaded, who asks for shapes is told.
      void this.#parts.settle().catch(() => undefined)
    })
  }

  lookAtPool(tellsStats: boolean): void {
    const { pool, thresholds, tell, listens } = this.#parts
    const stats = readPool(pool)
    if (tellsStats && listens('poolStats')) tell('poolStats', stats)
    const isFull = stats.utilization >= thresholds.connectionPoolWarning || stats.waiting > 0
    if (this.#sayAgain.isDue('pool', isFull)) {
      tell('poolWarning', { ...stats, threshold: thresholds.connectionPoolWarning })
    }
  }

  /** Everything that takes asking the server, once more where it is being asked already. Never rejects. */
  async check(): Promise<void> {
    await this.#checking
    await this.#checkOnce()
  }

  #checkOnce(): Promise<void> {
    this.#checking ??= this.#check().finally(() => (this.#checking = undefined))
    return this.#checking
  }

  async #check(): Promise<void> {
    await this.#guard('staleView', () => this.#checkViews())
    await this.#guard('cacheWarning', () => this.#checkCache())
    await this.#guard('replicaLag', () => this.#checkReplicas())
  }

  async #guard(event: keyof MonitorEvents, work: () => Promise<void>): Promise<void> {
    if (this.#isOver || !this.#parts.listens(event)) return
    try {
      await work()
    } catch (error) {
      if (this.#parts.listens('checkFailed')) this.#parts.tell('checkFailed', { check: event, error })
    }
  }

  async #checkViews(): Promise<void> {
    const { ask, thresholds, tell } = this.#parts
    for (const view of await readFreshness(ask, thresholds.materialized_view_staleness_hours)) {
      const subject = JSON.stringify([view.schema, view.view])
      if (this.#sayHourly.isDue(subject, view.stale === true)) tell('staleView', view)
    }
  }

  /** Of what was read since the check before: the server's own ratio is of all its life. */
  async #checkCache(): Promise<void> {
    const { ask, thresholds, tell } = this.#parts
    const { blocksHit: hit, blocksRead: read } = await readCacheHitRatio(ask)
    const before = this.#blocks ?? { hit: 0, read: 0 }
    // A reset of the statistics begins anew.
    const since = hit < before.hit ? { hit, read } : { hit: hit - before.hit, read: read - before.read }
    if (since.hit + since.read < fewestBlocks) return
    this.#blocks = { hit, read }
    const cacheHitRatio = perCentOf(since.hit, since.read) ?? 100
    const isLow = cacheHitRatio < thresholds.cacheHitRatioWarning
    if (this.#sayAgain.isDue('cache', isLow)) {
      tell('cacheWarning', {
        cacheHitRatio,
        threshold: thresholds.cacheHitRatioWarning,
        blocks: since.hit + since.read,
      })
    }
  }

  async #checkReplicas(): Promise<void> {
    const { pool, ask, thresholds, tell } = this.#parts
    for (const one of await readReplicaLags(pool, ask)) {
      const told = { ...one, threshold: thresholds.replicaLagMs }
      if (one.unavailable !== undefined) {
        if (this.#sayHourly.isDue('replicas', true)) tell('replicaLag', told)
        continue
      }
      // Of one that streams and has not said yet how far it is, nothing is known.
      const isDown = one.lagMs === null && one.lagBytes === null
      const isBehind = isDown || (one.lagMs ?? 0) > thresholds.replicaLagMs
      if (this.#sayAgain.isDue(`replica ${one.replica}`, isBehind)) {
        tell('replicaLag', told)
      }
    }
  }

  async close(): Promise<void> {
    this.#isOver = true
    this.#stop?.()
    await this.#checking
  }
}
