// Bounded waiting, for what gives no signal of its own.

import { checkpoint, type Clock } from '../base/clock.ts'

export interface PollOptions {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly everyMs: number
  readonly signal?: AbortSignal | undefined
}

/** Asks until the answer is not undefined; undefined when the time is over. */
export async function poll<T>(probe: () => Promise<T | undefined>, options: PollOptions): Promise<T | undefined> {
  const { clock, timeoutMs, everyMs, signal } = options
  const deadline = clock.monotonic() + timeoutMs
  for (;;) {
    checkpoint(signal)
    const answer = await probe()
    if (answer !== undefined) return answer
    if (clock.monotonic() >= deadline) return undefined
    await clock.sleep(everyMs, signal)
  }
}

/** Whether `event` came to pass within the time. */
export async function happensWithin(event: Promise<unknown>, timeoutMs: number, clock: Clock): Promise<boolean> {
  const timer = new AbortController()
  const happened = event.then(() => true)
  const timedOut = clock.sleep(timeoutMs, timer.signal).then(
    () => false,
    () => false,
  )
  try {
    return await Promise.race([happened, timedOut])
  } finally {
    timer.abort()
  }
}
