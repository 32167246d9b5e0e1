// The largest few, without coming and going: who is in stays until far out of the first places, so that series do not change
// with every reading. Bounded: never more than `most`.

export interface SteadyTop {
  /** All there are, by size; gives back those that are kept, of that node. */
  choose(node: string, sizes: ReadonlyMap<string, number>): ReadonlySet<string>
}

/** Who is within twice the places is not sent away. */
const leeway = 2

export function createSteadyTop(most: number): SteadyTop {
  const kept = new Map<string, ReadonlySet<string>>()
  return {
    choose: (node, sizes) => {
      const ranked = [...sizes].toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([name]) => name)
      const before = kept.get(node)
      const staying = ranked.slice(0, most * leeway).filter((name) => before?.has(name) === true)
      const coming = ranked.slice(0, most).filter((name) => before?.has(name) !== true)
      // The first half of the places is for who is largest now, whoever has them.
      const first = ranked.slice(0, Math.ceil(most / 2))
      const chosen = new Set([...new Set([...first, ...staying, ...coming])].slice(0, most))
      kept.set(node, chosen)
      return chosen
    },
  }
}
