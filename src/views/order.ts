// In which order views are refreshed, and made: each after what it reads. Pure.

/** Of each view, the views that come before it. */
export type Upstream = ReadonlyMap<string, ReadonlySet<string>>

export interface Ordered {
  readonly order: readonly string[]
  /** Views that wait for each other: they stand at the end of the order all the same. */
  readonly circle: readonly string[]
}

/** What comes first of two that may both come next was named first. */
export function orderViews(names: readonly string[], upstream: Upstream): Ordered {
  const order: string[] = []
  const left = new Set(names)
  for (;;) {
    const next = [...left].find((name) => ![...(upstream.get(name) ?? [])].some((other) => left.has(other)))
    if (next === undefined) return { order: [...order, ...left], circle: [...left] }
    left.delete(next)
    order.push(next)
  }
}

export function joinUpstream(...all: readonly Upstream[]): Upstream {
  const joined = new Map<string, Set<string>>()
  for (const [name, before] of all.flatMap((one) => [...one])) {
    const known = joined.get(name) ?? new Set()
    for (const other of before) if (other !== name) known.add(other)
    joined.set(name, known)
  }
  return joined
}
