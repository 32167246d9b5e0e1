// Who holds the lock that a session waits for. Asked from another connection while the session waits, because
// afterwards nobody waits any more. Bound: one small query each `everyMs`, ever less often while nobody is in the way.

import type { Clock } from '../base/clock.ts'
import { formatDuration } from '../base/units.ts'
import type { Db } from '../db/db.ts'
import { sql } from '../sql/sql.ts'

export interface BlockerWatch {
  /** The last blockers seen, as lines for a person. */
  readonly seen: () => readonly string[]
  stop(): Promise<void>
}

export interface BlockerWatchOptions {
  readonly db: Db
  readonly pid: number
  readonly everyMs: number
  readonly clock: Clock
}

const longestMs = 1_000

export function watchBlockers(options: BlockerWatchOptions): BlockerWatch {
  const stopping = new AbortController()
  let seen: readonly string[] = []
  let everyMs = options.everyMs
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      await options.clock.sleep(everyMs, stopping.signal).catch(() => undefined)
      if (stopping.signal.aborted) return
      // Not being told who blocks is no reason to fail.
      const found = await readBlockers(options.db, options.pid).catch(() => [])
      if (found.length > 0) seen = found
      // An hour of building an index is not watched twenty times a second.
      everyMs = found.length > 0 ? options.everyMs : Math.min(longestMs, everyMs * 1.1)
    }
  })()
  return {
    seen: () => seen,
    stop: async () => {
      stopping.abort()
      await watching
    },
  }
}

interface Blocker {
  readonly pid: number
  readonly user: string | null
  readonly application: string | null
  readonly state: string | null
  readonly transactionMs: number | null
}

async function readBlockers(db: Db, pid: number): Promise<readonly string[]> {
  const { rows } = await db.query<Blocker>(sql`
    select a.pid, a.usename::text as "user", a.application_name as application, a.state,
      (extract(epoch from clock_timestamp() - a.xact_start) * 1000)::float8 as "transactionMs"
    from unnest(pg_blocking_pids(${pid}::int4)) as b (pid)
    join pg_stat_activity a using (pid)
    limit 5`)
  return rows.map((row) => {
    const since = row.transactionMs === null ? '' : `, in a transaction for ${formatDuration(row.transactionMs)}`
    return `blocked by backend ${row.pid} (${row.user ?? '?'}, ${row.application || 'unnamed'}, ${row.state ?? '?'}${since})`
  })
}
