// A pg.Pool over several servers: the same calls, events and counts, with each statement sent to the node that is right for
// it. It extends pg.Pool because ORMs ask for that by instanceof; nothing of pg-pool's own machinery runs.
// Promises: without replicas it does what pg.Pool does. With them, a read goes to a replica only where the caller cannot
// tell the difference (session.ts, router.ts), a write is sent once, a transaction stays where it began. Nothing connects
// before the first call.
// An 'error' event is only emitted where somebody listens: a broken idle connection does not end the process.

import { AsyncResource } from 'node:async_hooks'
import pg from 'pg'
import { systemClock, type Clock } from '../../base/clock.ts'
import { StrataError } from '../../base/errors.ts'
import { systemRandom, type Random } from '../../base/random.ts'
import { parseToken, type Token } from '../token.ts'
import { createBackendClient } from './cluster/backend-client.ts'
import {
  isPlain,
  isSubmittable,
  plainTextOf,
  takeApart,
  type QueryCallback,
  type RoutedConfig,
} from './statement/call.ts'
import { Checkouts, type ConnectCallback } from './clients/checkouts.ts'
import type { TokenVerdict } from './cluster/timeline-history.ts'
import type { RoutingExplanation } from './routing/dispatcher.ts'
import type { NodePoolStats } from './connections/node-pool.ts'
import { isOwn, ownStatement, type StatementObserver } from './observer.ts'
import { hideUrl, resolvePoolOptions, type StrataPoolConfig } from './options.ts'
import { PoolCore } from './pool-core.ts'
import { poolEvents } from './pool-events.ts'
import { preparedName } from './statement/prepared.ts'
import { sendPlain } from './statement/send-plain.ts'
import { Session, tokenOf } from './routing/scopes.ts'
import type { NodeStatus, ServerNode } from './cluster/server-node.ts'

export interface StrataPoolTools {
  readonly clock?: Clock
  readonly random?: Random
}

export class StrataPool extends pg.Pool {
  readonly #core: PoolCore
  readonly #checkouts: Checkouts
  #ending: Promise<void> | undefined

