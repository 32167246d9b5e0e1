// What the cache did, by namespace, counted since it was opened. Namespaces beyond 1,000 are counted together as '…'.

export interface NamespaceStats {
  /** Served from this process's copies, and from Redis. */
  readonly localHits: number
  readonly sharedHits: number
  readonly misses: number
  /** Of hits: not fresh any more. */
  readonly staleServed: number
  readonly loads: number
  readonly loadFailures: number
  readonly loadMs: number
  /** Loaded, served, and not stored, for it was invalidated meanwhile, or there was no Redis to store it in. */
  readonly notStored: number
  /** Served and not stored, being larger than an entry may be. */
  readonly tooLarge: number
  readonly refreshes: number
  readonly evictions: number
  /** Of copies in this process now. */
  readonly entries: number
  readonly bytes: number
}

type StatName = Exclude<keyof NamespaceStats, 'entries' | 'bytes'>

type Counters = { -readonly [Name in StatName]: number }

const mostNamespaces = 1_000
const others = '…'

export class Stats {
  readonly #byNamespace = new Map<string, Counters>()

  of(namespace: string): Counters {
    const known = this.#byNamespace.get(namespace)
    if (known !== undefined) return known
    if (this.#byNamespace.size >= mostNamespaces && namespace !== others) return this.of(others)
    const made = { ...none }
    this.#byNamespace.set(namespace, made)
    return made
  }

  read(entries: Iterable<{ readonly namespace: string; readonly sizeBytes: number }>): Record<string, NamespaceStats> {
    const held = new Map<string, { entries: number; bytes: number }>()
    for (const { namespace, sizeBytes } of entries) {
      const sum = held.get(namespace) ?? { entries: 0, bytes: 0 }
      held.set(namespace, { entries: sum.entries + 1, bytes: sum.bytes + sizeBytes })
    }
    return Object.fromEntries(
      [...this.#byNamespace].map(([name, counters]) => [
        name,
        { ...counters, ...(held.get(name) ?? { entries: 0, bytes: 0 }) },
      ]),
    )
  }
}

const none: Counters = {
  localHits: 0,
  sharedHits: 0,
  misses: 0,
  staleServed: 0,
  loads: 0,
  loadFailures: 0,
  loadMs: 0,
  notStored: 0,
  tooLarge: 0,
  refreshes: 0,
  evictions: 0,
}
