// A plugin for Fastify 5 that runs every request in a causal session, as node.ts does: register it first, for hooks and
// plugins registered earlier run outside the session. It knows Fastify by shape alone and works on the raw response, so
// hijacked replies and streams carry the token too.

import type { CausalScope } from './carrier.ts'
import { causalMiddleware } from './node.ts'
import type { CarrierOptions, CausalRequest } from './options.ts'
import type { CausalResponse } from './response-head.ts'

/** What the plugin needs of an instance. */
export interface FastifyShape {
  addHook(
    name: 'onRequest',
    hook: (
      request: { readonly raw: CausalRequest },
      reply: { readonly raw: CausalResponse },
      done: (error?: Error) => void,
    ) => void,
  ): unknown
}

export type FastifyCausalPlugin = (instance: FastifyShape, options: unknown, done: (error?: Error) => void) => void

export function fastifyCausal(strata: CausalScope, options: CarrierOptions): FastifyCausalPlugin {
  const middleware = causalMiddleware(strata, options)
  const plugin: FastifyCausalPlugin = (instance, _, done) => {
    instance.addHook('onRequest', (request, reply, done) => {
      middleware(request.raw, reply.raw, done as (error?: unknown) => void)
    })
    done()
  }
  // Without the first, the hook would be one of the plugin's own context, where there are no routes.
  return Object.assign(plugin, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'pgstrata',
  })
}
