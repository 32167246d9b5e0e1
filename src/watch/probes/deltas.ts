// What was added to numbers that the server counts, from reading to reading.
// Nothing is made up: of a first reading, of one after a reset or a restart, and of a number that went down, nothing is known.
// State: the last numbers of each node.

export interface Deltas<Values extends Readonly<Record<string, number>>> {
  /** `epoch`: what they are counted from. Undefined: nothing is known of the time in between. */
  since(node: string, epoch: string, values: Values): Values | undefined
}

export function createDeltas<Values extends Readonly<Record<string, number>>>(): Deltas<Values> {
  const known = new Map<string, { readonly epoch: string; readonly values: Values }>()
  return {
    since: (node, epoch, values) => {
      const before = known.get(node)
      known.set(node, { epoch, values })
      if (before === undefined || before.epoch !== epoch) return undefined
      const added = Object.entries(values).map(
        ([name, value]) => [name, value - (before.values[name] ?? value)] as const,
      )
      return added.some(([, value]) => value < 0) ? undefined : (Object.fromEntries(added) as Values)
    },
  }
}
