// How often somebody may ask. Who has signed in has a limit of the wallet's own, whatever address that comes from; all others share
// that of their address. What costs more than an ordinary request has a limit besides.
//
// Promises: limits are counted by all processes on one Redis. While Redis is away each process counts by itself, and nobody is refused for
// that. Who asks too often gets 429, with Retry-After.

import type { FastifyRequest } from 'fastify'
import { HttpError, type App } from 'pgstrata-example-kit'
import type { Limiter, Strata } from 'pgstrata'
import { fastifyRateLimit, type TakenShape } from 'pgstrata/http'

interface Limit {
  readonly limit: number
  readonly window: string
}

export interface LimitChoice {
  /** Requests of a wallet that has signed in. */
  readonly wallet: Limit
  /** Requests of an address, of those who have not. */
  readonly address: Limit
  /** Nonces and signatures, of an address: each signature is recovered, which takes a processor's time. */
  readonly signIn: Limit
  /** Reports of a wallet. */
  readonly reports: Limit
  /** Events of telemetry, of a wallet or an address. */
  readonly telemetry: Limit
}

export const usualLimits: LimitChoice = {
  wallet: { limit: 600, window: '1 min' },
  address: { limit: 240, window: '1 min' },
  signIn: { limit: 30, window: '1 min' },
  reports: { limit: 20, window: '1 hour' },
  telemetry: { limit: 6_000, window: '1 min' },
}

type Identify = (request: FastifyRequest) => Promise<string | undefined>

export interface Limits {
  /** In front of every route of `app`: of its own, and of what is registered in it from then on. */
  guard(app: App, identify: Identify): Promise<void>
  /** Of a nonce or a signature. HttpError 429 where it is one too many, as of the others. */
  takeSignIn(request: Pick<FastifyRequest, 'ip'>): Promise<void>
  takeReport(wallet: string): Promise<void>
  /** `who`: a wallet, or an address. */
  takeTelemetry(who: string, events: number): Promise<void>
}

export interface LimitsOptions {
  readonly strata: Pick<Strata, 'cache'>
  /** What differs from the usual ones. */
  readonly choice?: Partial<LimitChoice> | undefined
}

export function createLimits({ strata, choice = {} }: LimitsOptions): Limits {
  const chosen: LimitChoice = { ...usualLimits, ...choice }
  const open = (name: keyof LimitChoice): Limiter => strata.cache.limiter({ name, ...chosen[name] })
  const wallet = open('wallet')
  const address = open('address')
  const signIn = open('signIn')
  const reports = open('reports')
  const telemetry = open('telemetry')
  const take = async (limiter: Limiter, key: string, cost?: number): Promise<void> => {
    const taken = await limiter.take(key, cost)
    if (!taken.isAllowed) throw tooMany(taken)
  }
  return {
    guard: async (app, identify) => {
      const walletOf = onceEach(identify)
      const bodyOf = (taken: TakenShape): object => tooMany(taken).toJSON()
      await app.register(fastifyRateLimit<FastifyRequest>(wallet, { keyOf: walletOf, bodyOf }))
      const addressOf = async (request: FastifyRequest): Promise<string | undefined> =>
        (await walletOf(request)) === undefined ? request.ip : undefined
      await app.register(fastifyRateLimit<FastifyRequest>(address, { keyOf: addressOf, bodyOf }))
    },
    takeSignIn: async ({ ip }) => await take(signIn, ip),
    takeReport: async (of) => await take(reports, of),
    takeTelemetry: async (who, events) => await take(telemetry, who, Math.max(1, events)),
  }
}

/** A request is identified once, however many limits look at it. */
function onceEach(identify: Identify): Identify {
  const known = new WeakMap<FastifyRequest, Promise<string | undefined>>()
  return async (request) => {
    const found = known.get(request) ?? identify(request)
    known.set(request, found)
    return await found
  }
}

function tooMany({ retryMs }: Pick<TakenShape, 'retryMs'>): HttpError {
  return new HttpError({
    status: 429,
    code: 'RATE_LIMITED',
    message: 'Too many requests: come back later, as Retry-After says',
    retryAfterSeconds: Math.max(1, Math.ceil(retryMs / 1_000)),
  })
}
