// A load of HTTP requests from a process of its own: open loop, so the times at which requests are meant to start come from a seed and
// never from the answers, and a latency counts from that time on. A stall of the service is in every request that should have started in it.
//
// What a request that fails counts as: `failedMs`, so that no figure becomes better by refusing.

import { startChild, type Child } from './child.ts'

export interface LoadRequest {
  /** What it is counted by, such as the route. */
  readonly kind: string
  readonly method?: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** JSON. What `fresh` names in it is another value each time it is sent. */
  readonly body?: string
}

/** For bodies of what is written: sent twice as it is, it would be written once. */
export const fresh = { uuid: '$uuid', now: '$now' } as const

export interface HttpLoad {
  readonly perSecond: number
  /** Not counted. 0: the first request counts too. */
  readonly warmUpMs: number
  readonly measuredMs: number
  /** Begins with the request after the last that was sent. Default: with the first. */
  readonly goesOn?: boolean
  /** Ends early when more than a second of requests waits for a connection. Default: goes on. */
  readonly givesUp?: boolean
}

export interface KindReport {
  readonly requests: number
  readonly p50Ms: number
  readonly p95Ms: number
}

export interface LoadReport extends KindReport {
  readonly p99Ms: number
  readonly failed: number
  /** It was given up early. */
  readonly isOverrun: boolean
  /** Processor time of the process that sends. */
  readonly cpuMs: number
  readonly kinds: Readonly<Record<string, KindReport>>
}

export interface HttpLoader {
  /** Requests are sent in the order given, from the beginning again after the last. */
  run(load: HttpLoad): Promise<LoadReport>
  stop(): Promise<void>
}

export interface LoaderInput {
  readonly port: number
}

export type LoaderQuestion =
  | { readonly kind: 'take'; readonly requests: readonly LoadRequest[] }
  | ({ readonly kind: 'run' } & HttpLoad)

export const failedMs = 10_000

export async function startHttpLoader({
  port,
  requests,
}: {
  readonly port: number
  readonly requests: readonly LoadRequest[]
}): Promise<HttpLoader> {
  const input: LoaderInput = { port }
  const child: Child<object> = await startChild(new URL('http-load-process.ts', import.meta.url), input)
  const ask = async <Answer>(question: LoaderQuestion): Promise<Answer> => await child.ask(JSON.stringify(question))
  await ask({ kind: 'take', requests })
  return {
    run: async (load) => await ask({ kind: 'run', ...load }),
    stop: async () => await child.stop(),
  }
}

export interface RateSearch {
  /** Where it begins: the nearer, the sooner it ends. */
  readonly from: number
  readonly p95Ms: number
  readonly probe: (perSecond: number) => Promise<LoadReport>
}

const step = 1.5
/** How near the lowest rate that was too much is to the highest that was not. */
const resolution = 1.06
const leastRate = 20

/** The highest rate that was seen to keep its 95th percentile, with no request failed; 0 if there is none. */
export async function searchRate({ from, p95Ms, probe }: RateSearch): Promise<number> {
  let kept = 0
  let missed = Infinity
  let rate = from
  while (missed / kept > resolution && rate >= leastRate) {
    const report = await probe(Math.round(rate))
    const isKept = !report.isOverrun && report.failed === 0 && report.p95Ms <= p95Ms
    if (isKept) kept = Math.round(rate)
    else missed = Math.round(rate)
    if (kept === 0) rate = missed / step
    else rate = missed === Infinity ? kept * step : Math.sqrt(kept * missed)
  }
  return kept
}

/** One line: all requests, then each kind by what it took in all. */
export function describeLoad({ requests, failed, isOverrun, kinds, ...all }: LoadReport): string {
  const share = (kind: KindReport): number => kind.requests * kind.p50Ms
  const shown = Object.entries(kinds)
    .toSorted(([, one], [, other]) => share(other) - share(one))
    .map(([kind, { p50Ms, p95Ms }]) => `${kind} ${p50Ms.toFixed(1)}/${p95Ms.toFixed(1)}`)
  const times = [all.p50Ms, all.p95Ms, all.p99Ms].map((ms) => ms.toFixed(1)).join('/')
  return `${requests} requests, p50/p95/p99 ${times} ms, ${failed} failed${isOverrun ? ', overrun' : ''} (p50/p95: ${shown.join(', ')})`
}
