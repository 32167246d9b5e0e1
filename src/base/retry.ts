// Bounded retries with jittered waits. A retry without a bound, or one that hides its last error, is a bug.

import { checkpoint, type Clock } from './clock.ts'
import { jitter, type Random } from './random.ts'

export interface RetryOptions {
  /** Waits between attempts, in order; their number + 1 is the number of attempts. */
  readonly waitsMs: readonly number[]
  readonly clock: Clock
  readonly random: Random
  readonly retryable: (error: unknown) => boolean
  readonly signal?: AbortSignal | undefined
  /** Told before each wait. */
  readonly onRetry?: ((error: unknown, attempt: number, waitMs: number) => void) | undefined
}

/** Runs `work(attempt)` from attempt 0; the error of the last attempt is the one thrown. */
export async function retry<T>(options: RetryOptions, work: (attempt: number) => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    checkpoint(options.signal)
    try {
      return await work(attempt)
    } catch (error) {
      const nextWaitMs = options.waitsMs[attempt]
      if (nextWaitMs === undefined || !options.retryable(error)) throw error
      const waitMs = jitter(nextWaitMs, 0.5, options.random)
      options.onRetry?.(error, attempt, waitMs)
      await options.clock.sleep(waitMs, options.signal)
    }
  }
}
