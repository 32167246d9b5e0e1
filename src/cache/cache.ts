// The cache as it is used: what was said is checked and completed, the layers are joined, and closed in order.
// What it promises stands in core.ts.

import { systemClock, type Clock } from '../base/clock.ts'
import { isStrataError, StrataError } from '../base/errors.ts'
import { systemRandom, type Random } from '../base/random.ts'
import type { ChangeListener } from '../changes/feed/change.ts'
import type { Lsn } from '../db/lsn.ts'
import { RedisLink } from '../redis/index.ts'
import { CacheCore, handOut } from './core.ts'
import { createFeedListener } from './feed.ts'
import { Invalidator, type Invalidation, type Reach } from './invalidation.ts'
import { keyMark, localKey, namespaceMark, tagMark } from './key.ts'
import type { LocalEntry } from './l1.ts'
import { SharedLayer } from './l2.ts'
import { createLimiter, type Limiter, type LimiterOptions } from './limiter/index.ts'
import {
  checkNamespace,
  checkTags,
  durationOf,
  resolveLifetimes,
  tableTag,
  usualNamespaces,
  type CacheDuration,
  type CacheGetOptions,
  type GetCall,
  type Lifetimes,
  type Load,
  type NamespaceOptions,
} from './options.ts'
import type { NamespaceStats } from './stats.ts'

export interface CacheOptions {
  /** `redis://…`; without it each process has a cache of its own. */
  readonly redis?: string | undefined
  /** Tells this cache in Redis from others: the same in all processes of a database, and in no other. Default 'cache'. */
  readonly prefix?: string | (() => Promise<string>) | undefined
  /** Bytes of copies in this process. Default 64 MB. */
  readonly memoryBytes?: number | undefined
  /** Larger values are served and not stored. Default 1 MB. */
  readonly entryBytes?: number | undefined
  /** Lifetimes by namespace, beside the usual ones. */
  readonly namespaces?: Readonly<Record<string, NamespaceOptions>> | undefined
  /** How long a copy is served before Redis is asked again. Default '5s'. */
  readonly maxStaleness?: CacheDuration | undefined
  /** How long another process is waited for that loads the same. Default '1s'. */
  readonly wait?: CacheDuration | undefined
  /** The primary's insert position, for tokens. Without it loaders must read from the primary. */
  readonly position?: (() => Promise<Lsn | undefined>) | undefined
  /**
   * Whether the change feed tells of everything that a value with these tags depends on: only then does it count, for a
   * token, how far the feed has come. Default: yes.
   */
  readonly tellsOf?: ((tags: readonly string[]) => boolean) | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
}

export interface InvalidateOptions {
  /** Keys, of `namespace`. */
  readonly keys?: readonly string[] | undefined
  /** Default 'default'. */
  readonly namespace?: string | undefined
  readonly tags?: readonly string[] | undefined
  /** Tables, in schema public or as [schema, table]. */
  readonly tables?: readonly (string | readonly [string, string])[] | undefined
}

export interface CacheStats {
  readonly namespaces: Readonly<Record<string, NamespaceStats>>
  /** Of copies in this process. */
  readonly bytes: number
  readonly redis: 'none' | 'up' | 'down'
}

export interface Cache {
  /**
   * The value of a key, or what `load` gives, which is then stored. Frozen, for it is shared with others.
   *
   *     const user = await cache.get(`user:${id}`, () => readUser(id), { ttl: '10 min', tags: [tableTag('public', 'users')] })
   */
  get<T>(key: string, load: Load<T>, options?: CacheGetOptions): Promise<T>
  /** 'everywhere': no get that begins now gives what was loaded before. 'pending': Redis cannot be reached; as soon as it can. */
  invalidate(what: InvalidateOptions): Promise<Reach>
  /** A namespace, or everything. */
  clear(namespace?: string): Promise<Reach>
  /** Whatever committed up to here has been invalidated. */
  noteProgress(position: Lsn): Promise<Reach>
  /** What the change feed is to call. */
  readonly listener: ChangeListener
  stats(): CacheStats
  /** How often somebody may ask, counted on the same Redis. */
  limiter(options: LimiterOptions): Limiter
  /** Connects to Redis, if there is one. Otherwise the first get does. Rejects only where its package is missing. */
  start(): Promise<void>
  close(): Promise<void>
}

