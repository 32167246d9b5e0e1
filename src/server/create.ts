// What a program calls: the server of a Strata, or its routes in an app of one's own.

import { createRequire } from 'node:module'
import { systemClock, type Clock } from '../base/clock.ts'
import { silentLogger, type Logger } from '../base/logger.ts'
import { parseServer, type ServerConfig, type ServerSettings } from '../config/server.ts'
import type { FastifyStrataPlugin } from './fastify-shape.ts'
import { createPlugin } from './plugin.ts'
import { openServer, type StrataServer } from './server.ts'
import { sourcesOf, type ServedStrata } from './wiring.ts'

interface ServerTools {
  readonly clock?: Clock
  readonly logger?: Logger
}

/** What stands in place of `server` in the configuration. */
export interface CreateServerOptions extends ServerTools, ServerConfig {}

export interface FastifyStrataOptions extends ServerTools {
  /** Default: those of `server` in the configuration. Without any, only this machine may look. */
  readonly tokens?: ServerConfig['tokens']
}

/**
 * Health, metrics and management on an address of their own. Nothing listens before `listen()`.
 *
 *     const server = await createServer(strata)
 *     console.log(await server.listen())
 */
export async function createServer(strata: ServedStrata, options: CreateServerOptions = {}): Promise<StrataServer> {
  const { clock = systemClock, logger = silentLogger, ...written } = options
  const settings = { ...parseServer({}), ...strata.config.server, ...overridden(written) }
  return await openServer(settings, { sources: sourcesOf(strata, { version: packageVersion(), clock }), clock, logger })
}

/**
 * The same routes for an app of one's own, over HTTP/1.1 or HTTP/2:
 *
 *     await app.register(fastifyStrata(strata), { prefix: '/admin' })
 */
export function fastifyStrata(strata: ServedStrata, options: FastifyStrataOptions = {}): FastifyStrataPlugin {
  const { clock = systemClock, logger = silentLogger, tokens } = options
  return createPlugin({
    sources: sourcesOf(strata, { version: packageVersion(), clock }),
    tokens:
      tokens === undefined ? (strata.config.server?.tokens ?? parseServer({}).tokens) : parseServer({ tokens }).tokens,
    clock,
    logger,
    isAlone: false,
  })
}

/** Of what was written alone. */
function overridden({ host, port, tokens, connections, requestTimeout, grace }: ServerConfig): Partial<ServerSettings> {
  const all = parseServer({ host, port, tokens, connections, requestTimeout, grace })
  return {
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(tokens === undefined ? {} : { tokens: all.tokens }),
    ...(connections === undefined ? {} : { connections }),
    ...(requestTimeout === undefined ? {} : { requestTimeoutMs: all.requestTimeoutMs }),
    ...(grace === undefined ? {} : { graceMs: all.graceMs }),
  }
}

function packageVersion(): string {
  return (createRequire(import.meta.url)('../../package.json') as { version: string }).version
}
