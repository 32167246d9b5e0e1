// Watches one server over a connection of its own: who it is when connected, where its WAL stands from then on.
// Promises: one question at a time; a server that does not answer within the bound is down; after trouble it is asked again
// after a jittered, growing wait, and counts as up only once it has said again who it is.
// Looked at every `everyMs` while there are reads, once a second otherwise, at once when kicked.

import pg from 'pg'
import type { Clock } from '../../../base/clock.ts'
import { jitter, type Random } from '../../../base/random.ts'
import { parseLsn, type Lsn } from '../../lsn.ts'
import { identify, type Identity } from './identity.ts'

export interface Sample {
  readonly isReplica: boolean
  /** A replica's replay, the primary's flush position. */
  readonly position: Lsn
  /** When the question was sent. */
  readonly askedAtMs: number
}

interface MonitorEvents {
  onIdentity(identity: Identity): void
  onSample(sample: Sample): void
  onDown(error: Error): void
}

export interface MonitorOptions {
  readonly client: pg.ClientConfig
  readonly everyMs: number
  readonly connectTimeoutMs: number
  readonly answerTimeoutMs: number
  readonly clock: Clock
  readonly random: Random
  readonly events: MonitorEvents
}

const sampleText = `
  select pg_is_in_recovery()::text,
    case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end::text`

const idleEveryMs = 1_000
const busyForMs = 5_000
const identifyEveryMs = 1_000
const firstBackoffMs = 50
const lastBackoffMs = 2_000
/** However many wait: no more questions, and no more attempts to connect, than one in so long. */
const leastSampleMs = 5
const leastBackoffMs = 100
const goodbyeMs = 500

export class Monitor {
  readonly #options: MonitorOptions
  #stopped = false
  #running: Promise<void> | undefined
  #client: pg.Client | undefined
  /** Ends what is under way on the connection. */
  #cut: ((reason: Error) => void) | undefined
  #wake: (() => void) | undefined
  #kicked = false
  #doubted = false
  #usedAtMs = Number.NEGATIVE_INFINITY

  constructor(options: MonitorOptions) {
    this.#options = options
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Looks as soon as may be. */
  kick(): void {
    this.#kicked = true
    this.#wake?.()
  }

  /** There are reads: look often for a while. */
  use(): void {
    const nowMs = this.#options.clock.monotonic()
    // From the slow beat to the quick one at once, not after the rest of a second.
    if (nowMs - this.#usedAtMs >= busyForMs) this.kick()
    this.#usedAtMs = nowMs
  }

  /** What was known may no longer hold: ask it again who it is. */
  doubt(): void {
    this.#doubted = true
    this.kick()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cut?.(new Error('the pool was ended'))
    this.#wake?.()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock, random, events } = this.#options
    for (let failures = 0; !this.#stopped;) {
      const startedAtMs = clock.monotonic()
      try {
        await this.#watch()
      } catch (error) {
        failures = clock.monotonic() - startedAtMs > lastBackoffMs ? 1 : failures + 1
        if (!this.#stopped) events.onDown(error as Error)
      }
      await this.#hangUp()
      if (this.#stopped) return
      const backoffMs = Math.min(lastBackoffMs, firstBackoffMs * 2 ** (failures - 1))
      await this.#pause(jitter(backoffMs, 0.5, random), leastBackoffMs)
    }
  }

  /** One connection's life: it ends with an error. */
  async #watch(): Promise<void> {
    const { clock, events, everyMs, connectTimeoutMs, answerTimeoutMs } = this.#options
    const client = this.#open()
    await this.#bounded(client, connectTimeoutMs, client.connect())
    this.#doubted = false
    let identity = await this.#bounded(client, answerTimeoutMs, identify(client, 0))
    events.onIdentity(identity)
    let identifiedAtMs = clock.monotonic()
    while (!this.#stopped) {
      const askedAtMs = clock.monotonic()
      const sample = await this.#bounded(client, answerTimeoutMs, ask(client, askedAtMs, identity.direct))
      // A replica may follow to another timeline under an open connection; behind a pooler the server may change.
      const isDue = (sample.isReplica || !identity.direct) && askedAtMs - identifiedAtMs > identifyEveryMs
      if (isDue || this.#doubted || sample.isReplica !== identity.isReplica) {
        this.#doubted = false
        identity = await this.#bounded(client, answerTimeoutMs, identify(client, 0))
        identifiedAtMs = askedAtMs
        events.onIdentity(identity)
      }
      if (sample.isReplica === identity.isReplica) events.onSample(sample)
      await this.#pause(askedAtMs - this.#usedAtMs < busyForMs ? everyMs : idleEveryMs, leastSampleMs)
    }
  }

  #open(): pg.Client {
    const client = new pg.Client({ ...this.#options.client, application_name: 'pgstrata monitor' })
    this.#client = client
    // Without a listener a broken connection would end the process.
    client.on('error', () => {})
    ;(client as unknown as { connection: { unref(): void } }).connection.unref()
    return client
  }

  /** A goodbye, if the server takes one; pg never answers to end() on a client that is still connecting. */
  async #hangUp(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    if (client === undefined) return
    await new Promise<void>((resolve) => {
      const stop = this.#options.clock.after(goodbyeMs, resolve)
      void client.end().then(
        () => {
          stop()
          resolve()
        },
        () => resolve(),
      )
    })
    client.connection.stream.destroy()
  }

  /** As long as said, or until kicked, but never shorter than `leastMs`. */
  #pause(delayMs: number, leastMs: number): Promise<void> {
    const { clock } = this.#options
    return new Promise((resolve) => {
      if (this.#stopped) return resolve()
      const sinceMs = clock.monotonic()
      let stop = (): void => undefined
      const finish = (): void => {
        stop()
        this.#wake = undefined
        this.#kicked = false
        resolve()
      }
      const shorten = (): void => {
        if (this.#stopped) return finish()
        stop()
        const restMs = leastMs - (clock.monotonic() - sinceMs)
        if (restMs <= 0) finish()
        else stop = clock.after(restMs, finish)
      }
      stop = clock.after(delayMs, finish)
      this.#wake = shorten
      if (this.#kicked) shorten()
    })
  }

  /** Ends by itself, whatever pg makes of a connection that is cut. */
  async #bounded<T>(client: pg.Client, boundMs: number, work: Promise<T>): Promise<T> {
    let stop = (): void => undefined
    const cut = new Promise<never>((_, reject) => {
      const end = (reason: Error): void => {
        client.connection.stream.destroy()
        reject(reason)
      }
      this.#cut = end
      stop = this.#options.clock.after(boundMs, () => end(new Error(`no answer within ${boundMs} ms`)))
      if (this.#stopped) end(new Error('the pool was ended'))
    })
    work.catch(() => undefined)
    try {
      return await Promise.race([work, cut])
    } finally {
      stop()
      this.#cut = undefined
    }
  }
}

async function ask(client: pg.Client, askedAtMs: number, direct: boolean): Promise<Sample> {
  const answer = await client.query<[string, string | null]>({
    ...(direct ? { name: 'pgstrata_sample' } : {}),
    text: sampleText,
    rowMode: 'array',
  })
  const [isReplica, position] = answer.rows[0] ?? ['true', null]
  return { isReplica: isReplica === 'true', position: position === null ? 0n : parseLsn(position), askedAtMs }
}
