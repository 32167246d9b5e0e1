// A bound on work: a time, a signal, or both. When it fires, whoever waits in race() is rejected at once, whatever the work
// does; what is to be stopped is told through `onFire`.
// State: the timer and the listener, gone after close().

import type { Clock } from '../../base/clock.ts'
import { StrataError } from '../../base/errors.ts'
import { formatDuration } from '../../base/units.ts'

export interface LimitOptions {
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly clock: Clock
}

export interface Limit {
  /** Why it fired; undefined: it has not. */
  readonly fired: StrataError | undefined
  /** Called at most once; the one given last. */
  onFire: () => void
  race<T>(work: Promise<T>): Promise<T>
  close(): void
}

export function openLimit({ timeoutMs, signal, clock }: LimitOptions): Limit {
  let reject: (error: StrataError) => void = () => undefined
  const broken = new Promise<never>((_, refuse) => {
    reject = refuse
  })
  broken.catch(() => undefined)
  const fire = (error: StrataError): void => {
    if (limit.fired !== undefined) return
    limit.fired = error
    reject(error)
    limit.onFire()
  }
  const interrupt = (): void => fire(new StrataError('INTERRUPTED', { message: 'Interrupted' }))
  const stop =
    timeoutMs === undefined || timeoutMs <= 0
      ? (): void => undefined
      : clock.after(timeoutMs, () => fire(late(timeoutMs)))
  const limit: { -readonly [Key in keyof Limit]: Limit[Key] } = {
    fired: undefined,
    onFire: () => undefined,
    race: (work) => {
      // Lost races must not end the process.
      work.catch(() => undefined)
      return Promise.race([work, broken])
    },
    close: () => {
      stop()
      signal?.removeEventListener('abort', interrupt)
    },
  }
  if (signal?.aborted === true) interrupt()
  else signal?.addEventListener('abort', interrupt, { once: true })
  return limit
}

function late(timeoutMs: number): StrataError {
  return new StrataError('QUERY_TIMEOUT', {
    message: `The transaction was not through within ${formatDuration(timeoutMs)}; it was rolled back`,
    details: { timeoutMs },
  })
}
