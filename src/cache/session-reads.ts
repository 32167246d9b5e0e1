// Reads through the cache in the session that surrounds them: not older than what it has seen, and never unseen afterwards.

import type { Lsn } from '../db/lsn.ts'
import type { StrataPool } from '../db/pool/strata-pool.ts'
import { formatToken } from '../db/token.ts'
import type { Coverage, Timeline } from './positions.ts'

/** A value as it is cached, and how far the session had come that loaded it. */
export interface Loaded<T> {
  readonly value: T
  readonly seen: string | undefined
}

interface SessionReads {
  /** A read in a session of its own, which is at least as new as the position; from the primary where it is undefined. */
  readonly loadAt: <T>(atLeast: Lsn | undefined, read: () => Promise<T>) => Promise<Loaded<T>>
  /** `get` is given what the session that surrounds the call has seen; where that cannot be compared, it is passed by. */
  readonly inSession: <T>(
    get: (token: Lsn | undefined) => Promise<Loaded<T>>,
    pastCache: () => Promise<T>,
  ) => Promise<T>
  /** The same where nothing has to be waited for; undefined: call `inSession`. */
  readonly peekInSession: <T>(peek: (token: Lsn | undefined) => Loaded<T> | undefined) => Loaded<T> | undefined
}

interface SessionReadTools {
  readonly pool: StrataPool
  readonly timeline: Timeline
  readonly coverage: Coverage
}

export function createSessionReads({ pool, timeline, coverage }: SessionReadTools): SessionReads {
  return {
    loadAt: async (atLeast, read) => {
      const floor = timeline.at(atLeast)
      return await pool.scope(floor, async (session) => {
        // Whatever route a statement says itself.
        if (floor === undefined) session.unsettle()
        const value = await read()
        const seen = session.token
        return { value, seen: seen === undefined ? undefined : formatToken(seen) }
      })
    },
    inSession: async (get, pastCache) => {
      const token = pool.sessionToken
      if (token !== undefined && !(await timeline.isComparable(token))) return await pastCache()
      if (token !== undefined) coverage.keepUp()
      const { value, seen } = await get(token?.lsn)
      if (seen !== undefined) pool.joinSession(seen)
      return value
    },
    peekInSession: (peek) => {
      const token = pool.sessionToken
      if (token !== undefined && !timeline.isKnown(token)) return undefined
      if (token !== undefined) coverage.keepUp()
      const found = peek(token?.lsn)
      if (found?.seen !== undefined) pool.joinSession(found.seen)
      return found
    },
  }
}
