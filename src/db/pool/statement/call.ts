// A call of query() in the forms that pg takes, taken apart.

import type pg from 'pg'
import type { Route } from '../options.ts'
import { isOwn, type ownStatement } from '../observer.ts'

/** What pg passes back: an error, or the result. */
export type QueryCallback = (error: Error | null, result?: pg.QueryResult) => void

/** A pg.QueryConfig, and what may be said about where it goes. */
export interface RoutedConfig extends pg.QueryConfig {
  readonly rowMode?: 'array'
  readonly query_timeout?: number
  /** 'write', 'read', 'analytics', or a name from `queries` of the configuration. */
  readonly route?: Route | (string & {})
  /** Ask for a name by which the statement is prepared, unless it has one. */
  readonly prepare?: boolean
  readonly [ownStatement]?: true
}

export interface Call {
  /** As pg takes it. */
  readonly config: string | pg.QueryConfig
  readonly text: string
  readonly values: unknown[] | undefined
  readonly rowMode: 'array' | undefined
  readonly types: pg.CustomTypesConfig | undefined
  readonly route: string | undefined
  readonly timeoutMs: number | undefined
  /** The name it has, or is to have where names are possible. */
  readonly name: string | undefined
  /** The name is ours to give and to take back. */
  readonly ours: boolean
  /** Asks pg for something that only pg's own way of sending can do. */
  readonly special: boolean
  /** The library's own question: observers are not told of it. */
  readonly own: boolean
}

export function isSubmittable(config: unknown): config is pg.Submittable {
  return typeof (config as { submit?: unknown } | null)?.submit === 'function'
}

/** Nothing in it that pg would not understand as it stands. */
export function isPlain(config: unknown): config is string | pg.QueryConfig {
  if (typeof config === 'string') return true
  const { route, prepare, query_timeout: timeout } = (config ?? { route: '' }) as RoutedConfig
  return route === undefined && prepare === undefined && timeout === undefined
}

export function takeApart(config: string | RoutedConfig, values: unknown[] | undefined, prepare: NameGiver): Call {
  if (typeof config === 'string') return plainCall(config, values)
  const { route, prepare: asked, query_timeout: timeoutMs } = config
  const special = config as { rows?: unknown; binary?: unknown; queryMode?: unknown; portal?: unknown }
  const text = typeof config.text === 'string' ? config.text : ''
  const ours = asked === true && config.name === undefined
  return {
    config: route === undefined && asked === undefined && timeoutMs === undefined ? config : forPg(config),
    text,
    values: values ?? (config.values as unknown[] | undefined),
    rowMode: config.rowMode,
    types: config.types,
    route,
    timeoutMs,
    name: config.name ?? (ours ? prepare(text) : undefined),
    ours,
    // What has no text is refused by pg, in its own words.
    special:
      typeof config.text !== 'string' ||
      special.rows !== undefined ||
      special.binary !== undefined ||
      special.portal !== undefined ||
      special.queryMode !== undefined,
    own: isOwn(config),
  }
}

/** Without what pg does not know, or would do by itself. */
function forPg(config: RoutedConfig): pg.QueryConfig {
  const { route: _route, prepare: _prepare, query_timeout: _timeout, ...rest } = config
  return rest
}

/** For a pooler that does not keep names apart. */
export function withoutName(config: string | pg.QueryConfig): string | pg.QueryConfig {
  if (typeof config === 'string' || config.name === undefined) return config
  const { name: _name, ...nameless } = config
  return nameless
}

export type NameGiver = (text: string) => string

/** A stream that was destroyed before it was sent: it would be read by nobody, and never closed. */
export function isDestroyed(submittable: pg.Submittable): boolean {
  return (submittable as { destroyed?: unknown }).destroyed === true
}

/** The text of a Submittable, where it has one: pg.Query, pg-cursor, pg-query-stream, pg-copy-streams. */
export function textOf(submittable: pg.Submittable): string {
  const known = submittable as { text?: unknown; cursor?: { text?: unknown } }
  const text = known.text ?? known.cursor?.text
  return typeof text === 'string' ? text : ''
}

/** Of what pg takes besides: what has no text, or none that is one, is refused by pg, or runs by its name. */
export function plainTextOf(config: unknown): string {
  if (typeof config === 'string') return config
  const text: unknown = (config as { text?: unknown } | null | undefined)?.text
  return typeof text === 'string' ? text : ''
}

export function plainCall(text: string, values?: unknown[]): Call {
  return {
    config: text,
    text,
    values,
    rowMode: undefined,
    types: undefined,
    route: undefined,
    timeoutMs: undefined,
    name: undefined,
    ours: false,
    special: false,
    own: false,
  }
}
