// The cache as the root has it, over a pool: statements are loaded through the pool, and what a session has seen counts.
//
// What holds, in a session: no answer is older than what the session has seen or written, whether that came from a server or
// from the cache; an answer from the cache moves the session on to where its load had come, as a read would.
// What must be true of positions stands in positions.ts.

import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { Queryable, Result } from '../db/db.ts'
import { ownStatement } from '../db/pool/observer.ts'
import type { StrataPool } from '../db/pool/strata-pool.ts'
import type { QueryAnswer, QueryApi, QueryOptions, TypedSql } from '../db/query/index.ts'
import type { Sql } from '../sql/sql.ts'
import { createCachedQuery, type QueryCacheChoice } from './cache-query.ts'
import { openCache, type Cache, type CacheOptions } from './cache.ts'
import { Dependencies } from './depends.ts'
import type { CacheGetOptions } from './options.ts'
import { readCacheName } from './place.ts'
import { Coverage, Timeline } from './positions.ts'
import { createSessionReads, type Loaded } from './session-reads.ts'
import { Whose, type RouteSettings } from './whose.ts'

export interface CachedQueryChoice extends QueryOptions {
  readonly cache?: QueryCacheChoice | undefined
}

/** Of a statement as text: here a bare number counts as seconds, as it does in Redis. */
export interface CachedTextChoice extends QueryOptions {
  readonly cache?: (Omit<QueryCacheChoice, 'ttl'> & { readonly ttl?: string | number | undefined }) | undefined
}

export interface RoutedQuery {
  /**
   * One statement, prepared by name, sent to the node that is right for it; with `cache`, answered from the cache where it may be.
   *
   *     const { rows } = await strata.query(sql`select * from songs where id = ${id}`, { cache: { ttl: '1 min' } })
   */
  <Row extends object = Record<string, unknown>>(
    statement: Sql | TypedSql<Row>,
    options?: CachedQueryChoice,
  ): Promise<QueryAnswer<Row>>
  /**
   * The same with its parameters beside it; a `ttl` without a unit is in seconds here.
   *
   *     await strata.query('select * from users where address = $1', [address], { cache: { ttl: 300, key: `user:${address}` } })
   */
  <Row extends object = Record<string, unknown>>(
    text: string,
    values: readonly unknown[],
    options?: CachedTextChoice,
  ): Promise<QueryAnswer<Row>>
}

export interface RoutedCache {
  readonly cache: Cache
  readonly query: RoutedQuery
  /**
   * What several reads come to, or what is made of them, cached as the answer of one statement is: in a session it is never older
   * than what the session has written or seen. Whatever `load` asks of `strata` is sent where it is new enough. The key stands
   * for all that the value depends on, also for whose it is; it is not one of `cache.get` in the same namespace.
   *
   *     const page = await strata.cached(`artist:${id}`, () => renderArtist(strata, id), { ttl: '1 min', tags: [tableTag('public', 'artists')] })
   */
  cached<T>(key: string, load: () => Promise<T>, options?: CachedChoice): Promise<T>
}

/** Beside what `cache.get` keeps, which is kept in another form. */
const cachedNamespace = 'cached'

/** As of `cache.get`; the session is the one that surrounds the call. Default of `namespace`: 'cached'. */
export type CachedChoice = Omit<CacheGetOptions, 'token'>

export interface RoutedCacheTools {
  readonly options: Pick<CacheOptions, 'redis' | 'memoryBytes' | 'entryBytes' | 'maxStaleness' | 'namespaces'>
  /** In Redis; undefined: by the database. */
  readonly prefix: string | undefined
  /** Where names without a schema may stand that the database does not know. */
  readonly schemas: readonly string[]
  /** By route. */
  readonly settings: RouteSettings
  readonly pool: StrataPool
  readonly api: Pick<QueryApi, 'query'>
  readonly clock: Clock
  readonly random: Random
}

