// Answers of statements, cached: by their text, their parameters and whose they are; invalidated by the tables they name.
//
// What must be true: only what surely reads is cached. A statement that writes, locks rows, or calls what gives another answer
// each time is refused (now() does not count: it is as old as the answer), and so is one whose tables cannot be told
// and that has no tags. A function hides tables: then say the `tags`. Where it is not known whose answers these are, nothing is cached.
// On failure: CACHE_QUERY_REFUSED with the reason, never with the text.

import { StrataError } from '../base/errors.ts'
import type { Lsn } from '../db/lsn.ts'
import { createClassifier, isParserLoaded, loadParser, type Classifier } from '../sql/classify/index.ts'
import { isFickle } from '../sql/relations.ts'
import type { Sql } from '../sql/sql.ts'
import type { PeekableCache } from './cache.ts'
import type { Dependencies } from './depends.ts'
import { queryKey } from './key.ts'
import type { CacheGetOptions } from './options.ts'
import type { Whose } from './whose.ts'

export interface QueryCacheChoice extends CacheGetOptions {
  /** Default: of text, parameters and identity. One of your own stands for all three. */
  readonly key?: string | undefined
  /** Default: the tables that the statement names, and those that its views read. */
  readonly tags?: readonly string[] | undefined
  /** false: not this time. */
  readonly enabled?: boolean | undefined
  /** Whose answer it is, where rows depend on more than role, search_path and settings: the tenant. */
  readonly identity?: Readonly<Record<string, string | undefined>> | undefined
}

export interface CachedQueryOptions {
  readonly cache: PeekableCache
  readonly dependencies: Pick<Dependencies, 'tagsOf'>
  readonly whose: Pick<Whose, 'read'>
}

/** Sends it; what it reads is at least as new as `atLeast`, and from the primary where that is undefined. */
type SendQuery<Answer> = (statement: Sql, atLeast: Lsn | undefined) => Promise<Answer>

export interface CachedQuery {
  get<Answer>(statement: Sql, choice: QueryCacheChoice, send: SendQuery<Answer>): Promise<Answer>
  /** Of what has a key and tags of its own, a copy of this process; undefined: ask `get`. */
  peek<Answer>(statement: Sql, choice: QueryCacheChoice): Answer | undefined
}

const namespace = 'query'
const mostTexts = 1_000

export function createCachedQuery(options: CachedQueryOptions): CachedQuery {
  const { cache, dependencies, whose } = options
  const classifier: Classifier = createClassifier({ maxEntries: mostTexts })
  const fickle = new Map<string, boolean>()
  const isFickleText = (text: string): boolean => {
    const known = fickle.get(text)
    if (known !== undefined) return known
    if (fickle.size >= mostTexts) fickle.clear()
    const found = isFickle(text)
    fickle.set(text, found)
    return found
  }
  const whyRefused = (text: string): string | undefined => {
    const { route, reason, keepsState } = classifier.classify(text)
    if (route !== 'read' || keepsState) return reason
    return isFickleText(text) ? 'it gives another answer each time' : undefined
  }
  const peek = <Answer>({ text }: Sql, choice: QueryCacheChoice): Answer | undefined => {
    const { key, tags, enabled = true, identity: _, ...rest } = choice
    if (!enabled || key === undefined || tags === undefined || !isParserLoaded()) return undefined
    return whyRefused(text) === undefined ? cache.peek<Answer>(key, { namespace, ...rest, tags }) : undefined
  }
  const get: CachedQuery['get'] = async (statement, choice, send) => {
    const { key, tags, enabled = true, identity, ...rest } = choice
    if (!enabled) return await send(statement, choice.token)
    await loadParser()
    const reason = whyRefused(statement.text)
    if (reason !== undefined) throw refuse(reason)
    const inferred = tags ?? (await dependencies.tagsOf(statement.text))
    if (inferred === undefined) throw refuse('its tables cannot be told')
    const own = key === undefined ? await whose.read() : {}
    if (own === undefined) return await send(statement, choice.token)
    return await cache.get(
      key ?? queryKey({ text: statement.text, values: statement.values, identity: { ...own, ...identity } }),
      ({ atLeast }) => send(statement, atLeast),
      { namespace, ...rest, tags: inferred },
    )
  }
  return { get, peek }
}

function refuse(reason: string): StrataError {
  return new StrataError('CACHE_QUERY_REFUSED', { message: `The answer of a statement is not cached: ${reason}` })
}
