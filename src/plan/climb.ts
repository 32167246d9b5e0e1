// One try after the other up the ladder of lock timeouts; each try begins, and fails, as a whole transaction.

import { checkpoint, type Clock } from '../base/clock.ts'
import { jitter, type Random } from '../base/random.ts'
import type { Session } from '../db/db.ts'
import { rollback } from '../db/transaction.ts'
import { sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import type { Ladder } from './ladder.ts'

const raceStates: ReadonlySet<string> = new Set([
  sqlstate.lockNotAvailable,
  sqlstate.deadlockDetected,
  sqlstate.serializationFailure,
])

/** The failure came of somebody else's lock or transaction: the same again may well succeed. */
export function isRace(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return raceStates.has(sqlstateOf(error) ?? sqlstateOf(cause) ?? '')
}

export interface ClimbOptions {
  readonly session: Session
  readonly ladder: Ladder
  readonly clock: Clock
  readonly random: Random
  readonly signal?: AbortSignal | undefined
  readonly onBusy?:
    | ((error: unknown, tries: { attempt: number; attempts: number; pauseMs: number }) => void)
    | undefined
}

/** `attempt` opens a transaction with the lock timeout it is given, and commits it; after a failure it is rolled back here. */
export async function climb(options: ClimbOptions, attempt: (lockTimeoutMs: number) => Promise<void>): Promise<void> {
  const { rungs } = options.ladder
  for (const [index, rung] of rungs.entries()) {
    checkpoint(options.signal)
    try {
      await attempt(rung.lockTimeoutMs)
      return
    } catch (error) {
      await rollback(options.session)
      if (index === rungs.length - 1 || !isRace(error)) throw error
      const pauseMs = jitter(rung.pauseMs, 0.5, options.random)
      options.onBusy?.(error, { attempt: index + 1, attempts: rungs.length, pauseMs })
      await options.clock.sleep(pauseMs, options.signal)
    }
  }
}
