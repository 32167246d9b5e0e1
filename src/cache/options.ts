// What may be said to the cache: of the whole, of a namespace, of one call; and all of it as numbers.
//
// Durations carry their unit; a bare number is refused, for nobody can tell whether it was meant as seconds.

import { StrataError } from '../base/errors.ts'
import { parseDurationMs } from '../base/units.ts'
import type { Lsn } from '../db/lsn.ts'

/** '30s', '5 min', '1 hour'. */
export type CacheDuration = string

export interface NamespaceOptions {
  /** How long a value is fresh. Default '1 min'. */
  readonly ttl?: CacheDuration | undefined
  /** For so long after that it is served while a new one is loaded; never once it was invalidated. Default: not at all. */
  readonly staleFor?: CacheDuration | undefined
  /** How long "there is none" (null, undefined) is fresh. Default: `ttl`, at most '10s'. */
  readonly negativeTtl?: CacheDuration | undefined
  /** Load a value again, before its time is over, if it is asked for often. Default: yes. */
  readonly refreshAhead?: boolean | undefined
  /** How long a load may take. Default '30s'. */
  readonly loadTimeout?: CacheDuration | undefined
}

export interface CacheGetOptions extends NamespaceOptions {
  /** Whose lifetimes count where none are given here, and what can be cleared at once. Default 'default'. */
  readonly namespace?: string | undefined
  /** By which it can be invalidated beside its key; the tag of a table is `tableTag('public', 'songs')`. At most 64. */
  readonly tags?: readonly string[] | undefined
  /** Nothing older than this position is served. */
  readonly token?: Lsn | undefined
  /** How long this process may serve its own copy before it asks Redis again. Default: that of the cache. */
  readonly maxStaleness?: CacheDuration | undefined
}

/** What a loader is told. */
export interface LoadContext {
  /** What it reads must be at least as new. undefined: it must read from the primary. */
  readonly atLeast: Lsn | undefined
  /** Fires when nobody waits any longer. */
  readonly signal: AbortSignal
  /** How long the value is fresh, where only the value tells. */
  readonly setTtl: (ttl: CacheDuration) => void
  /** What was found is "there is none", though the value is not null or undefined: it is fresh for `negativeTtl`. */
  readonly markNone: () => void
}

export type Load<T> = (context: LoadContext) => Promise<T> | T

export interface Lifetimes {
  readonly ttlMs: number
  readonly staleForMs: number
  readonly negativeTtlMs: number
  readonly refreshAhead: boolean
  readonly loadTimeoutMs: number
}

export interface GetCall extends Lifetimes {
  readonly namespace: string
  readonly tags: readonly string[]
  readonly token: Lsn | undefined
  /** The feed tells of everything that the value depends on. */
  readonly isTold: boolean
}

/** What the plans of most applications ask for; a configuration adds to it and changes it. */
export const usualNamespaces: Readonly<Record<string, NamespaceOptions>> = {
  user: { ttl: '10 min' },
  session: { ttl: '1 hour' },
  balance: { ttl: '30s' },
  reports: { ttl: '5 min' },
  portfolio: { ttl: '5 min' },
  price: { ttl: '1 min' },
  governance: { ttl: '30 min' },
}

const dayMs = 86_400_000
const longestMs = 366 * dayMs
const mostTags = 64
const longestName = 1_000

/** A table as a tag: what the change feed invalidates by. */
export function tableTag(schema: string, table: string): string {
  return `table:${JSON.stringify([schema, table])}`
}

export function resolveLifetimes(options: NamespaceOptions, base: Lifetimes | undefined): Lifetimes {
  const ttlMs = durationOf('ttl', options.ttl) ?? base?.ttlMs ?? 60_000
  const inherited = options.ttl === undefined ? base?.negativeTtlMs : undefined
  return {
    ttlMs,
    staleForMs: durationOf('staleFor', options.staleFor) ?? base?.staleForMs ?? 0,
    negativeTtlMs: durationOf('negativeTtl', options.negativeTtl) ?? inherited ?? Math.min(ttlMs, 10_000),
    refreshAhead: options.refreshAhead ?? base?.refreshAhead ?? true,
    loadTimeoutMs: durationOf('loadTimeout', options.loadTimeout) ?? base?.loadTimeoutMs ?? 30_000,
  }
}

/** The same few come with every call; reading them took a tenth of a hit in Redis. */
const durations = new Map<string, number>()
const mostDurations = 1_000

/** undefined stays undefined. */
export function durationOf(name: string, value: CacheDuration | undefined): number | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string')
    throw new StrataError('VALUE_INVALID', {
      message: `${name} has no unit`,
      expected: "a duration such as '30s' or '5 min'",
      got: `a ${typeof value}`,
    })
  const known = durations.get(value)
  if (known !== undefined) return known
  const durationMs = Math.ceil(parseDurationMs(value))
  if (durationMs <= longestMs) {
    if (durations.size >= mostDurations) durations.clear()
    durations.set(value, durationMs)
    return durationMs
  }
  throw new StrataError('VALUE_INVALID', { message: `${name} is too long`, expected: 'at most 366 days' })
}

export function checkTags(tags: readonly string[]): void {
  if (tags.length <= mostTags && tags.every((tag) => typeof tag === 'string' && tag.length <= longestName)) return
  throw new StrataError('VALUE_INVALID', {
    message: 'Tags of a cached value',
    expected: `at most ${mostTags} texts of at most ${longestName} characters`,
    got: `${tags.length}`,
  })
}

export function checkNamespace(name: string): void {
  if (typeof name === 'string' && name.length > 0 && name.length <= 100 && !name.includes('\0')) return
  throw new StrataError('VALUE_INVALID', { message: 'A namespace of the cache', expected: '1 to 100 characters' })
}

export const rowTagPrefix = 'row:'

/** One row of a table, by its primary key. Values as texts, as the feed has them. */
export function rowTag(
  schema: string,
  table: string,
  key: Readonly<Record<string, string | number | bigint | null>>,
): string {
  const columns = Object.entries(key)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [name, value === null ? null : String(value)])
  return `${rowTagPrefix}${JSON.stringify([schema, table, columns])}`
}
