// `server` of a configuration, as types and as a schema: where `pgstrata serve` listens, and who may ask it what.

import { isIP } from 'node:net'
import { z } from 'zod'
import { StrataError } from '../base/errors.ts'
import { parseDurationMs } from '../base/units.ts'
import { duration, type Duration } from './values.ts'

type TokenConfig = string | readonly string[] | Readonly<Record<string, string>>

export interface ServerConfig {
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly tokens?: { readonly read?: TokenConfig | undefined; readonly manage?: TokenConfig | undefined } | undefined
  readonly connections?: number | undefined
  readonly requestTimeout?: Duration | undefined
  readonly grace?: Duration | undefined
}

export interface NamedToken {
  /** What the audit knows it by. */
  readonly name: string
  readonly token: string
}

export interface ServerSettings {
  readonly host: string
  readonly port: number
  readonly tokens: { readonly read: readonly NamedToken[]; readonly manage: readonly NamedToken[] }
  readonly connections: number
  readonly requestTimeoutMs: number
  readonly graceMs: number
}

const leastTokenLength = 16
const mostTokens = 100

const token = z.string().check((context) => {
  // What a header cannot carry would never be right.
  if (context.value.length >= leastTokenLength && context.value.length <= 512 && /^[\x21-\x7e]+$/.test(context.value))
    return
  context.issues.push({
    code: 'custom',
    message: `expected ${leastTokenLength} to 512 characters of ASCII without spaces`,
    input: '(a token, not shown)',
    continue: true,
  })
})

const tokens = z.union([
  token,
  z.array(token).min(1).max(mostTokens),
  z.record(z.string().min(1).max(63), token).refine((record) => Object.keys(record).length <= mostTokens),
])

export const serverSchema: z.ZodType<ServerConfig> = z.strictObject({
  host: z
    .string()
    .min(1)
    .max(253)
    .optional()
    .describe('Address to listen at. Default: 127.0.0.1. Any but that of this machine itself needs tokens.'),
  port: z.int().min(0).max(65_535).optional().describe('Default: 8432. 0: any that is free.'),
  tokens: z
    .strictObject({
      read: tokens
        .optional()
        .describe('Those who may look: one, a list, or by name. Default: without any tokens, this machine alone.'),
      manage: tokens.optional().describe('Those who may look and change, told apart in the audit. Default: nobody.'),
    })
    .optional()
    .describe('Of at least 16 characters, from the environment and not in the file.'),
  connections: z.int().min(1).max(100_000).optional().describe('Connections at once. Default: 2,000.'),
  requestTimeout: duration.optional().describe('How long a request may take to arrive. Default: 10s.'),
  grace: duration.optional().describe('How long requests under way get when it stops. Default: 10s.'),
})

const defaultPort = 8_432

/** As a program gives it. */
export function parseServer(written: ServerConfig): ServerSettings {
  const parsed = serverSchema.safeParse(written)
  if (parsed.success) return resolveServer(parsed.data) as ServerSettings
  const [issue] = parsed.error.issues
  throw new StrataError('CONFIG_INVALID', {
    message: `server.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as it must be'}`,
  })
}

export function resolveServer(server: ServerConfig | undefined): ServerSettings | undefined {
  if (server === undefined) return undefined
  const { host = '127.0.0.1', port = defaultPort, connections = 2_000, requestTimeout = '10s', grace = '10s' } = server
  return {
    host,
    port,
    tokens: { read: nameTokens('read', server.tokens?.read), manage: nameTokens('manage', server.tokens?.manage) },
    connections,
    requestTimeoutMs: parseDurationMs(requestTimeout),
    graceMs: parseDurationMs(grace),
  }
}

function nameTokens(kind: string, given: TokenConfig | undefined): readonly NamedToken[] {
  if (given === undefined) return []
  if (typeof given === 'string') return [{ name: kind, token: given }]
  if (!isList(given)) return Object.entries(given).map(([name, token]) => ({ name, token }))
  return given.map((token, index) => ({ name: index === 0 ? kind : `${kind} ${index + 1}`, token }))
}

function isList(given: readonly string[] | Readonly<Record<string, string>>): given is readonly string[] {
  return Array.isArray(given)
}

interface Fault {
  readonly path: readonly string[]
  readonly message: string
}

export function findServerFaults(server: ServerConfig | undefined): readonly Fault[] {
  const { host, tokens } = server ?? {}
  if (host === undefined || isLoopback(host) || tokens?.read !== undefined || tokens?.manage !== undefined) return []
  return [{ path: ['server', 'host'], message: `expected ${tokensNeeded}` }]
}

export const tokensNeeded = '127.0.0.1, or `server.tokens`: whoever reaches that address could look at everything'

/** Whether only this machine reaches what listens there. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true
  return isIP(host) === 4 ? host.startsWith('127.') : host === '::1'
}
