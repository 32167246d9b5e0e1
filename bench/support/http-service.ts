// An app's service over HTTP: at 250 requests a second with nothing in any cache, and the highest rate at which its 95th percentile stays
// under 50 ms with everything warm. Service, load and server are processes of their own.

import { measureRounds } from '../harness/rounds.ts'
import type { Samples } from '../harness/part.ts'
import type { BenchContext, Unit } from '../harness/scenario.ts'
import { startChild, type Child, type Service } from './child.ts'
import {
  describeLoad,
  searchRate,
  startHttpLoader,
  type HttpLoader,
  type LoadReport,
  type LoadRequest,
} from './http-load.ts'
import { serverCpuMs } from './server-cpu.ts'

export interface ServiceSizes {
  readonly rounds: number
  readonly coldMs: number
  readonly warmUpMs: number
  readonly probeMs: number
}

export interface ServiceInput {
  readonly url: string
}

interface MeasuredService {
  /** Serves with `servedBy`. */
  readonly module: URL
  readonly input: ServiceInput
  readonly requests: readonly LoadRequest[]
  readonly server: Restartable
}

/** A server of PostgreSQL. */
interface Restartable {
  readonly pid: number
  start(): Promise<void>
  stop(mode: 'fast'): Promise<void>
}

export interface ServiceReady {
  readonly port: number
}

/** As `openService` of an app gives it. */
interface Opened {
  readonly url: string
  readonly strata: { readonly changes: { readonly here: { readonly handled?: unknown } } }
  close(): Promise<void>
}

export const httpRows: Readonly<Record<string, readonly [Unit, string]>> = {
  http_p95_ms_250: ['ms', 'HTTP, 250 requests a second, nothing cached anywhere: 95th percentile'],
  http_rps_p95_50ms: ['count', 'HTTP, all warm: requests a second at which the 95th percentile is 50 ms'],
  http_service_cpu_us: ['us', '… processor time of a request: the service'],
  http_server_cpu_us: ['us', '… the server'],
  http_load_cpu_us: ['us', '… who asks'],
}

const perSecond = 250
const p95Ms = 50
const feedTimeoutMs = 60_000

export async function measureService(
  service: MeasuredService,
  sizes: ServiceSizes,
  context: BenchContext,
): Promise<Samples> {
  const options = { rounds: sizes.rounds, signal: context.signal, progress: context.progress }
  const cold = { name: 'cold', run: async () => await measureCold(service, sizes, context) }
  const samples = new Map(await measureRounds([cold], options))
  await withLoader(service, async (loader, child) => {
    const measureWarm = await warmMeasurer({ loader, child, service, sizes, context })
    const warm = { name: 'warm', run: measureWarm }
    for (const [name, values] of await measureRounds([warm], options)) samples.set(name, values)
  })
  return samples
}

/** A server and a service that have just started; the first request counts. */
async function measureCold(
  service: MeasuredService,
  { coldMs }: ServiceSizes,
  { progress }: BenchContext,
): Promise<Record<string, number>> {
  await service.server.stop('fast')
  await service.server.start()
  return await withLoader(service, async (loader) => {
    const report = await loader.run({ perSecond, warmUpMs: 0, measuredMs: coldMs })
    progress(`cold, ${perSecond} a second: ${describeLoad(report)}`)
    return { http_p95_ms_250: report.p95Ms }
  })
}

interface Warm {
  readonly loader: HttpLoader
  readonly child: Child<ServiceReady>
  readonly service: MeasuredService
  readonly sizes: ServiceSizes
  readonly context: BenchContext
}

async function warmMeasurer({ loader, child, service, sizes, context }: Warm) {
  const { warmUpMs, probeMs } = sizes
  const probe = async (rate: number): Promise<LoadReport> => {
    context.signal.throwIfAborted()
    const report = await loader.run({ perSecond: rate, warmUpMs, measuredMs: probeMs, givesUp: true })
    context.progress(`${rate} a second: ${describeLoad(report)}`)
    return report
  }
  // Connections, statements, code that the runtime compiles when it has run often; and what is cached, so each request once.
  const allMs = (1_000 * service.requests.length) / (2 * perSecond)
  await loader.run({ perSecond, warmUpMs: 0, measuredMs: probeMs })
  await loader.run({ perSecond: 2 * perSecond, warmUpMs: 0, measuredMs: allMs })
  let from = 2 * perSecond
  return async (): Promise<Record<string, number>> => {
    const load = async () => await loader.run({ perSecond, warmUpMs: 0, measuredMs: probeMs })
    const cpu = await measureCpu(child, service.server, load)
    const rate = await searchRate({ from, p95Ms, probe })
    from = Math.max(perSecond, rate)
    return { http_rps_p95_50ms: rate, ...cpu }
  }
}

/** Microseconds of processor time for a request: of the service, of the server, and of who asks. */
async function measureCpu(
  child: Child<ServiceReady>,
  server: Restartable,
  load: () => Promise<LoadReport>,
): Promise<Record<string, number>> {
  const read = async (): Promise<readonly number[]> => [await child.ask<number>('cpu'), await serverCpuMs(server.pid)]
  const before = await read()
  const { requests, cpuMs } = await load()
  const [ofService = 0, ofServer = 0] = (await read()).map((ms, index) => ms - (before[index] ?? 0))
  const each = (ms: number): number => (ms * 1_000) / requests
  return { http_service_cpu_us: each(ofService), http_server_cpu_us: each(ofServer), http_load_cpu_us: each(cpuMs) }
}

async function withLoader<T>(
  { module, input, requests }: MeasuredService,
  work: (loader: HttpLoader, child: Child<ServiceReady>) => Promise<T>,
): Promise<T> {
  const child = await startChild<ServiceReady>(module, input)
  try {
    const loader = await startHttpLoader({ port: child.ready.port, requests })
    try {
      return await work(loader, child)
    } finally {
      await loader.stop()
    }
  } finally {
    await child.stop()
  }
}

/** In the process of the service: ready when its feed of changes has begun; says what processor time it has used. */
export async function servedBy(service: Opened): Promise<Service> {
  const untilMs = Date.now() + feedTimeoutMs
  while (service.strata.changes.here.handled === undefined) {
    if (Date.now() > untilMs) throw new Error(`Expected the feed to begin within ${feedTimeoutMs} ms, and it has not`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return {
    ready: { port: Number(new URL(service.url).port) } satisfies ServiceReady,
    answer: () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1_000
    },
    close: async () => await service.close(),
  }
}
