// How long the statements of one transaction wait for locks, together. Locks already held hold others up while we wait
// for the next one, so what is left of the rung is shared; a tenth of it is always had.

import type { Clock } from '../base/clock.ts'
import type { Session } from '../db/db.ts'
import { sql } from '../sql/sql.ts'

export interface Patience {
  /** Before each statement but the first. */
  share(): Promise<void>
  /** The author SET something, perhaps lock_timeout: what is said next counts again. */
  renew(): void
}

export function openPatience(session: Session, clock: Clock, rungMs: number): Patience {
  const begun = clock.monotonic()
  let saidMs = rungMs
  return {
    share: async () => {
      const leftMs = Math.ceil(Math.max(rungMs - (clock.monotonic() - begun), rungMs / 10))
      // Saying it costs a round trip: only where it makes a difference of a tenth.
      if (saidMs - leftMs < rungMs / 10) return
      saidMs = leftMs
      await session.query(sql.raw(`set local lock_timeout = '${leftMs}ms'`))
    },
    renew: () => {
      saidMs = Number.POSITIVE_INFINITY
    },
  }
}
