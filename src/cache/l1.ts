// The copies that one process keeps, bounded by bytes.
//
// What must be true: an entry is found by each of its marks (its key's, its tags', its namespace's), so dropping a mark drops
// everything that carries it, at once. Whether an entry may be served is for its reader to say: it carries until when.

import { LRUCache } from 'lru-cache'
import type { Lsn } from '../db/lsn.ts'

export interface LocalEntry {
  readonly namespace: string
  /** Frozen, and given to everybody; or the bytes, decoded for each. */
  readonly value: unknown
  readonly bytes: Buffer | undefined
  readonly sizeBytes: number
  readonly marks: readonly string[]
  /** By Clock.monotonic(), as are the others. After it the entry is stale, after the next one gone. */
  readonly freshUntilMs: number
  readonly keepUntilMs: number
  /** When Redis was asked for it. */
  readonly copiedAtMs: number
  /** From here on it is loaded again ahead of time, if it is asked for often. */
  readonly aheadFromMs: number
  readonly lsn: Lsn | undefined
  hits: number
}

/** What an entry costs beside its value: its key, its marks in the index, the objects themselves. */
const overheadBytes = 400
/** Objects made of JSON take a few times its bytes. */
const heapFactor = 3

export class LocalLayer {
  readonly #entries: LRUCache<string, LocalEntry>
  readonly #byMark = new Map<string, Set<string>>()

  constructor(options: { readonly maxBytes: number; readonly onEvict: (entry: LocalEntry) => void }) {
    this.#entries = new LRUCache<string, LocalEntry>({
      maxSize: Math.max(1, options.maxBytes),
      sizeCalculation: (entry, key) => entry.sizeBytes + key.length * 2,
      dispose: (entry, key, reason) => {
        this.#unlink(entry, key)
        if (reason === 'evict') options.onEvict(entry)
      },
    })
  }

  get(key: string): LocalEntry | undefined {
    return this.#entries.get(key)
  }

  set(key: string, entry: LocalEntry): void {
    this.#entries.set(key, entry)
    if (this.#entries.peek(key) !== entry) return
    for (const mark of entry.marks) {
      const keys = this.#byMark.get(mark)
      if (keys === undefined) this.#byMark.set(mark, new Set([key]))
      else keys.add(key)
    }
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  drop(marks: Iterable<string>): void {
    for (const mark of marks) for (const key of this.#byMark.get(mark) ?? []) this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
    this.#byMark.clear()
  }

  get sizeBytes(): number {
    return this.#entries.calculatedSize
  }

  *entries(): IterableIterator<LocalEntry> {
    for (const entry of this.#entries.values()) yield entry
  }

  #unlink(entry: LocalEntry, key: string): void {
    for (const mark of entry.marks) {
      const keys = this.#byMark.get(mark)
      keys?.delete(key)
      if (keys?.size === 0) this.#byMark.delete(mark)
    }
  }
}

export function sizeOf(plainBytes: number, isShareable: boolean): number {
  return overheadBytes + (isShareable ? plainBytes * heapFactor : plainBytes)
}