export function createRoutedCache(tools: RoutedCacheTools): RoutedCache {
  const { pool, api, schemas, clock, random } = tools
  /** Outside of any session, with the settings of the route. */
  const askBy = (route: 'read' | 'write'): Queryable => ({
    query: async <Row extends object>(statement: Sql): Promise<Result<Row>> =>
      await pool.scope(undefined, () => api.query<Row>(statement, { route, [ownStatement]: true })),
  })
  const onPrimary = askBy('write')
  const asReader = askBy('read')
  const dependencies = new Dependencies({ ask: asReader, clock, schemas })
  const coverage = new Coverage(onPrimary, clock)
  const cache = openCache({
    ...tools.options,
    prefix: tools.prefix ?? (() => readCacheName((statement) => onPrimary.query(statement))),
    position: async () => (await timeline.look())?.lsn,
    tellsOf: (tags) => coverage.has(tags.filter((tag) => !dependencies.isView(tag))),
    clock,
    random,
  })
  const timeline = new Timeline(onPrimary, cache)
  const cached = createCachedQuery({ cache, dependencies, whose: new Whose(asReader, tools.settings) })
  const { inSession, peekInSession, loadAt } = createSessionReads({ pool, timeline, coverage })
  const answerCached = async <Row extends object>(
    statement: Sql,
    { cache: choice = {}, ...rest }: CachedQueryChoice,
  ): Promise<QueryAnswer<Row>> => {
    const send = async (): Promise<QueryAnswer<Row>> => await api.query<Row>(statement, rest)
    return await inSession(
      (token) =>
        cached.get<Loaded<QueryAnswer<Row>>>(statement, { token, ...choice }, (_, atLeast) => loadAt(atLeast, send)),
      send,
    )
  }
  const peekAnswer = <Row extends object>(statement: Sql, choice: QueryCacheChoice): QueryAnswer<Row> | undefined =>
    peekInSession((token) => cached.peek<Loaded<QueryAnswer<Row>>>(statement, { token, ...choice }))?.value
  return {
    cache,
    query: async <Row extends object>(
      statement: Sql | TypedSql<Row> | string,
      second?: CachedQueryChoice | readonly unknown[],
      third?: CachedTextChoice,
    ): Promise<QueryAnswer<Row>> => {
      const [sent, options] = readCall(statement, second, third)
      const { cache: choice, ...rest } = options
      if (choice === undefined || choice.enabled === false) return await api.query<Row>(sent, rest)
      return peekAnswer<Row>(sent, choice) ?? (await answerCached<Row>(sent, options))
    },
    cached: async <T>(key: string, load: () => Promise<T>, options: CachedChoice = {}): Promise<T> => {
      const choice = { namespace: cachedNamespace, ...options }
      const kept = peekInSession((token) => cache.peek<Loaded<T>>(key, { ...choice, token }))
      if (kept !== undefined) return kept.value
      return await inSession(
        (token) =>
          cache.get(
            key,
            async ({ atLeast, markNone }) => {
              const loaded = await loadAt(atLeast, load)
              if (loaded.value === undefined || loaded.value === null) markNone()
              return loaded
            },
            { ...choice, token },
          ),
        load,
      )
    },
  }
}

function readCall(
  statement: Sql | string,
  second: CachedQueryChoice | readonly unknown[] | undefined,
  third: CachedTextChoice = {},
): readonly [Sql, CachedQueryChoice] {
  if (typeof statement !== 'string' || !Array.isArray(second)) {
    // A text alone is refused where statements are checked: it may have been put together with values in it.
    return [statement as Sql, (second ?? {}) as CachedQueryChoice]
  }
  const { cache, ...rest } = third
  const sent = { text: statement, values: [...(second as readonly unknown[])] }
  if (cache === undefined) return [sent, rest]
  const { ttl, ...choice } = cache
  return [sent, { ...rest, cache: { ...choice, ttl: typeof ttl === 'number' ? `${ttl}s` : ttl } }]
}
