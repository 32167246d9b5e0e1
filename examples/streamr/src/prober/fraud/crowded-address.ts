// One machine that passes for many: more nodes at an address than allowed. Unlike the other rules it looks at all nodes at once. It has
// no effect on payouts by itself, since honest nodes behind one router share an address too; put it in `suspending` where that is not so.

import { clear, found, type Verdict } from './rule.ts'

export interface Placed {
  readonly nodeId: string
  /** The IPv4 address, or the IPv6 network of 64 bits; null where nobody has said. */
  readonly site: string | null
}

/** `clear` for those that are not too many. */
export function judgeAddresses(nodes: readonly Placed[], nodesPerAddress: number): ReadonlyMap<string, Verdict> {
  const counts = new Map<string, number>()
  for (const { site } of nodes) if (site !== null) counts.set(site, (counts.get(site) ?? 0) + 1)
  return new Map(
    nodes.map(({ nodeId, site }) => {
      const count = site === null ? 0 : (counts.get(site) ?? 0)
      const isCrowded = count > nodesPerAddress
      const evidence = { nodes: count, allowed: nodesPerAddress }
      return [nodeId, isCrowded ? found('too many nodes at one address', evidence) : clear]
    }),
  )
}