/** How long members are waited for, and how long copies are served when Redis has gone silent. */
const memberLeaseMs = 1_000
const invalidateWaitMs = 2_000

export function createCache(options: CacheOptions = {}): Cache {
  return openCache(options)
}

/** A cache as the library itself uses it. */
export interface PeekableCache extends Cache {
  /** What `get` would give at once and needs no refresh, without a promise; undefined: ask `get`. */
  peek<T>(key: string, options?: CacheGetOptions): T | undefined
}

export function openCache(options: CacheOptions = {}): PeekableCache {
  const { clock = systemClock, random = systemRandom, prefix = 'cache' } = options
  const link = options.redis === undefined ? undefined : new RedisLink({ url: options.redis, clock, random })
  const layer = link === undefined ? undefined : new SharedLayer(link, { leaseMs: memberLeaseMs, clock })
  const core = new CacheCore({
    clock,
    random,
    maxBytes: options.memoryBytes ?? 64 * 1_024 ** 2,
    maxEntryBytes: options.entryBytes ?? 1_024 ** 2,
    maxStalenessMs: durationOf('maxStaleness', options.maxStaleness) ?? 5_000,
    waitMs: durationOf('wait', options.wait) ?? 1_000,
    position: options.position,
    shared: link === undefined || layer === undefined ? undefined : { link, layer, leaseMs: memberLeaseMs },
  })
  const invalidator = new Invalidator(core, invalidateWaitMs)
  if (link !== undefined && layer !== undefined) joinRedis({ link, layer, core, invalidator })
  return new OpenCache(core, {
    link,
    invalidator,
    namespaces: resolveNamespaces(options.namespaces ?? {}),
    tellsOf: options.tellsOf ?? (() => true),
    begin: async () => {
      if (link === undefined || layer === undefined) return
      layer.setName(typeof prefix === 'string' ? prefix : await prefix())
      await link.start()
    },
    prefixOf: () => layer?.name ?? '',
  })
}

interface Joined {
  readonly link: RedisLink
  readonly layer: SharedLayer
  readonly core: CacheCore
  readonly invalidator: Invalidator
}

function joinRedis({ link, layer, core, invalidator }: Joined): void {
  const { trust } = core.state
  link.listen({
    up: async () => {
      if (trust === undefined) return
      const settle = await invalidator.flush(layer, trust)
      await trust.join()
      settle()
    },
    down: () => trust?.doubt(),
  })
}

function resolveNamespaces(named: Readonly<Record<string, NamespaceOptions>>): ReadonlyMap<string, Lifetimes> {
  const all = Object.entries({ ...usualNamespaces, ...named })
  for (const [name] of all) checkNamespace(name)
  return new Map(all.map(([name, options]) => [name, resolveLifetimes(options, undefined)]))
}

interface Parts {
  readonly link: RedisLink | undefined
  readonly invalidator: Invalidator
  readonly namespaces: ReadonlyMap<string, Lifetimes>
  readonly tellsOf: (tags: readonly string[]) => boolean
  readonly begin: () => Promise<void>
  readonly prefixOf: () => string
}

class OpenCache implements PeekableCache {
  readonly listener: ChangeListener
  readonly #core: CacheCore
  readonly #parts: Parts
  readonly #usual: Lifetimes = resolveLifetimes({}, undefined)
  #starting: Promise<void> | undefined
  #isClosed = false

