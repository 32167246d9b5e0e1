// One statement outside of a transaction, from the choice of a node to the answer, over as many nodes as it takes.
// Invariants: a statement that may have changed something is sent once; it is sent again only where it is known not to have
// taken effect (it never left, or a read-only server refused it). A read is tried elsewhere when its connection is lost, its
// server cancels it for the sake of replay, or turns out to be behind the session; not more than twice after a loss, for it may
// be the read itself that brings servers down. Every errand ends: attempts and waits are bounded.

import { sqlstate, sqlstateOf } from '../../../sql/sqlstate.ts'
import type { Classification } from '../../../sql/classify/index.ts'
import { acquireWriter, isBusy } from './acquire-writer.ts'
import type { Call, QueryCallback } from '../statement/call.ts'
import { giveBack } from '../statement/give-back.ts'
import { linkOf } from '../cluster/link.ts'
import { losesConnection, ranIntoLimit } from '../cluster/lost.ts'
import type { PooledClient } from '../connections/node-pool.ts'
import type { Route } from '../options.ts'
import { withTimeout } from '../statement/query-timeout.ts'
import { runStatement } from '../statement/run-statement.ts'
import type { ServerNode } from '../cluster/server-node.ts'
import type { CausalSession } from './session.ts'
import type { RoutingContext } from './routing-context.ts'
import { noteNode, type QueryTrace } from '../telemetry.ts'

export interface ErrandOptions {
  readonly call: Call
  readonly classification: Classification
  readonly route: Route
  readonly session: CausalSession | undefined
  readonly trace: QueryTrace | undefined
  /** On which connection it runs now; undefined: on none. */
  readonly onClient: ((client: PooledClient | undefined) => void) | undefined
  readonly done: QueryCallback
}

/** How often the primary is tried for one statement. */
const maxPrimaryTries = 3
const maxLosses = 2
/** How long the monitor has to find that a primary is none any more. */
const refusalWaitMs = 250

interface Outcome {
  readonly node: ServerNode
  readonly asWriter: boolean
  /** The connection was to a server in recovery. */
  readonly cannotWrite: boolean
  readonly error: Error | null
  readonly elsewhere: boolean
}

export class Errand {
  readonly #context: RoutingContext
  readonly #call: Call
  readonly #classification: Classification
  readonly #session: CausalSession | undefined
  readonly #trace: QueryTrace | undefined
  readonly #onClient: ErrandOptions['onClient']
  readonly #done: QueryCallback
  readonly #startedAtMs: number
  #route: Route
  #passedOver: Set<ServerNode> | undefined
  #waitedForReplica = false
  #primaryTries = 0
  #losses = 0

  constructor(context: RoutingContext, options: ErrandOptions) {
    this.#context = context
    this.#call = options.call
    this.#classification = options.classification
    this.#route = options.route
    this.#session = options.session
    this.#trace = options.trace
    this.#onClient = options.onClient
    this.#done = options.done
    this.#startedAtMs = context.clock.monotonic()
  }

  go(): void {
    const { cluster, news } = this.#context
    if (!cluster.settled) return this.#context.whenSettled(() => this.go())
    if (this.#route !== 'write') {
      const node = this.#pick()
      if (node !== undefined) return this.#runOn(node)
      if (!this.#waitedForReplica && this.#context.router.mayCatchUp(this.#route, this.#session)) {
        this.#waitedForReplica = true
        return news.wait(
          () => this.#pick() !== undefined,
          this.#context.options.readWaitMs,
          () => this.go(),
        )
      }
    }
    this.#goToWriter()
  }

