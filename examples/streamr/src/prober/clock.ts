// Time is injected: whatever waits here or reads a clock takes a Clock, so that tests need not sleep. The clock of pgstrata's own
// tools fits as well.

export interface Clock {
  /** Wall clock, milliseconds since 1970. */
  now(): number
  /** Resolves after `delayMs`; rejects as soon as `signal` fires. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
  /** Calls once, later; what is returned calls it off. Does not keep a process alive. */
  after(delayMs: number, callback: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer)
        reject(new Error('Interrupted'))
      }
      if (signal?.aborted === true) return reject(new Error('Interrupted'))
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop)
        resolve()
      }, delayMs)
      signal?.addEventListener('abort', stop, { once: true })
    }),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
