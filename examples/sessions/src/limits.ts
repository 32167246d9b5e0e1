// How often somebody may ask. Who has signed in has a limit of the wallet's own, whatever address that comes from; all others share
// that of their address. Since whoever likes has many wallets, an address has a wide limit for all of them together. What costs more
// than an ordinary request has a limit besides. Of IPv6 a network of 64 bits counts as one address.
//
// Promises: limits are counted by all processes on one Redis. While Redis is away each process counts by itself, and nobody is refused for
// that. Who asks too often gets 429, with Retry-After.

import type { FastifyRequest } from 'fastify'
import { HttpError, type App } from 'pgstrata-example-kit'
import type { Limiter, Strata } from 'pgstrata'
import { fastifyRateLimit, type LimitRule, type TakenShape } from 'pgstrata/http'
import { networkOf } from './network.ts'

interface Limit {
  readonly limit: number
  readonly window: string
  /** So many more a process takes at once, far from the limit, so that hardly a request has to ask Redis. */
  readonly ahead?: number
}

export interface LimitChoice {
  /** Requests of a wallet that has signed in. */
  readonly wallet: Limit
  /** Requests of an address, of those who have not. */
  readonly address: Limit
  /** Requests of an address, whoever has signed in there. */
  readonly everybody: Limit
  /** Nonces and signatures, of an address: each signature is recovered, which takes a processor's time. */
  readonly signIn: Limit
  /** Reports of a wallet. */
  readonly reports: Limit
  /** Events of telemetry, of a wallet or an address. */
  readonly telemetry: Limit
}

export const usualLimits: LimitChoice = {
  wallet: { limit: 600, window: '1 min', ahead: 12 },
  address: { limit: 240, window: '1 min', ahead: 5 },
  everybody: { limit: 3_000, window: '1 min', ahead: 60 },
  signIn: { limit: 30, window: '1 min' },
  reports: { limit: 20, window: '1 hour' },
  telemetry: { limit: 6_000, window: '1 min' },
}

/** Asked several times of a request. */
type Identify = (request: FastifyRequest) => Promise<string | undefined>

export interface Limits {
  /** In front of every route of `app`: of its own, and of what is registered in it from then on. */
  guard(app: App, identify: Identify): Promise<void>
  /** Requests count from now on: until then it is the service itself that asks. */
  begin(): void
  /** Of a nonce or a signature. HttpError 429 where it is one too many, as of the others. */
  takeSignIn(request: Pick<FastifyRequest, 'ip'>): Promise<void>
  takeReport(wallet: string): Promise<void>
  /** Of the wallet, or of the address where nobody has signed in. */
  takeTelemetry(who: TelemetrySender, events: number): Promise<void>
}

interface TelemetrySender {
  readonly wallet: string | undefined
  readonly ip: string
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
  const everybody = open('everybody')
  const signIn = open('signIn')
  const reports = open('reports')
  const telemetry = open('telemetry')
  let hasBegun = false
  const networkIn = ({ ip }: Pick<FastifyRequest, 'ip'>): string | undefined => (hasBegun ? networkOf(ip) : undefined)
  const take = async (limiter: Limiter, key: string, cost?: number): Promise<void> => {
    const taken = await limiter.take(key, cost)
    if (!taken.isAllowed) throw tooMany(taken)
  }
  return {
    guard: async (app, walletOf) => {
      // Whoever cannot be told, while the database is away, counts by address.
      const identify: Identify = (request) => walletOf(request).catch(() => undefined)
      const rules: readonly LimitRule<FastifyRequest>[] = [
        { limiter: wallet, keyOf: (request) => (hasBegun ? identify(request) : undefined) },
        {
          limiter: address,
          keyOf: (request) => identify(request).then((found) => (found === undefined ? networkIn(request) : undefined)),
        },
        { limiter: everybody, keyOf: networkIn },
      ]
      await app.register(fastifyRateLimit(rules, { bodyOf: (taken) => tooMany(taken).toJSON() }))
    },
    begin: () => void (hasBegun = true),
    takeSignIn: async ({ ip }) => await take(signIn, networkOf(ip)),
    takeReport: async (of) => await take(reports, of),
    takeTelemetry: async ({ wallet: of, ip }, events) =>
      await take(telemetry, of ?? networkOf(ip), Math.max(1, events)),
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
