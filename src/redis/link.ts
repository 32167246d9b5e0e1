// One connection to a Redis, or to nothing: whoever uses it must be able to do without.
//
// Promises: a command is answered, or rejected with REDIS_UNAVAILABLE, within `commandTimeoutMs` (and 20 ms); nothing is queued while
// there is no connection. One command without an answer counts as a lost connection: it is dropped, with whatever was on
// its way, and a new one is sought, forever, in waits that grow to a second. Commands, their replies and what is published
// share the connection (RESP3), so they arrive in the order in which Redis carried them out.
// What must be true: `incarnation` names the server process and its replication history. After a restart or a failover it is
// another one, so whoever puts it into keys never reads what an older server, or one that missed writes, left behind.
// On failure: listeners of `down` are called at once, and those of `up` before anybody else may send. No message carries the
// URL, a key or a value.

import { createHash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { createDeadlines, type Deadlines } from '../base/deadlines.ts'
import { StrataError } from '../base/errors.ts'
import { jitter, type Random } from '../base/random.ts'
import { loadRedis, type RedisModule } from './load-redis.ts'
import type { RedisScript } from './script.ts'

export interface RedisLinkOptions {
  /** `redis://`, `rediss://` */
  readonly url: string
  readonly clock: Clock
  readonly random: Random
  /** Default 500. */
  readonly commandTimeoutMs?: number | undefined
  /** Default 1,000. */
  readonly connectTimeoutMs?: number | undefined
}

export type RedisReply = string | number | Buffer | null | readonly RedisReply[]

export interface RedisLinkListener {
  /** A connection stands; commands of the listener itself go through. Throws: the connection is given up. */
  readonly up: () => Promise<void>
  /** At once, and before any other command is answered. */
  readonly down: () => void
}

type Client = ReturnType<RedisModule['createClient']>

const mostQueued = 20_000
const timeoutResolutionMs = 10
const waitsMs = [20, 50, 100, 200, 400, 700, 1_000] as const

export class RedisLink {
  readonly #options: RedisLinkOptions
  readonly #commandTimeoutMs: number
  readonly #connectTimeoutMs: number
  readonly #listeners: RedisLinkListener[] = []
  readonly #deadlines: Deadlines
  #module: RedisModule | undefined
  #asBuffers: ReturnType<typeof toBuffers> | undefined
  #starting: Promise<void> | undefined
  #client: Client | undefined
  #isUp = false
  #isClosed = false
  #attempt = 0
  #incarnation = ''
  #callOff: (() => void) | undefined

  constructor(options: RedisLinkOptions) {
    this.#options = options
    this.#commandTimeoutMs = options.commandTimeoutMs ?? 500
    this.#connectTimeoutMs = options.connectTimeoutMs ?? 1_000
    this.#deadlines = createDeadlines(options.clock, timeoutResolutionMs)
    checkUrl(options.url)
  }

  /** Everybody may send. */
  get isUp(): boolean {
    return this.#isUp
  }

  get isStarted(): boolean {
    return this.#module !== undefined
  }

  get incarnation(): string {
    return this.#incarnation
  }

  /** Before start(). */
  listen(listener: RedisLinkListener): void {
    this.#listeners.push(listener)
  }

  /** Idempotent. Resolves after the first try to connect, however it went; rejects only with DEPENDENCY_MISSING. */
  async start(): Promise<void> {
    this.#starting ??= this.#begin()
    await this.#starting
  }

  /** Rejects with REDIS_UNAVAILABLE; anything else is what Redis says of this command, and the connection stands. */
  async run(script: RedisScript, keys: readonly string[], args: readonly (string | Buffer)[]): Promise<RedisReply> {
    const rest = [String(keys.length), ...keys, ...args]
    try {
      return await this.send(['EVALSHA', script.sha, ...rest])
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return await this.send(['EVAL', script.text, ...rest])
    }
  }

  async send(args: readonly (string | Buffer)[]): Promise<RedisReply> {
    const client = this.#client
    const module = this.#module
    if (client === undefined || module === undefined) throw unavailable('there is no connection')
    const sent = client.sendCommand([...args], (this.#asBuffers ??= toBuffers(module)))
    return await this.#bounded(client, sent as Promise<unknown> as Promise<RedisReply>, this.#commandTimeoutMs)
  }

  async subscribe(channel: string, onMessage: (message: string) => void): Promise<void> {
    const client = this.#client
    if (client === undefined) throw unavailable('there is no connection')
    const listener = (message: string): void => {
      if (client === this.#client) onMessage(message)
    }
    await this.#bounded(client, client.subscribe(channel, listener), this.#commandTimeoutMs)
  }

  close(): Promise<void> {
    this.#isClosed = true
    this.#callOff?.()
    if (this.#client !== undefined) this.#drop(this.#client)
    return Promise.resolve()
  }

  async #begin(): Promise<void> {
    this.#module = await loadRedis()
    await this.#connect(this.#module)
  }

  async #connect({ createClient }: RedisModule): Promise<void> {
    if (this.#isClosed) return
    const client = createClient({
      url: this.#options.url,
      disableOfflineQueue: true,
      disableClientInfo: true,
      maintNotifications: 'disabled',
      commandsQueueMaxLength: mostQueued,
      // Ours bounds each command; theirs would make an AbortSignal for each, and leave its timer running for 5 s.
      commandOptions: { timeout: 0 },
      socket: { connectTimeout: this.#connectTimeoutMs, reconnectStrategy: false, keepAlive: true, noDelay: true },
    }) as unknown as Client
    this.#client = client
    client.on('error', () => this.#drop(client))
    client.on('end', () => this.#drop(client))
    try {
      await this.#bounded(client, client.connect(), this.#connectTimeoutMs)
      this.#incarnation = nameIncarnation(await this.send(['INFO', 'server']), await this.send(['INFO', 'replication']))
      for (const listener of this.#listeners) await listener.up()
      if (client !== this.#client) return
      this.#attempt = 0
      this.#isUp = true
    } catch {
      this.#drop(client)
    }
  }

  /** Idempotent for one client. */
  #drop(client: Client): void {
    if (client !== this.#client) return
    this.#client = undefined
    this.#isUp = false
    try {
      client.destroy()
    } catch {
      // It was never open, or has closed by itself.
    }
    for (const listener of this.#listeners) listener.down()
    const module = this.#module
    if (this.#isClosed || module === undefined) return
    const waitMs = waitsMs[Math.min(this.#attempt++, waitsMs.length - 1)] ?? 1_000
    this.#callOff = this.#options.clock.after(jitter(waitMs, 0.5, this.#options.random), () => {
      void this.#connect(module)
    })
  }

  #bounded<T>(client: Client, work: Promise<T>, timeoutMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        reject(unavailable('it does not answer'))
        this.#drop(client)
      }
      let callOff: (() => void) | undefined
      // Where the process stood still itself, the answer may be here and not have been read.
      const deadline = this.#deadlines.add(timeoutMs, () => {
        callOff = this.#options.clock.after(0, giveUp)
      })
      const settle = (): void => {
        this.#deadlines.remove(deadline)
        callOff?.()
      }
      const fail = (cause: Error): void => {
        settle()
        if (cause instanceof StrataError || (isReplyError(cause) && !isOfAnother(cause))) return reject(cause)
        this.#drop(client)
        reject(unavailable('the connection was lost', cause))
      }
      const succeed = (value: T): void => {
        settle()
        resolve(value)
      }
      work.then(succeed, fail)
    })
  }
}

/** Made once: what is told with each command. */
function toBuffers({ RESP_TYPES }: RedisModule) {
  return { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } }
}

/** What Redis itself answered: NOSCRIPT, OOM, WRONGTYPE, LOADING … */
function isReplyError(error: unknown): error is Error {
  return error instanceof Error && /^[A-Z]{3,}\b/.test(error.message)
}

/** A server that became a replica, or has yet to read its data, is not the one that was connected to. */
function isOfAnother(error: Error): boolean {
  return /^(?:READONLY|LOADING|MASTERDOWN)\b/.test(error.message)
}

function unavailable(why: string, cause?: unknown): StrataError {
  return new StrataError('REDIS_UNAVAILABLE', { message: `Redis cannot be asked: ${why}`, cause })
}

function nameIncarnation(...infos: readonly RedisReply[]): string {
  const text = infos.map(String).join('\n')
  const parts = ['run_id', 'master_replid'].map((name) => new RegExp(`^${name}:(\\S+)`, 'm').exec(text)?.[1] ?? '')
  if (parts[0] === '') throw unavailable('it does not say which server it is')
  return createHash('sha256').update(parts.join('/')).digest('base64url').slice(0, 10)
}

function checkUrl(url: string): void {
  if (URL.canParse(url) && /^rediss?:$/.test(new URL(url).protocol)) return
  throw new StrataError('CONFIG_INVALID', {
    message: 'The URL of Redis cannot be used',
    expected: 'redis://host:port/0, or rediss://',
    advice: 'Mend `cache.redis`; special characters of a password are percent-encoded.',
  })
}
