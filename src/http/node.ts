// node:http, node:http2 (compatibility API) and what is built like connect and express: each request runs in a causal
// session that begins at the token it brought, and its response takes the session's token along.
// The token is the one known when the head is written. A response that has sent its head early (flushHeaders, the first
// write of a stream) cannot carry what is written to the database afterwards: write first, then answer.
// On failure: a refused token is told to `onRefused` and the request goes on without it; all else is thrown as it is.

import { AsyncResource } from 'node:async_hooks'
import type { EventEmitter } from 'node:events'
import type { RequestListener } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { isStrataError } from '../base/errors.ts'
import type { Token } from '../db/token.ts'
import { createCarrier, type Carrier, type CausalScope } from './carrier.ts'
import type { CarrierOptions, CausalRequest } from './options.ts'
import { extendHead, type CausalResponse } from './response-head.ts'

export type Http2RequestListener = (request: Http2ServerRequest, response: Http2ServerResponse) => void

/**
 * For createServer of node:http and node:https; of node:http2 if the parameters of `listener` are typed so. The response
 * carries the token known when its head is written: once a stream has begun to send, later writes are not in it.
 */
export function causalListener(strata: CausalScope, options: CarrierOptions, listener: RequestListener): RequestListener
export function causalListener(
  strata: CausalScope,
  options: CarrierOptions,
  listener: Http2RequestListener,
): Http2RequestListener
export function causalListener(
  strata: CausalScope,
  options: CarrierOptions,
  listener: RequestListener | Http2RequestListener,
): (request: CausalRequest, response: CausalResponse) => void {
  const carrier = createCarrier(options)
  const answer = listener as (request: CausalRequest, response: CausalResponse) => unknown
  // What it returns goes back: with captureRejections, the server looks after the promise of an async listener.
  return (request, response) => runInScope({ strata, carrier, request, response }, () => answer(request, response))
}

export type CausalMiddleware = (
  request: CausalRequest,
  response: CausalResponse,
  next: (error?: unknown) => void,
) => void

/** For `use` of connect and express. Put it before all that asks the database. What fails before `next` goes to `next`. */
export function causalMiddleware(strata: CausalScope, options: CarrierOptions): CausalMiddleware {
  const carrier = createCarrier(options)
  return (request, response, next) => {
    let begun = false
    try {
      runInScope({ strata, carrier, request, response }, () => {
        begun = true
        next()
      })
    } catch (error) {
      if (begun) throw error
      next(error)
    }
  }
}

interface Exchange {
  readonly strata: CausalScope
  readonly carrier: Carrier
  readonly request: CausalRequest
  readonly response: CausalResponse
}

function runInScope<T>(exchange: Exchange, work: () => T): T {
  const { carrier, request } = exchange
  return beginAt(exchange, carrier.read(request), work)
}

/** Tries the tokens in turn, then none: which of them is foreign only the database can tell. */
function beginAt<T>(exchange: Exchange, [token, ...others]: readonly Token[], work: () => T): T {
  const { strata, carrier, request, response } = exchange
  let begun = false
  try {
    return strata.scope(token, (session) => {
      begun = true
      extendHead(response, () => carrier.write(session, token))
      keepScope([request, response])
      return work()
    })
  } catch (error) {
    if (begun || token === undefined || !isStrataError(error, 'TOKEN_FOREIGN')) throw error
    carrier.refuse(error, request)
  }
  return beginAt(exchange, others, work)
}

/**
 * Listeners of the emitters run in the scope of now. By itself an event runs where it comes from, the parser of the
 * connection, and a query made when the body has ended would belong to no session.
 */
function keepScope(emitters: readonly EventEmitter[]): void {
  const scope = new AsyncResource('pgstrata.http')
  for (const emitter of emitters) {
    const emit = emitter.emit.bind(emitter)
    emitter.emit = (...args) => scope.runInAsyncScope(emit, undefined, ...args)
  }
}
