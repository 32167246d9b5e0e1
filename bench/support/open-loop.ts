// Requests that come when they come, whether or not the ones before are answered: what users do. The times between them
// are exponential, by a seed, so that every variant has the same arrivals.

export interface Request {
  /** From asking for a connection to having it, or to giving up. */
  readonly waitMs: number
  readonly heldMs: number
  /** Of that, with a query under way. */
  readonly busyMs: number
  readonly failed: boolean
}

export interface Load {
  readonly perSecond: number
  /** Not counted: connections are made, code is compiled. */
  readonly warmUpMs: number
  readonly measuredMs: number
  readonly signal: AbortSignal
}

/** Resolves when the last request has ended. Requests that came during the warm-up are left out. */
export async function runOpenLoop(load: Load, request: () => Promise<Request>): Promise<readonly Request[]> {
  const random = createRandom(1)
  const measured: Promise<Request>[] = []
  const ignored: Promise<Request>[] = []
  const begun = performance.now()
  let dueMs = 0
  while (dueMs < load.warmUpMs + load.measuredMs) {
    load.signal.throwIfAborted()
    const aheadMs = dueMs - (performance.now() - begun)
    if (aheadMs > 0) await new Promise((resolve) => setTimeout(resolve, aheadMs))
    ;(dueMs < load.warmUpMs ? ignored : measured).push(request())
    dueMs += (-Math.log(1 - random()) * 1_000) / load.perSecond
  }
  await Promise.all(ignored)
  return await Promise.all(measured)
}

/** From 0 up to 1; mulberry32. */
export function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Nearest rank. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}