  constructor(core: CacheCore, parts: Parts) {
    this.#core = core
    this.#parts = parts
    const isShared = parts.link !== undefined
    this.listener = createFeedListener({ invalidate: (what) => this.#invalidate(what), isShared })
  }

  async get<T>(key: string, load: Load<T>, options: CacheGetOptions = {}): Promise<T> {
    const { namespace = 'default' } = options
    const local = localKey(namespace, key)
    const entry = this.#find(local, options)
    if (entry !== undefined) {
      this.#core.count(entry)
      if (this.#core.needsRefresh(entry))
        this.#core.refresh({ local, key, load, call: this.#callOf(namespace, options) })
      return handOut(entry) as T
    }
    if (this.#isClosed) throw new StrataError('CACHE_CLOSED', { message: 'The cache is closed' })
    const call = this.#callOf(namespace, options)
    if (this.#parts.link?.isStarted === false) await this.#startFirst()
    return (await this.#core.get({ local, key, load, call })) as T
  }

  peek<T>(key: string, options: CacheGetOptions = {}): T | undefined {
    const entry = this.#find(localKey(options.namespace ?? 'default', key), options)
    if (entry === undefined || this.#core.needsRefresh(entry)) return undefined
    this.#core.count(entry)
    return handOut(entry) as T
  }

  async invalidate({ keys = [], namespace = 'default', tags = [], tables = [] }: InvalidateOptions): Promise<Reach> {
    const tableTags = tables.map((table) =>
      typeof table === 'string' ? tableTag('public', table) : tableTag(table[0], table[1]),
    )
    return await this.#invalidate({
      keyMarks: keys.map((key) => keyMark(namespace, key)),
      tagMarks: [...tags, ...tableTags].map(tagMark),
      all: false,
    })
  }

  async clear(namespace?: string): Promise<Reach> {
    const tagMarks = namespace === undefined ? [] : [namespaceMark(namespace)]
    return await this.#invalidate({ keyMarks: [], tagMarks, all: namespace === undefined })
  }

  async noteProgress(position: Lsn): Promise<Reach> {
    return await this.#invalidate({ keyMarks: [], tagMarks: [], all: false, position })
  }

  stats(): CacheStats {
    const { state } = this.#core
    const { link } = this.#parts
    return {
      namespaces: state.stats.read(state.local.entries()),
      bytes: state.local.sizeBytes,
      redis: link === undefined ? 'none' : state.isOpen ? 'up' : 'down',
    }
  }

  limiter(options: LimiterOptions): Limiter {
    const { link, prefixOf } = this.#parts
    const { clock } = this.#core.state.options
    return createLimiter(options, { clock, link, prefixOf, start: () => this.start() })
  }

  async start(): Promise<void> {
    this.#starting ??= this.#parts.begin()
    try {
      await this.#starting
    } catch (error) {
      this.#starting = undefined
      throw error
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#core.state.trust?.leave()
    await this.#parts.link?.close()
  }

  async #invalidate(what: Invalidation): Promise<Reach> {
    if (this.#isClosed) throw new StrataError('CACHE_CLOSED', { message: 'The cache is closed' })
    await this.#startFirst()
    return await this.#parts.invalidator.invalidate(what)
  }

  /** What is missing is an error; a prefix that cannot be read yet is asked for by the next call. */
  async #startFirst(): Promise<void> {
    if (this.#parts.link?.isStarted !== false) return
    await this.start().catch((error: unknown) => {
      if (isStrataError(error, 'DEPENDENCY_MISSING') || isStrataError(error, 'CONFIG_INVALID')) throw error
    })
  }

  #find(local: string, { token, tags = [], maxStaleness }: CacheGetOptions): LocalEntry | undefined {
    if (this.#isClosed) return undefined
    const maxStalenessMs = durationOf('maxStaleness', maxStaleness)
    return this.#core.find(local, { token, maxStalenessMs, isTold: () => this.#parts.tellsOf(tags) })
  }

  #callOf(namespace: string, options: CacheGetOptions): GetCall {
    const { tags = [], token } = options
    checkNamespace(namespace)
    checkTags(tags)
    const base = this.#parts.namespaces.get(namespace) ?? this.#usual
    const isTold = token !== undefined && this.#parts.tellsOf(tags)
    const { ttlMs, staleForMs, negativeTtlMs, refreshAhead, loadTimeoutMs } = resolveLifetimes(options, base)
    return { ttlMs, staleForMs, negativeTtlMs, refreshAhead, loadTimeoutMs, namespace, tags, token, isTold }
  }
}
