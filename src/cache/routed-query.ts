// The cache as the root has it, over a pool: statements are loaded through the pool, and what a session has seen counts.
//
// What holds, in a session: no answer is older than what the session has seen or written, whether that came from a server or
// from the cache; an answer from the cache moves the session on to where its load had come, as a read would.
// What must be true: positions are compared on one timeline only. A token of another one than this process knows is served by
// the pool; where the process finds a new timeline, everything cached is discarded, and after that positions of it count. How
// far the feed has come counts only for tables that it captures wholly now, looked up every 10 s where sessions ask.
// On failure: what cannot be found out (who the primary is, what is captured) costs a load, and is no error of the call.

import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import { readCaptured } from '../changes/feed/index.ts'
import type { Queryable, Result } from '../db/db.ts'
import type { Session } from '../db/pool/routing/scopes.ts'
import { ownStatement } from '../db/pool/observer.ts'
import type { StrataPool } from '../db/pool/strata-pool.ts'
import type { QueryAnswer, QueryApi, QueryOptions, TypedSql } from '../db/query/index.ts'
import { formatToken, type Token } from '../db/token.ts'
import type { Sql } from '../sql/sql.ts'
import { createCachedQuery, type QueryCacheChoice } from './cache-query.ts'
import { createCache, type Cache, type CacheOptions } from './cache.ts'
import { Dependencies } from './depends.ts'
import { rowTagPrefix, tableTag } from './options.ts'
import { readCacheName, readPlace } from './place.ts'
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
}

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

/** An answer as it is cached, and how far the session had come that loaded it. */
interface Loaded {
  readonly answer: QueryAnswer<object>
  readonly seen: string | undefined
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
  const cache = createCache({
    ...tools.options,
    prefix: tools.prefix ?? (() => readCacheName((statement) => onPrimary.query(statement))),
    position: async () => (await timeline.look())?.lsn,
    tellsOf: (tags) => coverage.has(tags.filter((tag) => !dependencies.isView(tag))),
    clock,
    random,
  })
  const timeline = new Timeline(onPrimary, cache)
  const cached = createCachedQuery({ cache, dependencies, whose: new Whose(asReader, tools.settings) })
  const answerCached = async <Row extends object>(
    statement: Sql,
    { cache: choice = {}, ...rest }: CachedQueryChoice,
  ): Promise<QueryAnswer<Row>> => {
    const token = pool.sessionToken
    if (token !== undefined && !(await timeline.isComparable(token))) return await api.query<Row>(statement, rest)
    if (token !== undefined) coverage.keepUp()
    const load = async (session: Session, options: QueryOptions): Promise<Loaded> => {
      const answer = await api.query<Row>(statement, options)
      const seen = session.token
      return { answer, seen: seen === undefined ? undefined : formatToken(seen) }
    }
    const loaded = await cached<Loaded>(statement, { token: token?.lsn, ...choice }, (_, atLeast) => {
      const floor = timeline.at(atLeast)
      return floor === undefined
        ? pool.scope(undefined, (session) => load(session, { ...rest, route: 'write' }))
        : pool.scope(floor, (session) => load(session, rest))
    })
    if (loaded.seen !== undefined) pool.joinSession(loaded.seen)
    return loaded.answer as QueryAnswer<Row>
  }
  return {
    cache,
    query: async <Row extends object>(
      statement: Sql | TypedSql<Row> | string,
      second?: CachedQueryChoice | readonly unknown[],
      third?: CachedTextChoice,
    ): Promise<QueryAnswer<Row>> => {
      const [sent, options] = readCall(statement, second, third)
      const { cache: choice, ...rest } = options
      return choice === undefined || choice.enabled === false
        ? await api.query<Row>(sent, rest)
        : await answerCached<Row>(sent, options)
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

/** Which timeline of which cluster positions are of, as far as this process knows. */
class Timeline {
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
    if (this.#isOf(token)) return true
    // An older one will never be.
    if (this.#place !== undefined && token.timeline < this.#place.timeline) return false
    await this.look().catch(() => undefined)
    return this.#isOf(token)
  }

  at(lsn: bigint | undefined): Token | undefined {
    const place = this.#place
    return place === undefined || lsn === undefined ? undefined : { ...place, lsn }
  }

  #isOf({ systemId, timeline }: Token): boolean {
    return systemId === this.#place?.systemId && timeline === this.#place.timeline
  }
}

const lookEveryMs = 10_000

/** The tables that the feed captures wholly. */
class Coverage {
  readonly #ask: Queryable
  readonly #clock: Clock
  #tables: ReadonlySet<string> = new Set()
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
    try {
      const [schema, table] = JSON.parse(tag.slice(rowTagPrefix.length)) as [string, string]
      return this.#tables.has(tableTag(schema, table))
    } catch {
      return false
    }
  }
}
