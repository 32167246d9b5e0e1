// The shape of what is done about alerts. One file each.
//
// What an action may rely on: `run` is called once at a time for a message, and again with the same id where it failed or where the
// process died before it was noted that it had been done. So whoever is told does a thing once by looking at the id. An action that
// only writes to the database (`isInside`) is noted in its own transaction: it happens exactly once.
// What it must keep: it ends when `signal` fires; no password, parameter or row in what it gives back or throws.

import type { Queryable } from '../../../db/db.ts'
import type { AlertEvent, AlertMessage } from '../message.ts'

interface ActionTools {
  /** Fires when the time of a try is over. */
  readonly signal: AbortSignal
  /** Where it is inside, that transaction; otherwise as db. */
  readonly on: Queryable
}

export interface Done {
  readonly kind: 'done'
  /** Kept with the alert. */
  readonly report?: unknown
}

export interface Failed {
  readonly kind: 'failed'
  readonly failure: string
  /** Whether another try may succeed. */
  readonly isWorthRetrying: boolean
}

export interface Action {
  readonly name: string
  readonly hears: readonly AlertEvent[]
  /** Of one try. */
  readonly limitMs: number
  /** Between tries; their number + 1 is the number of tries. */
  readonly waitsMs: readonly number[]
  readonly isInside: boolean
  /** It needs nothing of the database: it can be told that this is away. */
  readonly reachesOut: boolean
  /** What it throws counts as failed, and is tried again. */
  run(message: AlertMessage, tools: ActionTools): Promise<Done | Failed>
}
