// What an answer costs that the cache has in Redis, one that it has not, and the same one asked of the database: one after the other, of the
// statements that the app keeps.

import { createQuery, layers, type Query } from '../../../examples/sessions/src/db/query.ts'
import { sessionById } from '../../../examples/sessions/src/db/statements/sessions.ts'
import { userByAddress } from '../../../examples/sessions/src/db/statements/users.ts'
import { resolveSessions } from '../../../examples/sessions/src/strata.ts'
import { timeMs } from '../../harness/rounds.ts'
import { withStrata } from './databases.ts'
import { drawSessions } from './mix.ts'

export interface CostsInput {
  readonly url: string
  readonly redis: string
  readonly asked: number
}

/** Milliseconds of one answer. */
export async function measureCosts({ url, redis, asked }: CostsInput): Promise<Record<string, number>> {
  const sessions = distinct(await drawSessions(url, drawnOfEach * asked)).slice(0, asked)
  const resolved = resolveSessions({ url, redis })
  return await withStrata(resolved, async (strata) => {
    const ask = createQuery(strata)
    const all = async (isKept: boolean): Promise<number> => {
      const tookMs = await timeMs(async () => {
        for (const { session_id, other } of sessions) await askBoth(ask, { session_id, other, isKept })
      })
      return tookMs / (2 * sessions.length)
    }
    // Connections, statements, code.
    await all(false)
    await strata.cache.clear()
    const miss = await all(true)
    const hit = await all(true)
    return { direct_ms: await all(false), miss_ms: miss, hit_ms: hit }
  })
}

const drawnOfEach = 5

/** Each session and each wallet once: asked again it would be a hit. */
function distinct<T extends { readonly session_id: string; readonly other: string }>(
  drawn: readonly T[],
): readonly T[] {
  const seen = new Set<string>()
  return drawn.filter(({ session_id, other }) => {
    if (seen.has(session_id) || seen.has(other)) return false
    seen.add(session_id).add(other)
    return true
  })
}

interface Asked {
  readonly session_id: string
  readonly other: string
  readonly isKept: boolean
}

async function askBoth(ask: Query, { session_id, other, isKept }: Asked): Promise<void> {
  await ask(sessionById.text, [session_id], isKept ? layers.session(session_id) : {})
  await ask(userByAddress.text, [other], isKept ? layers.user(other) : {})
}
