// One try of an action: it ends with the action, or when its limit is over and a moment more, whether it has ended or not.

import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import type { Queryable } from '../../db/db.ts'
import type { Action, Done, Failed } from './actions/action.ts'
import type { AlertMessage } from './message.ts'

export interface TryTools {
  readonly on: Queryable
  readonly clock: Clock
  /** Of whoever stops. */
  readonly stopping: AbortSignal
}

const graceMs = 500
const tooLong: Failed = { kind: 'failed', failure: 'it took longer than it may', isWorthRetrying: true }

export async function runAction(
  action: Action,
  message: AlertMessage,
  { on, clock, stopping }: TryTools,
): Promise<Done | Failed> {
  const time = new AbortController()
  const timers = [clock.after(action.limitMs, () => time.abort())]
  let giveUp: (failed: Failed) => void = () => undefined
  const isLate = new Promise<Failed>((resolve) => (giveUp = resolve))
  const signal = AbortSignal.any([time.signal, stopping])
  // One that does not look at its signal has no place for longer than this.
  const late = (): void => void timers.push(clock.after(graceMs, () => giveUp(tooLong)))
  if (signal.aborted) late()
  else signal.addEventListener('abort', late, { once: true })
  try {
    return await Promise.race([action.run(message, { signal, on }), isLate])
  } catch (error) {
    return { kind: 'failed', failure: messageOf(error), isWorthRetrying: true }
  } finally {
    for (const callOff of timers) callOff()
    signal.removeEventListener('abort', late)
  }
}
