// A share of what was added: hits of hits and misses, rollbacks of all transactions. It is that since the last time there was enough
// to tell, and that since statistics began where there was nothing before. Where nothing much is added any more, it says nothing of
// now, and after a few readings it is not told: what was bad an hour ago on a server that is idle is no alert.
// State: numbers and share of each node.

export interface Shares {
  /** Undefined: there has not been enough of anything yet. */
  of(node: string, epoch: string, counted: Counted): number | undefined
}

interface Counted {
  readonly part: number
  readonly rest: number
}

interface Known extends Counted {
  readonly epoch: string
  readonly share: number | undefined
  /** Readings since, without enough to tell. */
  readonly quiet: number
}

export interface SharesOptions {
  /** What has to be added for a share to say something. */
  readonly least: number
  /** For how many readings it is told without. */
  readonly staysFor: number
}

export function createShares({ least, staysFor }: SharesOptions): Shares {
  const known = new Map<string, Known>()
  return {
    of: (node, epoch, { part, rest }) => {
      const last = known.get(node)
      const isSame = last?.epoch === epoch && part >= last.part && rest >= last.rest
      const from = isSame ? last : { part: 0, rest: 0 }
      const all = part - from.part + rest - from.rest
      if (all < least && isSame) {
        const quiet = last.quiet + 1
        known.set(node, { ...last, quiet })
        return quiet <= staysFor ? last.share : undefined
      }
      const share = all < least ? undefined : (part - from.part) / all
      known.set(node, { epoch, part, rest, share, quiet: 0 })
      return share
    },
  }
}
