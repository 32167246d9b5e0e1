// The keeper of a service: a small process that holds the port while the processes that serve come and go.
//
// Promises: another process takes over only once it has said that it is ready, and both accept connections meanwhile, so nobody is
// refused; one that does not become ready is ended, and the one before goes on. A process that ended by itself is started again,
// after 1 s, then 2 s, up to 30 s. When the keeper ends, so does what it keeps.
// State: the process that serves, what is to be served, and the requests under way, one after the other.

import type { Server } from 'node:net'
import { rm } from 'node:fs/promises'
import { ask, listen, type ProcessSpec, type Reply, type Request, type Status } from './control.ts'
import { describeEnd, endProcess, say, startProcess, type ServedProcess } from './served-process.ts'

const firstDelayMs = 1_000
const lastDelayMs = 30_000
/** After so long a process counts as one that runs. */
const steadyMs = 60_000

export class Keeper {
  readonly #socketPath: string
  #server: Server | undefined
  #serving: ServedProcess | undefined
  #wanted: ProcessSpec | undefined
  #restarts = 0
  #delayMs = firstDelayMs
  /** Two that take over at once would end each other's. */
  #queue: Promise<unknown> = Promise.resolve()

  constructor(socketPath: string) {
    this.#socketPath = socketPath
  }

  /** Where another keeper listens already, this one leaves at once. */
  async open(): Promise<void> {
    if ((await ask(this.#socketPath, { do: 'status' })) !== undefined) return
    await rm(this.#socketPath, { force: true })
    this.#server = await listen(this.#socketPath, (request) => this.#answer(request))
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void this.#leave())
  }

  async #answer(request: Request): Promise<Reply> {
    if (request.do === 'status') return this.#status()
    if (request.do === 'roll') return await this.#enqueue(() => this.#roll(request.spec))
    const reply = await this.#enqueue(() => this.#stop())
    setImmediate(() => void this.#leave())
    return reply
  }

  async #roll(spec: ProcessSpec): Promise<Reply> {
    const started = await startProcess(spec)
    if (typeof started === 'string') return { ok: false, message: started }
    const before = this.#serving
    this.#delayMs = firstDelayMs
    this.#takeOver(started)
    if (before !== undefined) await endProcess(before)
    return this.#status()
  }

  async #stop(): Promise<Reply> {
    const before = this.#serving
    this.#serving = undefined
    this.#wanted = undefined
    if (before !== undefined) await endProcess(before)
    return this.#status()
  }

  async #leave(): Promise<void> {
    await this.#enqueue(() => this.#stop())
    this.#server?.close()
    await rm(this.#socketPath, { force: true })
    process.exit(0)
  }

  #takeOver(own: ServedProcess): void {
    this.#serving = own
    this.#wanted = own.spec
    const onEnd = (): void => {
      if (this.#serving !== own) return
      this.#serving = undefined
      if (Date.now() - own.sinceMs > steadyMs) this.#delayMs = firstDelayMs
      say(`process ${own.pid} ended by itself (${describeEnd(own.worker)}), the next in ${this.#delayMs} ms`)
      this.#startLater()
    }
    // It may have ended between its answer and now.
    if (own.worker.isDead()) onEnd()
    else own.worker.once('exit', onEnd)
  }

  #startLater(): void {
    setTimeout(() => void this.#enqueue(() => this.#startAgain()), this.#delayMs)
  }

  async #startAgain(): Promise<void> {
    if (this.#wanted === undefined || this.#serving !== undefined) return
    this.#restarts++
    this.#delayMs = Math.min(lastDelayMs, this.#delayMs * 2)
    const started = await startProcess(this.#wanted)
    if (typeof started !== 'string') return this.#takeOver(started)
    say(started)
    this.#startLater()
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work)
    this.#queue = result.catch(() => undefined)
    return result
  }

  #status(): Reply {
    const own = this.#serving
    const status: Status = {
      keeper: process.pid,
      pid: own?.pid ?? null,
      readyUrl: own?.spec.readyUrl ?? null,
      since: own === undefined ? null : new Date(own.sinceMs).toISOString(),
      restarts: this.#restarts,
    }
    return { ok: true, status }
  }
}
