// The process that sends the load of http-load.ts. Up to `mostConnections` are open; a request that finds none waits its turn, and its
// latency goes on.

import { randomUUID } from 'node:crypto'
import { serveParent } from './child.ts'
import { openConnection, type HttpConnection } from './http-connection.ts'
import {
  failedMs,
  fresh,
  type HttpLoad,
  type KindReport,
  type LoaderInput,
  type LoaderQuestion,
  type LoadReport,
  type LoadRequest,
} from './http-load.ts'
import { createRandom, percentile } from './open-loop.ts'

const mostConnections = 256
/** How long the last requests may take. */
const graceMs = failedMs

interface Prepared {
  readonly kind: string
  readonly textOf: () => string
}

interface Meant {
  readonly request: Prepared
  readonly dueMs: number
  readonly isCounted: boolean
}

function prepare({ kind, method = 'GET', path, headers = {}, body }: LoadRequest): Prepared {
  const lines = [`${method} ${path} HTTP/1.1`, 'host: bench']
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`)
  // Whatever is filled in has always the same length.
  if (body !== undefined)
    lines.push('content-type: application/json', `content-length: ${Buffer.byteLength(refresh(body))}`)
  const head = `${lines.join('\r\n')}\r\n\r\n`
  const text = `${head}${body ?? ''}`
  const isFresh = body !== undefined && refresh(body) !== body
  return { kind, textOf: isFresh ? () => `${head}${refresh(body)}` : () => text }
}

function refresh(body: string): string {
  return body.replaceAll(fresh.uuid, () => randomUUID()).replaceAll(fresh.now, () => new Date().toISOString())
}

class Run {
  readonly #port: number
  readonly #idle: HttpConnection[] = []
  readonly #waiting: Meant[] = []
  readonly #samples = new Map<string, number[]>()
  readonly #open = new Set<HttpConnection>()
  readonly #begunMs = performance.now()
  #connections = 0
  #underWay = 0
  #failed = 0
  #sent = 0

  constructor(port: number) {
    this.#port = port
  }

  get sent(): number {
    return this.#sent
  }

  /** From the one at `first` on. True: it was given up. */
  async send(requests: readonly Prepared[], load: HttpLoad, first: number): Promise<boolean> {
    const { perSecond, warmUpMs, measuredMs, givesUp = false } = load
    const random = createRandom(perSecond)
    let dueMs = 0
    while (dueMs < warmUpMs + measuredMs) {
      for (; dueMs <= this.#nowMs() && dueMs < warmUpMs + measuredMs; this.#sent++) {
        const request = requests[(first + this.#sent) % requests.length]
        if (request !== undefined) this.#begin({ request, dueMs, isCounted: dueMs >= warmUpMs })
        dueMs += (-Math.log(1 - random()) * 1_000) / perSecond
      }
      if (givesUp && this.#waiting.length > perSecond) return true
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - this.#nowMs())))
    }
    return false
  }

  /** Waits for what is under way, and what waits unless that is to be dropped; what is not answered in time has failed. */
  async end({
    drops,
  }: {
    readonly drops: boolean
  }): Promise<{ readonly samples: ReadonlyMap<string, readonly number[]>; readonly failed: number }> {
    const untilMs = this.#nowMs() + graceMs
    if (drops) for (const meant of this.#waiting.splice(0)) this.#fail(meant)
    const isOver = (): boolean => this.#underWay === 0 && this.#waiting.length === 0
    while (!isOver() && this.#nowMs() < untilMs) await new Promise((resolve) => setTimeout(resolve, 5))
    for (const meant of this.#waiting.splice(0)) this.#fail(meant)
    for (const connection of this.#open) connection.close()
    while (this.#underWay > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    return { samples: this.#samples, failed: this.#failed }
  }

  #nowMs(): number {
    return performance.now() - this.#begunMs
  }

  #begin(meant: Meant): void {
    const connection = this.#idle.pop()
    if (connection !== undefined) void this.#ask(connection, meant)
    else if (this.#connections < mostConnections) void this.#connect(meant)
    else this.#waiting.push(meant)
  }

  async #connect(meant: Meant): Promise<void> {
    this.#connections++
    this.#underWay++
    try {
      const connection = await openConnection(this.#port)
      this.#open.add(connection)
      void this.#ask(connection, meant)
    } catch {
      this.#connections--
      this.#fail(meant)
    }
    this.#underWay--
  }

  async #ask(connection: HttpConnection, meant: Meant): Promise<void> {
    this.#underWay++
    try {
      const status = await connection.send(meant.request.textOf())
      if (status >= 400) this.#fail(meant)
      else if (meant.isCounted) this.#count(meant, this.#nowMs() - meant.dueMs)
      this.#idle.push(connection)
    } catch {
      this.#connections--
      this.#open.delete(connection)
      this.#fail(meant)
    }
    this.#underWay--
    const next = this.#waiting.shift()
    if (next !== undefined) this.#begin(next)
  }

  #fail(meant: Meant): void {
    if (!meant.isCounted) return
    this.#failed++
    this.#count(meant, failedMs)
  }

  #count({ request: { kind } }: Meant, tookMs: number): void {
    const samples = this.#samples.get(kind)
    if (samples === undefined) this.#samples.set(kind, [tookMs])
    else samples.push(tookMs)
  }
}

function reportOf(samples: readonly number[]): KindReport {
  return { requests: samples.length, p50Ms: percentile(samples, 0.5), p95Ms: percentile(samples, 0.95) }
}

interface Place {
  /** The request after the last that was sent. */
  next: number
}

interface Asked {
  readonly port: number
  readonly requests: readonly Prepared[]
  readonly place: Place
}

async function run({ port, requests, place }: Asked, load: HttpLoad): Promise<LoadReport> {
  const before = process.cpuUsage()
  const running = new Run(port)
  const first = load.goesOn === true ? place.next : 0
  const isOverrun = await running.send(requests, load, first)
  place.next = first + running.sent
  const { samples, failed } = await running.end({ drops: isOverrun })
  const { user, system } = process.cpuUsage(before)
  const all = [...samples.values()].flat()
  const kinds = Object.fromEntries([...samples].map(([kind, those]) => [kind, reportOf(those)]))
  return { ...reportOf(all), p99Ms: percentile(all, 0.99), failed, isOverrun, cpuMs: (user + system) / 1_000, kinds }
}

await serveParent<LoaderInput>(async ({ port }) => {
  let requests: readonly Prepared[] = []
  const place: Place = { next: 0 }
  return await Promise.resolve({
    ready: {},
    answer: async (asked) => {
      const question = JSON.parse(asked) as LoaderQuestion
      if (question.kind === 'run') return await run({ port, requests, place }, question)
      requests = question.requests.map(prepare)
      return {}
    },
    close: async () => await Promise.resolve(),
  })
})