  #pick(): ServerNode | undefined {
    return this.#context.router.pick(this.#route, this.#session, this.#passedOver)
  }

  #goToWriter(): void {
    this.#primaryTries++
    const untilMs = this.#startedAtMs + this.#context.writerWaitMs
    acquireWriter(this.#context, { session: this.#session, untilMs }, (error, node, client) => {
      const described = node ?? this.#context.cluster.writer
      if (this.#trace !== undefined && described !== undefined) this.#describe(described)
      if (node === undefined || client === undefined) return this.#done(error as Error)
      this.#send(node, client, true)
    })
  }

  #runOn(node: ServerNode): void {
    if (this.#trace !== undefined) this.#describe(node)
    const client = node.pool.take()
    if (client !== undefined) return this.#send(node, client, false)
    node.pool.acquire((error, acquired) => {
      if (acquired === undefined) this.#failedToConnect(node, error as Error)
      else this.#send(node, acquired, false)
    })
  }

  #describe(node: ServerNode): void {
    const trace = this.#trace as QueryTrace
    if (trace.node !== undefined) trace.retries++
    noteNode(trace, node)
    trace.route = this.#route
    trace.reason = this.#context.explain(node, this.#route, this.#session, this.#classification)
    trace.lagMs = Number.isFinite(node.lagMs) ? node.lagMs : undefined
  }

  #send(node: ServerNode, client: PooledClient, asWriter: boolean): void {
    const { options, tools, events } = this.#context
    events.acquired(client)
    const cannotWrite = linkOf(client).identity?.isReplica === true
    const needs = {
      // What was sent to a replica by hand is no read when it comes to the primary.
      reads: this.#classification.route === 'read' || (!asWriter && cannotWrite),
      route: this.#route,
      session: this.#session,
      blockable: this.#classification.blockable,
    }
    const timeoutMs = this.#call.timeoutMs ?? node.options.queryTimeoutMs
    const done = withTimeout(client, timeoutMs, tools, (error, result, elsewhere) => {
      this.#onClient?.(undefined)
      giveBack(node.pool, client, error)
      events.released(error, client)
      if (error === null && elsewhere !== true) return this.#done(null, result)
      this.#again({ node, asWriter, cannotWrite, error, elsewhere: elsewhere === true })
    })
    this.#onClient?.(client)
    runStatement(client, this.#call, needs, options, done)
  }

  #failedToConnect(node: ServerNode, error: Error): void {
    // Nothing was sent.
    if (!isBusy(error)) this.#context.suspect(node, error)
    this.#passOver(node)
    this.go()
  }

  #again({ node, asWriter, cannotWrite, error, elsewhere }: Outcome): void {
    if (error === null) return elsewhere ? this.#tooOld(node) : this.#done(null)
    const lost = losesConnection(error)
    if (lost && !ranIntoLimit(error)) this.#context.suspect(node, error)
    if (sqlstateOf(error) === sqlstate.readOnlyTransaction) return this.#refused(node, asWriter, error)
    if (!this.#mayRepeat(error, lost, elsewhere, cannotWrite)) return this.#done(error)
    this.#passOver(node)
    this.go()
  }

  #mayRepeat(error: Error, lost: boolean, elsewhere: boolean, cannotWrite: boolean): boolean {
    if (this.#context.cluster.single || ranIntoLimit(error)) return false
    if (this.#classification.route !== 'read' && !cannotWrite) return false
    if (this.#primaryTries >= maxPrimaryTries) return false
    if (lost) return ++this.#losses <= maxLosses
    // Of our own questions beside it, those about the position fail on a server whose role has changed.
    if (elsewhere) return sqlstateOf(error) === sqlstate.wrongRole
    return cannotWrite && isReplayConflict(error)
  }

  /** The server turned out to be behind the session. */
  #tooOld(node: ServerNode): void {
    const { cluster, router } = this.#context
    if (cluster.single || this.#primaryTries >= maxPrimaryTries) return this.#done(router.behindError(node))
    this.#passOver(node)
    this.go()
  }

  /** 25006: a replica, or a server or role that only reads. Nothing has happened. */
  #refused(node: ServerNode, asWriter: boolean, error: Error): void {
    const { cluster, classifier, news } = this.#context
    if (!asWriter) {
      classifier.learnWrite(this.#call.text)
      this.#route = 'write'
      return this.go()
    }
    if (cluster.single || this.#primaryTries >= maxPrimaryTries) return this.#done(error)
    // Its monitor finds out whether it is still the primary; if it is, this role may not write.
    this.#context.suspect(node, error)
    const isReplaced = (): boolean => cluster.writer !== node
    news.wait(isReplaced, refusalWaitMs, () => (isReplaced() ? this.go() : this.#done(error)))
  }

  #passOver(node: ServerNode): void {
    ;(this.#passedOver ??= new Set()).add(node)
  }
}

/** A replica cancels what stands in the way of replay. */
function isReplayConflict(error: Error): boolean {
  const state = sqlstateOf(error)
  return state === sqlstate.serializationFailure || state === sqlstate.deadlockDetected
}