  constructor(config: StrataPoolConfig = {}, tools: StrataPoolTools = {}) {
    super(config)
    const Client = (this as unknown as { Client: typeof pg.Client }).Client
    this.#core = new PoolCore({
      options: resolvePoolOptions(config),
      Client,
      clock: tools.clock ?? systemClock,
      random: tools.random ?? systemRandom,
      events: poolEvents(this),
    })
    this.#checkouts = new Checkouts(this, this.#core)
    // As pg hides `password`: what prints the pool must not print those of the replicas.
    Object.defineProperty(this.options, 'replicas', { enumerable: false })
    hideUrl(this.options)
    Object.assign(this, { Client: createBackendClient(Client, this.#core.backends) })
    this.#count('totalCount', ({ pool }) => pool.total)
    this.#count('idleCount', ({ pool }) => pool.idle)
    this.#count('waitingCount', ({ pool }) => pool.waiting)
    this.#count('expiredCount', () => 0)
  }

  /** pg's own counts, over all nodes. As properties of the instance: pg's types say that they are properties. */
  #count(name: 'totalCount' | 'idleCount' | 'waitingCount' | 'expiredCount', of: (node: ServerNode) => number): void {
    const { nodes } = this.#core.cluster
    const get = (): number => nodes.reduce((sum, node) => sum + of(node), 0)
    Object.defineProperty(this, name, { get, enumerable: false, configurable: true })
  }

  override connect(): Promise<pg.PoolClient>
  override connect(callback: ConnectCallback): void
  override connect(callback?: ConnectCallback): Promise<pg.PoolClient> | void {
    // In its caller's context: that of the socket is whoever's who first needed the connection.
    if (callback !== undefined) return this.#connect(AsyncResource.bind(callback))
    return new Promise((resolve, reject) => {
      this.#connect((error, client) => (client === undefined ? reject(error) : resolve(client)))
    })
  }

  #connect(callback: ConnectCallback): void {
    if (this.#ending !== undefined) return queueMicrotask(() => callback(ended(), undefined, () => undefined))
    this.#core.start()
    // Before anything is waited for: the stack of who takes it is gone by then.
    const holder = this.#checkouts.holder()
    this.#core.whenRouting(() => this.#checkouts.take(callback, holder))
  }

  override query<T extends pg.Submittable>(stream: T): T
  override query<R extends unknown[] = any[], I = any[]>(
    config: pg.QueryArrayConfig<I> & Pick<RoutedConfig, 'route' | 'prepare' | 'query_timeout'>,
    values?: pg.QueryConfigValues<I>,
  ): Promise<pg.QueryArrayResult<R>>
  override query<R extends pg.QueryResultRow = any, I = any[]>(
    config: pg.QueryConfig<I> & Pick<RoutedConfig, 'route' | 'prepare' | 'query_timeout'>,
  ): Promise<pg.QueryResult<R>>
  override query<R extends pg.QueryResultRow = any, I = any[]>(
    textOrConfig: string | pg.QueryConfig<I>,
    values?: pg.QueryConfigValues<I>,
  ): Promise<pg.QueryResult<R>>
  override query<R extends unknown[] = any[], I = any[]>(
    config: pg.QueryArrayConfig<I>,
    callback: (error: Error, result: pg.QueryArrayResult<R>) => void,
  ): void
  override query<R extends pg.QueryResultRow = any, I = any[]>(
    textOrConfig: string | pg.QueryConfig<I>,
    callback: (error: Error, result: pg.QueryResult<R>) => void,
  ): void
  override query<R extends pg.QueryResultRow = any, I = any[]>(
    text: string,
    values: pg.QueryConfigValues<I>,
    callback: (error: Error, result: pg.QueryResult<R>) => void,
  ): void
  override query(config: unknown, values?: unknown, callback?: unknown): unknown {
    if (typeof values === 'function') {
      callback = values
      values = undefined
    }
    if (isSubmittable(config)) return this.#checkouts.stream(config, callback, (given) => this.#connect(given))
    if (typeof callback === 'function') {
      return this.#query(config, values, AsyncResource.bind(callback as QueryCallback))
    }
    return new Promise((resolve, reject) => {
      this.#query(config, values, (error, result) => {
        if (error === null || error === undefined) resolve(result)
        else reject(error)
      })
    }).catch(showCaller)
  }

  #query(config: unknown, values: unknown, callback: QueryCallback): void {
    if (this.#ending !== undefined) return queueMicrotask(() => callback(ended()))
    const core = this.#core
    core.start()
    if (core.plain && isPlain(config) && !core.dispatcher.telemetry.active && core.scopes.getStore() === undefined) {
      const observation = isOwn(config) ? undefined : core.dispatcher.telemetry.begin(plainTextOf(config))
      const statement = { config, values: values as unknown[] | undefined, observation }
      return sendPlain(core.dispatcher, core.cluster.nodes[0], statement, callback)
    }
    if (config === null || config === undefined || typeof config === 'function') {
      return queueMicrotask(() => callback(new TypeError('A query is a text, a configuration or a Submittable')))
    }
    const call = takeApart(config as string | RoutedConfig, values as unknown[] | undefined, preparedName)
    const scope = core.scopes.getStore()
    this.#checkouts.begin()
    core.whenRouting(() => {
      core.dispatcher.dispatch(call, scope, (error, result) => {
        this.#checkouts.finish()
        callback(error, result)
      })
    })
  }

  override end(): Promise<void>
  override end(callback: () => void): void
  override end(callback?: () => void): Promise<void> | void {
    Object.assign(this, { ending: true })
    this.#ending ??= this.#end()
    if (callback === undefined) return this.#ending
    void this.#ending.then(callback)
  }

  async #end(): Promise<void> {
    const { clock, options } = this.#core
    const sinceMs = clock.monotonic()
    await this.#checkouts.drain()
    const leftMs = Math.max(1, options.drainTimeoutMs - (clock.monotonic() - sinceMs))
    await this.#core.end(options.drainTimeoutMs === 0 ? 0 : leftMs)
    Object.assign(this, { ended: true })
  }

  /** A session that begins at `token`: its reads never show less than what the token, or the session itself, has seen. */
  session(token?: Token | string): Session {
    return new Session(this.#core, token)
  }

  /** How far the session has come that surrounds the call. */
  get sessionToken(): Token | undefined {
    const session = this.#core.scopes.getStore()?.session
    return session === undefined ? undefined : tokenOf(session, this.#core.cluster)
  }

  /** The session that surrounds the call takes in what somebody else has seen; without one nothing happens. */
  joinSession(token: Token | string): void {
    const session = this.#core.scopes.getStore()?.session
    session?.joinToken(typeof token === 'string' ? parseToken(token) : token)
  }

  /** Runs `work` in a session of its own. */
  scope<T>(token: Token | string | undefined, work: (session: Session) => T): T {
    const session = this.session(token)
    return session.run(() => work(session))
  }

  /** Sends the reads of `work` along a route, or that of a class of queries. What is not a read goes to the primary as ever. */
  routed<T>(route: string, work: () => T): T {
    const session = this.#core.scopes.getStore()?.session
    return this.#core.scopes.run({ session, route: this.#core.dispatcher.resolveRoute(route) }, work)
  }

  /** Where a statement would go now, and why. Nothing is sent. */
  explainRouting(config: string | RoutedConfig, options: { readonly session?: Session } = {}): RoutingExplanation {
    const call = takeApart(config, undefined, preparedName)
    const explain = (): RoutingExplanation => this.#core.dispatcher.explainRouting(call)
    return options.session === undefined ? explain() : options.session.run(explain)
  }

  /** Whether what a token speaks of has survived the promotions since. */
  verdictOf(token: Token | string): TokenVerdict {
    return this.#core.cluster.verdictOf(typeof token === 'string' ? parseToken(token) : token)
  }

  /** Told of each statement of the application when it was answered, of this pool alone; what is returned ends it. */
  observe(observer: StatementObserver): () => void {
    return this.#core.dispatcher.telemetry.observe(observer)
  }

  /** What is known of each node. */
  nodes(): readonly NodeStatus[] {
    return this.#core.cluster.nodes.map((node) => this.#core.cluster.status(node))
  }

  /** Connections, waits and use of each node. */
  stats(): readonly NodePoolStats[] {
    return this.#core.cluster.nodes.map(({ pool }) => pool.stats())
  }

  /** Connects: `min` of each node, and every node asked once who it is. Rejects where no server takes writes. */
  async start(): Promise<void> {
    if (this.#ending !== undefined) throw ended()
    this.#checkouts.begin()
    try {
      this.#core.start()
      await this.#core.ready()
      await this.#core.cluster.nodes[0].pool.warm()
      await this.query({ text: 'select 1', route: 'write', [ownStatement]: true } as RoutedConfig)
    } finally {
      this.#checkouts.finish()
    }
  }
}

/** The stack of the caller, not of the socket. */
function showCaller(error: unknown): never {
  if (error instanceof Error) Error.captureStackTrace(error)
  throw error
}

function ended(): StrataError {
  return new StrataError('POOL_CLOSED', { message: 'Cannot use a pool after calling end on the pool' })
}
