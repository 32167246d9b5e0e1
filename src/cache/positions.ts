// What the cache has to know of the primary to compare positions: on which timeline it is, and which tables the feed captures wholly.
//
// What must be true: positions are compared on one timeline only. A token of another one than this process knows is served by
// the pool; where the process finds a new timeline, everything cached is discarded, and after that positions of it count. How
// far the feed has come counts only for tables that it captures wholly now, looked up every 10 s where sessions ask.
// On failure: what cannot be found out (who the primary is, what is captured) costs a load, and is no error of the call.

import type { Clock } from '../base/clock.ts'
import { readCaptured } from '../changes/feed/index.ts'
import type { Queryable } from '../db/db.ts'
import type { Token } from '../db/token.ts'
import type { Cache } from './cache.ts'
import { rowTagPrefix, tableTag } from './options.ts'
import { readPlace } from './place.ts'

/** Which timeline of which cluster positions are of, as far as this process knows. */
export class Timeline {
  readonly #ask: Queryable
  readonly #cache: Cache
  #place: Token | undefined

  constructor(ask: Queryable, cache: Cache) {
    this.#ask = ask
    this.#cache = cache
  }

  /** Where the primary is now; undefined: it cannot be told, or a primary that was left behind answered. */
  async look(): Promise<Token | undefined> {
    const found = await readPlace((statement) => this.#ask.query(statement))
    const before = this.#place
    const isOther = before !== undefined && found.systemId !== before.systemId
    if (before !== undefined && !isOther && found.timeline < before.timeline) return undefined
    if (isOther || (before !== undefined && found.timeline > before.timeline)) await this.#cache.clear()
    this.#place = found
    return found
  }

  /** Positions of cached values say something about this token. */
  async isComparable(token: Token): Promise<boolean> {
    if (token.isUnsettled === true) return false
    if (this.isKnown(token)) return true
    // An older one will never be.
    if (this.#place !== undefined && token.timeline < this.#place.timeline) return false
    await this.look().catch(() => undefined)
    return this.isKnown(token)
  }

  /** They do, and nobody has to be asked. */
  isKnown({ systemId, timeline, isUnsettled }: Token): boolean {
    return isUnsettled !== true && systemId === this.#place?.systemId && timeline === this.#place.timeline
  }

  at(lsn: bigint | undefined): Token | undefined {
    const place = this.#place
    return place === undefined || lsn === undefined ? undefined : { ...place, lsn }
  }
}

const lookEveryMs = 10_000
const mostRows = 10_000

/** The tables that the feed captures wholly. */
export class Coverage {
  readonly #ask: Queryable
  readonly #clock: Clock
  #tables: ReadonlySet<string> = new Set()
  /** Tags of rows that came lately, with those of their tables: the same come with every call. */
  readonly #tableOf = new Map<string, string>()
  #lookedMs = -Infinity

  constructor(ask: Queryable, clock: Clock) {
    this.#ask = ask
    this.#clock = clock
  }

  /** Nobody waits for it: until it is known, the feed counts for nothing. */
  keepUp(): void {
    const nowMs = this.#clock.monotonic()
    if (nowMs - this.#lookedMs < lookEveryMs) return
    this.#lookedMs = nowMs
    const note = (tables: ReadonlySet<string>): void => void (this.#tables = tables)
    readCaptured(this.#ask).then(
      (tables) => note(new Set(tables.map(({ schema, table }) => tableTag(schema, table)))),
      () => note(new Set()),
    )
  }

  /** Every tag is that of such a table, or of one of its rows. */
  has(tags: readonly string[]): boolean {
    return tags.length > 0 && tags.every((tag) => this.#tables.has(tag) || this.#hasRow(tag))
  }

  #hasRow(tag: string): boolean {
    if (!tag.startsWith(rowTagPrefix)) return false
    const known = this.#tableOf.get(tag)
    if (known !== undefined) return this.#tables.has(known)
    const table = tableOfRow(tag)
    if (this.#tableOf.size >= mostRows) this.#tableOf.clear()
    this.#tableOf.set(tag, table)
    return this.#tables.has(table)
  }
}

/** '' where it is no such tag. */
function tableOfRow(tag: string): string {
  try {
    const [schema, table] = JSON.parse(tag.slice(rowTagPrefix.length)) as [string, string]
    return tableTag(schema, table)
  } catch {
    return ''
  }
}
