// When a node's turn comes. Time is cut into slots of equal length, for each node with an offset of its own, so that the turns of all
// are spread evenly; within its slot a node is asked at a moment that chance decides.
//
// Promises: at most one turn a slot; in any hour a node has as many turns as slots, give or take one, for chance moves a turn within
// its slot and never into the next. Whoever knows a node's last turn knows its next: nothing else has to be handed over.

import { createHash } from 'node:crypto'

export interface Slots {
  readonly everyMs: number
  /** How much of a slot chance decides about: 0 is none. */
  readonly jitter: number
  /** Of a slot, the nodes that have a turn in it: 1 is all. */
  readonly share: number
  /** What chance depends on. The offsets of nodes do not: they are the same in each process. */
  readonly seed: string
}

export interface Turns {
  slotOf(nodeId: string, atMs: number): number
  /** Whether its turn in the slot of `nowMs` has come, and was not taken by `lastMs`. */
  isDue(nodeId: string, turn: { readonly nowMs: number; readonly lastMs: number | undefined }): boolean
  /** Forgets what was worked out for others. */
  keepOnly(nodeIds: { has(nodeId: string): boolean }): void
}

interface Worked {
  readonly offsetMs: number
  slot: number
  /** Infinity: it has no turn in this slot. */
  dueMs: number
}

export function createTurns({ everyMs, jitter, share, seed }: Slots): Turns {
  const worked = new Map<string, Worked>()
  const find = (nodeId: string): Worked => {
    const known = worked.get(nodeId)
    if (known !== undefined) return known
    const fresh = { offsetMs: fraction(nodeId) * everyMs, slot: Number.NaN, dueMs: Infinity }
    worked.set(nodeId, fresh)
    return fresh
  }
  const slotAt = (atMs: number, { offsetMs }: Worked): number => Math.floor((atMs - offsetMs) / everyMs)
  const dueIn = (nodeId: string, slot: number, { offsetMs }: Worked): number =>
    share < 1 && fraction(`${seed} share ${nodeId} ${slot}`) >= share
      ? Infinity
      : (slot + fraction(`${seed} ${nodeId} ${slot}`) * jitter) * everyMs + offsetMs
  return {
    slotOf: (nodeId, atMs) => slotAt(atMs, find(nodeId)),
    isDue: (nodeId, { nowMs, lastMs }) => {
      const node = find(nodeId)
      const slot = slotAt(nowMs, node)
      if (lastMs !== undefined && slotAt(lastMs, node) >= slot) return false
      if (node.slot !== slot) Object.assign(node, { slot, dueMs: dueIn(nodeId, slot, node) })
      return nowMs >= node.dueMs
    },
    keepOnly: (nodeIds) => {
      for (const nodeId of worked.keys()) if (!nodeIds.has(nodeId)) worked.delete(nodeId)
    },
  }
}

/** From 0 up to but not including 1, the same for the same text. Whoever does not know the seed cannot tell it in advance. */
export function fraction(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0) / 4_294_967_296
}
