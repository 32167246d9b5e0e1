// All that a feed has delivered, whoever consumed it, and what befell the consumers meanwhile. Complains where a repeat differs
// from what it repeats, and where something new comes behind what has come before.

import { expect } from 'vitest'
import type { ChangeBatch } from '../../../src/changes/feed/change.ts'
import { compareCursors, cursorOf, formatCursor, parseCursor } from '../../../src/changes/feed/cursor.ts'

/** What befell them, so that none of it is left out unnoticed. */
export interface Fates {
  /** Connections of the consumer that were ended. */
  terminated: number
  /** Processes that stopped in the middle and remembered nothing, with another in their place. */
  replaced: number
  /** Kills of the server and all its processes. */
  crashed: number
  /** Batches that were handled, and nobody heard of it. */
  unsaid: number
  /** Another one delivered than the one before. */
  takeovers: number
  /** Changes that came again. */
  repeats: number
  mostRetainedBytes: number
}

/** All that was delivered to whoever consumed, as a store shared by all processes would have it. */
export class Ledger {
  readonly byId = new Map<string, string>()
  readonly order: string[] = []
  readonly epochs = new Set<string>()
  readonly complaints: string[] = []
  readonly fates: Fates = {
    terminated: 0,
    replaced: 0,
    crashed: 0,
    unsaid: 0,
    takeovers: 0,
    repeats: 0,
    mostRetainedBytes: 0,
  }
  updates = 0
  #by: object | undefined

  note(by: object, batch: ChangeBatch): void {
    if (this.#by !== undefined && this.#by !== by) this.fates.takeovers++
    this.#by = by
    this.epochs.add(batch.epoch)
    batch.changes.forEach(({ kind, key, row }, index) => {
      const id = formatCursor(cursorOf(batch, index))
      const what = [kind, key?.['id'] ?? '', row?.['v'] ?? ''].join(' ')
      const known = this.byId.get(id)
      if (known !== undefined && known !== what) this.complaints.push(`${id} was ${known} and is ${what}`)
      if (known === undefined) {
        const last = this.order.at(-1)
        if (last !== undefined && compareCursors(parseCursor(last), parseCursor(id)) !== -1)
          this.complaints.push(`${id} is new and comes after ${last}`)
        this.byId.set(id, what)
        this.order.push(id)
        if (kind === 'update') this.updates++
      } else this.fates.repeats++
    })
  }
}

export function hasSuffered(fates: Fates): boolean {
  return Object.entries(fates).every(([what, times]) => times > 0 || what === 'mostRetainedBytes')
}

/** A row is counted up by each change: its versions come as 1, 2, 3, … */
export function checkVersions({ order, byId }: Ledger): void {
  const versions = new Map<string, number>()
  for (const id of order) {
    const [, key = '', version] = byId.get(id)?.split(' ') ?? []
    expect(Number(version), `row ${key} at ${id}`).toBe((versions.get(key) ?? 0) + 1)
    versions.set(key, Number(version))
  }
}
