// Takes a statement, decides its route, and sends it on its errand. What the pool, its clients and the errands share.

import type { Clock } from '../../../base/clock.ts'
import type { Deadlines } from '../../../base/deadlines.ts'
import { StrataError } from '../../../base/errors.ts'
import type { Classification, Classifier } from '../../../sql/classify/index.ts'
import type { Call, QueryCallback } from '../statement/call.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { Errand, type ErrandOptions } from './errand.ts'
import type { Monitor } from '../cluster/monitor.ts'
import type { News } from '../cluster/news.ts'
import type { PoolOptions, Route } from '../options.ts'
import type { Router } from './router.ts'
import type { CheckoutEvents, RoutingContext } from './routing-context.ts'
import type { ServerNode } from '../cluster/server-node.ts'
import { isUnreachable } from '../cluster/lost.ts'
import { foreignToken, type CausalSession, type Scope, type Scopes } from './session.ts'
import type { Telemetry } from '../telemetry.ts'

export interface DispatcherParts {
  readonly options: PoolOptions
  readonly cluster: Cluster
  readonly router: Router
  readonly classifier: Classifier
  readonly news: News
  readonly scopes: Scopes
  readonly telemetry: Telemetry
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly events: CheckoutEvents
  readonly monitorOf: (node: ServerNode) => Monitor | undefined
}

/** Where one statement is to go. */
export interface RoutingChoice {
  readonly classification: Classification
  readonly route: Route
  readonly session: CausalSession | undefined
}

export interface RoutingExplanation {
  readonly route: Route
  /** Why the statement has that route. */
  readonly why: string
  /** The node that would serve it now; undefined: none could. */
  readonly node: string | undefined
  readonly reason: string
  readonly lagMs: number | undefined
  /** What keeps the others from serving it. */
  readonly others: readonly { readonly node: string; readonly reason: string }[]
}

/** How long a first statement waits for every node to have answered or failed. */
const settleMs = 500
const defaultWriterWaitMs = 5_000
const noteReadsEveryMs = 100

export class Dispatcher implements RoutingContext {
  readonly options: PoolOptions
  readonly cluster: Cluster
  readonly router: Router
  readonly classifier: Classifier
  readonly news: News
  readonly telemetry: Telemetry
  readonly clock: Clock
  readonly events: CheckoutEvents
  readonly tools: { readonly clock: Clock; readonly deadlines: Deadlines }
  /** How long a statement waits for a primary before it fails. */
  readonly writerWaitMs: number
  readonly #scopes: Scopes
  readonly #monitorOf: DispatcherParts['monitorOf']
  /** What holds outside of any session. */
  readonly outside: CausalSession | undefined
  #notedReadsAtMs = Number.NEGATIVE_INFINITY

  constructor(parts: DispatcherParts, outside: CausalSession | undefined) {
    this.options = parts.options
    this.cluster = parts.cluster
    this.router = parts.router
    this.classifier = parts.classifier
    this.news = parts.news
    this.telemetry = parts.telemetry
    this.clock = parts.clock
    this.events = parts.events
    this.tools = { clock: parts.clock, deadlines: parts.deadlines }
    this.writerWaitMs = parts.options.nodes[0].connectTimeoutMs || defaultWriterWaitMs
    this.#scopes = parts.scopes
    this.#monitorOf = parts.monitorOf
    this.outside = outside
  }

  dispatch(call: Call, scope: Scope | undefined, answer: QueryCallback, onClient?: ErrandOptions['onClient']): void {
    const done = call.own ? answer : this.telemetry.observed(call.text, answer)
    let choice: RoutingChoice
    try {
      choice = this.choose(call, scope)
    } catch (error) {
      return done(error as Error)
    }
    if (choice.route !== 'write') this.noteReads()
    const trace = this.telemetry.active ? this.telemetry.start(call.text, call.name, choice.route) : undefined
    const finished: QueryCallback =
      trace === undefined
        ? done
        : (error, result) => {
            this.telemetry.end(trace, error, result?.rowCount)
            done(error, result)
          }
    new Errand(this, { call, ...choice, trace, onClient, done: finished }).go()
  }

