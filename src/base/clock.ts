// Time is injected: everything that waits or reads a clock takes a Clock, so that tests need not sleep.
// This is the only file of the library that touches Date.now, performance.now and setTimeout.

import { StrataError } from './errors.ts'

export interface Clock {
  /** Wall clock, milliseconds since 1970. */
  now(): number
  /** Never goes back; only differences mean anything. Milliseconds. */
  monotonic(): number
  /** Resolves after `delayMs`; rejects with INTERRUPTED as soon as `signal` fires. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
  /** Calls once, later; what is returned calls it off. Does not keep a process alive. */
  after(delayMs: number, callback: () => void): () => void
  /** What keeps the process alive while it is held, though nothing else does. */
  createHold(): Hold
}

export interface Hold {
  take(): void
  drop(): void
}

const dayMs = 86_400_000

/** The machine's own: what every option that takes a Clock is by default. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(interrupted())
      const onAbort = (): void => {
        clearTimeout(timer)
        reject(interrupted())
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }, delayMs)
      signal?.addEventListener('abort', onAbort, { once: true })
    }),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
  createHold: () => {
    let timer: NodeJS.Timeout | undefined
    return {
      take: () => void (timer ??= setInterval(() => undefined, dayMs)).ref(),
      drop: () => void timer?.unref(),
    }
  },
}

function interrupted(): StrataError {
  return new StrataError('INTERRUPTED', { message: 'Interrupted' })
}

/** Throws INTERRUPTED if the signal has fired. Call it between units of work. */
export function checkpoint(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw interrupted()
}
