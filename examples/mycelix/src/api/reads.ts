// Reads through the cache, as old as the original design lets them become: 1 minute, 5, 10.
//
// Promises: whoever wrote something reads it, and whoever comes with the id of a live event (`x-event-id`) reads at least what that event
// told of, cached or not and on whichever server; others get what was cached for somebody. A change of an artist or a song
// discards what is cached at once, where the feed of changes runs; plays and payments do not, or nothing would last.
// What must be true: what is read here does not count as seen by the client's session. Else nearly every second request of a browser
// would have to be newer than what is cached.

import type { FastifyRequest } from 'fastify'
import { tableTag } from 'pgstrata'
import { OptimizedQueries } from '../db/optimized-queries.ts'
import type { RawRow } from '../db/columns.ts'
import type { MycelixStrata } from '../strata.ts'

/** Of the configuration, with their lifetimes. */
export const namespaces = ['platformStats', 'topSongs', 'artistProfile'] as const
type Namespace = (typeof namespaces)[number]

const tags = ['artists', 'songs'].map((table) => tableTag('public', table))

interface CachedSource {
  query(text: string, values?: readonly unknown[]): Promise<{ readonly rows: readonly RawRow[] }>
}

/** What a route reads from: the questions of the app, and statements of its own. */
export interface Reader {
  readonly queries: OptimizedQueries
  readonly source: CachedSource
}

export interface Reads {
  cached<T>(request: FastifyRequest, namespace: Namespace, read: (reader: Reader) => Promise<T>): Promise<T>
}

export function createReads(strata: MycelixStrata): Reads {
  const readers = Object.fromEntries(
    namespaces.map((namespace) => {
      const source = cachedBy(strata, namespace)
      return [namespace, { source, queries: new OptimizedQueries(source) }]
    }),
  ) as Readonly<Record<Namespace, Reader>>
  return {
    cached: async (request, namespace, read) => {
      const { pool, live } = strata
      const eventId = request.headers['x-event-id']
      const event = typeof eventId === 'string' ? await live.token(eventId) : undefined
      return await strata.scope(pool.sessionToken, async () => {
        if (event !== undefined) pool.joinSession(event)
        return await read(readers[namespace])
      })
    },
  }
}

function cachedBy(strata: MycelixStrata, namespace: Namespace): CachedSource {
  return {
    query: async (text, values = []) => await strata.query(text, values, { cache: { namespace, tags } }),
  }
}
