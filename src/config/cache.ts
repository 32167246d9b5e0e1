// `cache` of a configuration, as types and as a schema: where values are kept, how much of them, and for how long.

import { z } from 'zod'
import { messageOf } from '../base/errors.ts'
import { parseDurationMs, parseSizeBytes } from '../base/units.ts'
import type { CacheOptions, NamespaceOptions } from '../cache/index.ts'

export interface CacheConfig {
  readonly redis?: string | undefined
  readonly prefix?: string | undefined
  readonly memory?: string | undefined
  readonly entry?: string | undefined
  readonly maxStaleness?: string | undefined
  readonly schemas?: readonly string[] | undefined
  readonly namespaces?: Readonly<Record<string, Omit<NamespaceOptions, 'loadTimeout'>>> | undefined
}

/** What the root makes the cache with. */
export interface CacheSettings {
  readonly options: Pick<CacheOptions, 'redis' | 'memoryBytes' | 'entryBytes' | 'maxStaleness' | 'namespaces'>
  /** undefined: of the database itself. */
  readonly prefix: string | undefined
  readonly schemas: readonly string[]
}

/** With its unit: nobody can tell whether a bare number was meant as seconds. */
const lasting = z.string().check(checkWith(parseDurationMs))
const size = z.string().check(checkWith(parseSizeBytes))

const namespace = z.strictObject({
  ttl: lasting.optional().describe("How long a value is fresh. Default: '1 min'."),
  staleFor: lasting
    .optional()
    .describe('How long after that it is served while a new one is loaded. Default: not at all.'),
  negativeTtl: lasting.optional().describe("How long null and undefined are fresh. Default: `ttl`, at most '10s'."),
  refreshAhead: z
    .boolean()
    .optional()
    .describe('Load what is asked for often again before its time is over. Default: true.'),
})

export const cacheSchema: z.ZodType<CacheConfig> = z.strictObject({
  redis: z
    .string()
    .check((context) => {
      if (URL.canParse(context.value) && /^rediss?:$/.test(new URL(context.value).protocol)) return
      const message = 'expected redis://host:port/0, or rediss://'
      context.issues.push({ code: 'custom', message, input: '(a URL, not shown)', continue: true })
    })
    .optional()
    .describe('URL of the Redis that processes share. Without: each process has a cache of its own.'),
  prefix: z
    .string()
    .regex(/^[\w.:/-]{1,100}$/)
    .optional()
    .describe('Tells this cache in Redis from others. Default: by the database, whoever connects to it and however.'),
  memory: size.optional().describe("Copies in each process. Default: '64MB'."),
  entry: size.optional().describe("Larger values are served and not stored. Default: '1MB'."),
  maxStaleness: lasting.optional().describe("How long a copy is served before Redis is asked again. Default: '5s'."),
  schemas: z
    .array(z.string().min(1))
    .max(32)
    .optional()
    .describe(
      'Where tables may stand that a cached query names without a schema and that the database does not know yet. Default: public.',
    ),
  namespaces: z
    .record(z.string().min(1).max(100), namespace)
    .optional()
    .describe(
      'Lifetimes by namespace. user, session, balance, reports, portfolio, price and governance have usual ones.',
    ),
})

export function resolveCache({
  redis,
  prefix,
  memory,
  entry,
  maxStaleness,
  schemas,
  namespaces,
}: CacheConfig): CacheSettings {
  return {
    options: {
      redis,
      memoryBytes: memory === undefined ? undefined : parseSizeBytes(memory),
      entryBytes: entry === undefined ? undefined : parseSizeBytes(entry),
      maxStaleness,
      namespaces,
    },
    prefix,
    schemas: schemas ?? ['public'],
  }
}

function checkWith(parse: (text: string) => unknown): z.core.CheckFn<string> {
  return (context) => {
    try {
      parse(context.value)
    } catch (error) {
      context.issues.push({ code: 'custom', message: messageOf(error), input: context.value, continue: true })
    }
  }
}