  /** Throws where a route or a token is not one of ours. */
  choose(call: Call, scope: Scope | undefined): RoutingChoice {
    const classification = this.classifier.classify(call.text)
    const session = scope?.session ?? this.outside
    if (session?.systemId !== undefined && this.cluster.systemId !== undefined) {
      if (session.systemId !== this.cluster.systemId) throw foreignToken()
    }
    return { classification, session, route: this.#routeOf(call, scope, classification, session) }
  }

  currentScope(): Scope | undefined {
    return this.#scopes.getStore()
  }

  #routeOf(
    call: Call,
    scope: Scope | undefined,
    classification: Classification,
    session: CausalSession | undefined,
  ): Route {
    if (call.route !== undefined) return this.resolveRoute(call.route)
    if (classification.route === 'write') return 'write'
    if (scope?.route !== undefined) return scope.route
    return session === undefined && this.options.consistency === 'primary' ? 'write' : 'read'
  }

  /** 'read', or the name of a class of queries. */
  resolveRoute(name: string): Route {
    if (name === 'write' || name === 'read' || name === 'analytics') return name
    const route = Object.hasOwn(this.options.queries, name) ? this.options.queries[name] : undefined
    if (route !== undefined) return route
    throw new StrataError('VALUE_INVALID', {
      message: 'Not a route, nor a class of queries',
      expected: ['write', 'read', 'analytics', ...Object.keys(this.options.queries)].join(', '),
      got: JSON.stringify(name),
    })
  }

  whenSettled(callback: () => void): void {
    const { cluster, news } = this
    if (cluster.settled) return callback()
    news.wait(
      () => cluster.settled,
      settleMs,
      () => {
        cluster.settle()
        callback()
      },
    )
  }

  hasLiveWriter(session: CausalSession | undefined): boolean {
    const { writer, timeline } = this.cluster
    if (writer === undefined || writer.answers === false) return false
    return session === undefined || timeline === undefined || session.timeline <= timeline
  }

  /** There are reads that replicas could serve. */
  noteReads(): void {
    if (this.cluster.single) return
    const nowMs = this.clock.monotonic()
    if (nowMs - this.#notedReadsAtMs < noteReadsEveryMs) return
    this.#notedReadsAtMs = nowMs
    for (const node of this.cluster.nodes) this.#monitorOf(node)?.use()
  }

  suspect(node: ServerNode, error: Error): void {
    if (this.cluster.single || node.answers === false) return
    this.#monitorOf(node)?.doubt()
    // A connection may end for reasons of its own; one that cannot be made speaks for the server.
    if (isUnreachable(error)) this.cluster.noteDown(node, error)
  }

  explain(node: ServerNode, route: Route, session: CausalSession | undefined, classification: Classification): string {
    if (this.cluster.single) return 'it is the only node'
    if (node !== this.cluster.writer) return `it may serve ${route} and has the least to do`
    if (route === 'write') return classification.route === 'write' ? classification.reason : 'it was told to'
    const forced = session === undefined ? undefined : this.router.mustUsePrimary(session)
    return forced ?? 'no replica may serve it'
  }

  explainRouting(call: Call): RoutingExplanation {
    const { classification, route, session } = this.choose(call, this.currentScope())
    const picked = route === 'write' ? undefined : this.router.pick(route, session)
    const node = picked ?? this.cluster.writer
    const nowMs = this.clock.monotonic()
    const others = this.cluster.nodes.flatMap((other) => {
      const reason = other === node ? undefined : this.router.whyNot(other, route, session, nowMs)
      return reason === undefined
        ? []
        : [{ node: other.name, reason: other.why === '' ? reason : `${reason}: ${other.why}` }]
    })
    return {
      route,
      why: call.route === undefined ? classification.reason : 'it was asked for',
      node: node?.name,
      reason:
        node === undefined ? this.cluster.noWriterError().message : this.explain(node, route, session, classification),
      lagMs: node === undefined || !Number.isFinite(node.lagMs) ? undefined : node.lagMs,
      others: route === 'write' ? [] : others,
    }
  }
}
