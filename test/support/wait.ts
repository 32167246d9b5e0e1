// Waiting for what gives no signal: bounded, and quick to see it. The only timer in the tests.

const pollMs = 10

export interface WaitOptions {
  /** Default 30 s. */
  readonly timeoutMs?: number
  /** What is waited for, as the failure says it. */
  readonly what: string
}

/** Asks until the answer is neither undefined nor false, and returns it. An error of the probe is thrown at once. */
export async function waitUntil<T>(
  probe: () => T | Promise<T>,
  options: WaitOptions,
): Promise<Exclude<T, undefined | false | null>> {
  const { timeoutMs = 30_000, what } = options
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const answer = await probe()
    if (answer !== undefined && answer !== false && answer !== null)
      return answer as Exclude<T, undefined | false | null>
    if (performance.now() >= deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}
