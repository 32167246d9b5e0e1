// What the parts of one cache share: its copies, its numbers, and what may be said of a value now.

import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { Lsn } from '../db/lsn.ts'
import type { RedisLink } from '../redis/index.ts'
import { LocalLayer } from './l1.ts'
import type { SharedLayer } from './l2.ts'
import { Stats } from './stats.ts'
import { Trust } from './trust.ts'

export interface CoreOptions {
  readonly clock: Clock
  readonly random: Random
  readonly maxBytes: number
  readonly maxEntryBytes: number
  readonly maxStalenessMs: number
  /** How long another process is waited for that loads the same. */
  readonly waitMs: number
  readonly position: (() => Promise<Lsn | undefined>) | undefined
  readonly shared: { readonly link: RedisLink; readonly layer: SharedLayer; readonly leaseMs: number } | undefined
}

export class CacheState {
  readonly options: CoreOptions
  readonly stats: Stats = new Stats()
  readonly local: LocalLayer
  /** undefined: there is no Redis. */
  readonly trust: Trust | undefined
  /** Without Redis: how far the feed has come. */
  ownPosition: Lsn | undefined
  /** Namespaces of which Redis did not have what it was asked for last: there a lease is asked for at once. */
  readonly cold: Set<string> = new Set()

  constructor(options: CoreOptions, onDrop: (marks: readonly string[] | undefined) => void) {
    this.options = options
    this.local = new LocalLayer({
      maxBytes: options.maxBytes,
      onEvict: ({ namespace }) => void this.stats.of(namespace).evictions++,
    })
    const { shared, clock } = options
    this.trust =
      shared === undefined
        ? undefined
        : new Trust({ link: shared.link, shared: shared.layer, clock, leaseMs: shared.leaseMs, onDrop })
  }

  /** Redis may be asked: what could not be invalidated while it was away has been. */
  get isOpen(): boolean {
    return this.options.shared?.link.isUp === true
  }

  /** Everything up to here that the feed tells of has been dropped from the copies. */
  get position(): Lsn | undefined {
    return this.trust === undefined ? this.ownPosition : this.trust.position
  }

  get epoch(): number {
    return this.trust?.epoch ?? 0
  }

  /** This process hears of every invalidation, and has since `epoch`. */
  isSound(epoch: number): boolean {
    const { trust } = this
    return trust === undefined || (trust.epoch === epoch && trust.holdsAt(this.options.clock.monotonic()))
  }
}

/** Strictly: a position read on the primary may be that of a commit which a load beginning then did not see. */
export function isBehind(lsn: Lsn | undefined, token: Lsn): boolean {
  return lsn !== undefined && lsn > token
}

export function hasPassed(position: Lsn | undefined, token: Lsn): boolean {
  return position !== undefined && position >= token
}
