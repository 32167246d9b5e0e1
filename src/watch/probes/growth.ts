// Counters of a table and its partitions, added up: what is told begins with their sum and only grows, where the sum itself falls with
// each partition that is dropped. When statistics are reset it begins anew, as the server's own do.
// Nothing is made up: a part that was not there before, or went down, adds nothing until the next look.
// State: of each node the last number of each part, and what each series came to; of series that are not told any more, nothing.

export interface Growth {
  /** `epoch`: what all of them are counted from. `series`: by name, its parts by theirs. Gives back the totals, by name. */
  add(
    node: string,
    epoch: string,
    series: ReadonlyMap<string, ReadonlyMap<string, number>>,
  ): ReadonlyMap<string, number>
}

interface Known {
  readonly epoch: string
  readonly parts: ReadonlyMap<string, number>
  readonly totals: ReadonlyMap<string, number>
}

export function createGrowth(): Growth {
  const nodes = new Map<string, Known>()
  return {
    add: (node, epoch, series) => {
      const known = nodes.get(node)
      const before = known?.epoch === epoch ? known : undefined
      const parts = new Map<string, number>()
      const totals = new Map<string, number>()
      for (const [name, counts] of series) {
        const added = [...counts].map(([part, count]) => Math.max(0, count - (before?.parts.get(part) ?? count)))
        const from = before?.totals.get(name)
        totals.set(name, from === undefined ? sumOf([...counts.values()]) : from + sumOf(added))
        for (const [part, count] of counts) parts.set(part, count)
      }
      nodes.set(node, { epoch, parts, totals })
      return totals
    },
  }
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, one) => sum + one, 0)
}
