// Whether the primary shows what the WAL already holds. A commit is decoded as soon as it is flushed, which is before other
// snapshots see it (PostgreSQL 18, 47.8: a synchronous commit waits for its replicas in between): a listener that read at once
// would read the old row. So nothing is handed on before a new snapshot on the primary has it.

import type { Clock } from '../../../base/clock.ts'
import { StrataError } from '../../../base/errors.ts'
import { onlyRow, type Queryable } from '../../../db/db.ts'
import { sql } from '../../../sql/sql.ts'
import { widenXid } from './xid.ts'

export interface VisibilityOptions {
  readonly on: Queryable
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

const firstPauseMs = 1
const longestPauseMs = 50

export class Visibility {
  readonly #options: VisibilityOptions
  /** The next id that the server gives, when it was last asked. */
  #reference: bigint | undefined

  constructor(options: VisibilityOptions) {
    this.#options = options
  }

  /** One query for all of them, again until the snapshot has all. */
  async confirm(xids: readonly number[]): Promise<void> {
    if (xids.length === 0) return
    const { clock, timeoutMs, signal } = this.#options
    const reference = (this.#reference ??= await this.#readNext())
    const full = xids.map((xid) => widenXid(xid, reference).toString())
    const deadline = clock.monotonic() + timeoutMs
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
      if (await this.#areVisible(full)) return
      if (clock.monotonic() >= deadline)
        throw new StrataError('FEED_NOT_VISIBLE', { message: `A commit is not visible after ${timeoutMs} ms` })
      await clock.sleep(pauseMs, signal)
    }
  }

  async #areVisible(full: readonly string[]): Promise<boolean> {
    const answer = await this.#options.on.query<{ visible: boolean; next: string }>(sql`
      with now as materialized (
        select pg_current_snapshot() as snapshot
      )
      select (
          select bool_and(pg_visible_in_snapshot(x.xid::xid8, now.snapshot))
          from unnest(${full}::text[]) as x (xid)
        ) as visible,
        pg_snapshot_xmax(now.snapshot)::text as next
      from now`)
    const { visible, next } = onlyRow(answer)
    this.#reference = BigInt(next)
    return visible
  }

  async #readNext(): Promise<bigint> {
    const answer = await this.#options.on.query<{ next: string }>(
      sql`select pg_snapshot_xmax(pg_current_snapshot())::text as next`,
    )
    return BigInt(onlyRow(answer).next)
  }
}
