// The service before and after under the same load, each in a process of its own: at 100 and at 250 requests a second, then the highest rate
// at which the 95th percentile stays under 50 ms.
//
// What must be true: both rates begin with an empty cache and nobody matched, and neither repeats a request of the other; what is written is new
// each time. The search is of a cache that has what is asked for.

import { randomBytes } from 'node:crypto'
import type { Samples } from '../../harness/part.ts'
import { measureRounds } from '../../harness/rounds.ts'
import type { BenchContext } from '../../harness/scenario.ts'
import { startChild, type Child } from '../../support/child.ts'
import {
  describeLoad,
  searchRate,
  startHttpLoader,
  type HttpLoader,
  type LoadReport,
  type LoadRequest,
} from '../../support/http-load.ts'
import type { ServiceReady } from '../../support/http-service.ts'
import type { KeptServer } from '../../support/kept-server.ts'
import type { RedisServer } from '../../support/redis-server.ts'
import { measureCosts } from './costs.ts'
import { urlOf, type Side } from './databases.ts'
import type { Gauged } from './gauge.ts'
import { lastSession, drawRequests, removeSessions } from './mix.ts'
import type { SessionsInput } from './service.ts'

export interface LoadSizes {
  readonly rounds: number
  readonly warmUpMs: number
  readonly measuredMs: number
  readonly probeMs: number
  /** Questions of each kind whose cost is measured. */
  readonly costs: number
}

export interface LoadedOn {
  readonly server: KeptServer
  readonly redis: RedisServer
}

const drawn = 30_000
const p95Ms = 50
const rates = [100, 250] as const

export async function measureLoad(on: LoadedOn, sizes: LoadSizes, context: BenchContext): Promise<Samples> {
  const secret = randomBytes(32).toString('hex')
  const requests = await drawRequests(urlOf(on.server, 'after'), { count: drawn, secret })
  const last = {
    before: await lastSession(urlOf(on.server, 'before')),
    after: await lastSession(urlOf(on.server, 'after')),
  }
  const options = { rounds: sizes.rounds, signal: context.signal, progress: context.progress }
  const variant = (side: Side) => ({
    name: side,
    run: async () =>
      await withService(
        { ...on, side, secret, requests },
        async (running) => await measureSide(side, running, { ...on, sizes, context, last: last[side] }),
      ),
  })
  const costs = {
    name: 'costs',
    run: async () => await measureCosts({ url: urlOf(on.server, 'after'), redis: on.redis.url, asked: sizes.costs }),
  }
  return await measureRounds([variant('before'), variant('after'), costs], options)
}

interface Running {
  readonly child: Child<ServiceReady>
  readonly loader: HttpLoader
}

interface Measuring extends LoadedOn {
  readonly sizes: LoadSizes
  readonly context: BenchContext
  /** Of the sessions that were there at the beginning. */
  readonly last: string
}

async function measureSide(
  side: Side,
  { child, loader }: Running,
  { server, redis, sizes, context, last }: Measuring,
): Promise<Record<string, number>> {
  const { warmUpMs, measuredMs, probeMs } = sizes
  const measured: Record<string, number> = {}
  for (const perSecond of rates) {
    context.signal.throwIfAborted()
    await removeSessions(urlOf(server, side), { after: last })
    await child.ask('begin')
    const report = await loader.run({ perSecond, warmUpMs, measuredMs, goesOn: true })
    context.progress(`${side}, ${perSecond} a second: ${describeLoad(report)}`)
    const gauged = await child.ask<Gauged>('read')
    measured[`${side}_p95_ms_${perSecond}`] = report.p95Ms
    measured[`${side}_failed_percent_${perSecond}`] = (100 * report.failed) / report.requests
    if (perSecond === 250) Object.assign(measured, figuresOf(side, gauged))
    if (side === 'after' && perSecond === 250) measured['redis_mb'] = await usedMb(redis)
  }
  if (side === 'after') {
    await removeSessions(urlOf(server, side), { after: last })
    measured['rps_p95_50ms'] = await search({ loader, probeMs, context })
  }
  return measured
}

function figuresOf(side: Side, { poolUsed, poolWaitP95Ms, hitRate, hitRates }: Gauged): Record<string, number> {
  const pool = { [`${side}_pool_used`]: poolUsed, [`${side}_pool_wait_ms`]: poolWaitP95Ms }
  if (side === 'before') return pool
  if (hitRate === null) throw new Error('Expected the cache to be asked while the service was loaded, and it was not')
  const layers = Object.fromEntries(Object.entries(hitRates).map(([name, rate]) => [`hit_rate_${name}`, rate]))
  return { ...pool, hit_rate: hitRate, ...layers }
}

async function search({
  loader,
  probeMs,
  context,
}: {
  readonly loader: HttpLoader
  readonly probeMs: number
  readonly context: BenchContext
}): Promise<number> {
  const probe = async (perSecond: number): Promise<LoadReport> => {
    context.signal.throwIfAborted()
    const report = await loader.run({ perSecond, warmUpMs: 1_000, measuredMs: probeMs, givesUp: true })
    context.progress(`${perSecond} a second: ${describeLoad(report)}`)
    return report
  }
  // Each request once, so that what can be kept is.
  await loader.run({ perSecond: 1_000, warmUpMs: 0, measuredMs: Math.min(drawn, 4 * probeMs) })
  return await searchRate({ from: 1_000, p95Ms, probe })
}

async function usedMb(redis: RedisServer): Promise<number> {
  const info = String(await redis.send('INFO', 'memory'))
  const [, bytes] = /used_memory:(\d+)/.exec(info) ?? []
  if (bytes === undefined) throw new Error('Expected Redis to tell what it uses, and it does not')
  return Number(bytes) / 1e6
}

interface Serving extends LoadedOn {
  readonly side: Side
  readonly secret: string
  readonly requests: readonly LoadRequest[]
}

/** Both sides begin with an empty Redis and a process that has just started. */
async function withService<T>(
  { server, redis, side, secret, requests }: Serving,
  work: (running: Running) => Promise<T>,
): Promise<T> {
  await redis.send('FLUSHALL')
  const input: SessionsInput = { side, url: urlOf(server, side), redis: redis.url, secret }
  const child = await startChild<ServiceReady>(new URL('service.ts', import.meta.url), input)
  try {
    const loader = await startHttpLoader({ port: child.ready.port, requests })
    try {
      return await work({ child, loader })
    } finally {
      await loader.stop()
    }
  } finally {
    await child.stop()
  }
}
