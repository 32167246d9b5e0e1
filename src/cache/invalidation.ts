// Invalidating: here at once, in Redis and in every other process before it counts as done.
//
// What holds: 'everywhere' means what core.ts promises. Where Redis cannot be reached within `waitMs` the answer is 'pending': what
// was named is remembered, and carried out before this process asks Redis for anything else; no value is served from Redis here
// until then. Nothing is rejected. A process that ends takes what is pending with it: the change feed, which acknowledges
// only what is done everywhere, brings it again.
// Bounds: 1,000 names in a script; 10,000 pending, beyond which everything is to go.

import type { Lsn } from '../db/lsn.ts'
import { lsnText, type Invalidated, type SharedLayer } from './l2.ts'
import { allMarks, type Trust } from './trust.ts'
import type { CacheCore } from './core.ts'

export type Reach = 'everywhere' | 'pending'

export interface Invalidation {
  readonly keyMarks: readonly string[]
  readonly tagMarks: readonly string[]
  readonly all: boolean
  /** Whatever committed up to here is among what was named, now or before; null: that is no longer known. */
  readonly position?: Lsn | null | undefined
}

const mostInScript = 1_000
const mostPending = 10_000

export class Invalidator {
  readonly #core: CacheCore
  readonly #waitMs: number
  readonly #pending: { keys: Set<string>; tags: Set<string>; all: boolean } = {
    keys: new Set(),
    tags: new Set(),
    all: false,
  }
  #flushed = new Set<(settled: Promise<void>) => void>()

  constructor(core: CacheCore, waitMs: number) {
    this.#core = core
    this.#waitMs = waitMs
  }

  async invalidate(invalidation: Invalidation): Promise<Reach> {
    const { state } = this.#core
    const { shared } = state.options
    this.#dropHere(invalidation)
    if (shared === undefined || state.trust === undefined) {
      const { position } = invalidation
      if (position !== undefined) state.ownPosition = position ?? undefined
      return 'everywhere'
    }
    if (state.isOpen) {
      try {
        await this.#carryOut(invalidation, shared.layer, state.trust)
        return 'everywhere'
      } catch {
        // Whether it was carried out is not known; twice does no harm.
      }
    }
    return await this.#putOff(invalidation)
  }

  /** Before anything else is asked of a connection that has just been made. */
  async flush(layer: SharedLayer, trust: Trust): Promise<() => void> {
    const { keys, tags, all } = this.#pending
    const waiters = [...this.#flushed]
    if (keys.size === 0 && tags.size === 0 && !all) return () => undefined
    const done = await this.#send({ keyMarks: [...keys], tagMarks: [...tags], all }, layer)
    keys.clear()
    tags.clear()
    this.#pending.all = false
    for (const waiter of waiters) this.#flushed.delete(waiter)
    return () => {
      const settled = this.#settleAll(done, trust)
      for (const waiter of waiters) waiter(settled)
    }
  }

  async #carryOut(invalidation: Invalidation, layer: SharedLayer, trust: Trust): Promise<void> {
    const sent = await this.#send(invalidation, layer)
    // Between the first time and now a copy of what was still in Redis may have been made.
    this.#dropHere(invalidation)
    await this.#settleAll(sent, trust)
  }

  async #send(invalidation: Invalidation, layer: SharedLayer): Promise<readonly Invalidated[]> {
    const parts = cut(invalidation)
    const sent: Invalidated[] = []
    for (const [index, part] of parts.entries()) {
      // Only the last one may say that all is done.
      const position = index === parts.length - 1 ? invalidation.position : undefined
      const message = composeMessage(layer.member, { ...part, position })
      sent.push(await layer.invalidate({ ...part, position, message }))
    }
    return sent
  }

  async #settleAll(sent: readonly Invalidated[], trust: Trust): Promise<void> {
    for (const one of sent) await trust.settle(one)
  }

  #dropHere({ keyMarks, tagMarks, all }: Invalidation): void {
    this.#core.drop(all ? undefined : [...keyMarks, ...tagMarks])
  }

  async #putOff({ keyMarks, tagMarks, all }: Invalidation): Promise<Reach> {
    const { keys, tags } = this.#pending
    for (const mark of keyMarks) keys.add(mark)
    for (const mark of tagMarks) tags.add(mark)
    if (all || keys.size + tags.size > mostPending) {
      this.#pending.all = true
      keys.clear()
      tags.clear()
    }
    const { clock } = this.#core.state.options
    return await new Promise<Reach>((resolve) => {
      const onFlush = (settled: Promise<void>): void => {
        callOff()
        void settled.then(() => resolve('everywhere'))
      }
      const callOff = clock.after(this.#waitMs, () => {
        this.#flushed.delete(onFlush)
        resolve('pending')
      })
      this.#flushed.add(onFlush)
    })
  }
}

function composeMessage(member: string, { keyMarks, tagMarks, all, position }: Invalidation): string {
  const place = position === null ? '-' : position === undefined ? '.' : lsnText(position)
  return `${member} ${place} ${all ? allMarks : [...keyMarks, ...tagMarks].join(',')}`
}

function cut(invalidation: Invalidation): readonly Invalidation[] {
  const { keyMarks, tagMarks, all } = invalidation
  if (all || keyMarks.length + tagMarks.length <= mostInScript) return [{ keyMarks, tagMarks, all }]
  const pieces: Invalidation[] = []
  for (let at = 0; at < keyMarks.length; at += mostInScript)
    pieces.push({ keyMarks: keyMarks.slice(at, at + mostInScript), tagMarks: [], all })
  for (let at = 0; at < tagMarks.length; at += mostInScript)
    pieces.push({ keyMarks: [], tagMarks: tagMarks.slice(at, at + mostInScript), all })
  return pieces
}
