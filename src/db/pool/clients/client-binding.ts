// The connection of a LazyClient: when it takes one, where, and when it may let go of it.
// Invariants: inside a transaction the connection never changes. Once a statement went to the primary that may have left
// something on its session, the connection is kept until the end; where that is not possible (the primary is another server by
// now) the client says so, instead of going on without what was set there. A connection to a replica is let go of as soon as
// it is idle outside of a transaction.

import type { EventEmitter } from 'node:events'
import type pg from 'pg'
import { StrataError } from '../../../base/errors.ts'
import { sqlstate, sqlstateOf } from '../../../sql/sqlstate.ts'
import { isDestroyed, plainCall, type Call, type QueryCallback } from '../statement/call.ts'
import type { Dispatcher, RoutingChoice } from '../routing/dispatcher.ts'
import { whenReady } from '../statement/give-back.ts'
import { KeptConnection } from './kept-connection.ts'
import { linkOf } from '../cluster/link.ts'
import { losesConnection } from '../cluster/lost.ts'
import type { Holder, PooledClient } from '../connections/node-pool.ts'
import { isOwn, whenStreamEnds } from '../observer.ts'
import type { Route } from '../options.ts'
import { withTimeout } from '../statement/query-timeout.ts'
import { runBegin, runEnd, runStatement, type RunDone } from '../statement/run-statement.ts'
import type { ServerNode } from '../cluster/server-node.ts'
import { foreignToken, isForeign, type CausalSession, type Scope } from '../routing/session.ts'
import { noteNode, tellOf, type QueryTrace, type Told } from '../telemetry.ts'

export interface ClientBindingParts {
  readonly dispatcher: Dispatcher
  /** Notices and notifications are told to it. */
  readonly owner: EventEmitter
  readonly onHealed: (node: ServerNode) => void
  /** Some ORMs never release a client whose BEGIN failed: it holds nothing any more. */
  readonly onBeginFailed: () => void
}

export class ClientBinding {
  readonly #dispatcher: Dispatcher
  readonly #kept: KeptConnection
  readonly #onBeginFailed: () => void
  #isFresh = true
  /** Where a read that needs no connection of its own runs now. */
  #lent: PooledClient | undefined

  constructor(parts: ClientBindingParts) {
    this.#dispatcher = parts.dispatcher
    this.#kept = new KeptConnection(parts)
    this.#onBeginFailed = parts.onBeginFailed
  }

  get client(): PooledClient | undefined {
    return this.#kept.client
  }

  get node(): ServerNode | undefined {
    return this.#kept.node
  }

  /** The connection that a statement runs on now, or the one that is kept. */
  get current(): PooledClient | undefined {
    return this.client ?? this.#lent
  }

  begin(holder: Holder | undefined): void {
    this.#kept.holder = holder
    this.#isFresh = true
  }

  end(error: Error | boolean | null | undefined): void {
    this.#kept.letGo(error)
  }

  /** Takes a connection now. */
  bind(node: ServerNode, callback: (error: Error | undefined) => void): void {
    this.#kept.take(node, callback)
  }

  run(call: Call, scope: Scope | undefined, callback: QueryCallback): void {
    let choice: RoutingChoice
    try {
      choice = this.#dispatcher.choose(call, scope)
      if (choice.classification.transaction === 'begin-read-only') {
        choice = { ...choice, route: this.#readRoute(call, scope, choice.session) }
      }
    } catch (error) {
      this.#neverBegan(call)
      return callback(error as Error)
    }
    // Freed by somebody else's answer, it would run in that one's context.
    const { telemetry } = this.#dispatcher
    const runFree = telemetry.inContext((lost?: Error) => {
      if (lost !== undefined) return callback(lost)
      const { classification, route, session } = choice
      if (this.client === undefined && route !== 'write' && classification.transaction !== 'begin-read-only') {
        this.#isFresh = false
        return this.#dispatcher.dispatch(call, scope, callback, (client) => (this.#lent = client))
      }
      const answer = call.own ? callback : telemetry.observed(call.text, callback)
      if (this.client !== undefined) return this.#runBound(call, choice, this.#startTrace(call, choice), answer)
      if (classification.transaction === 'begin-read-only') {
        return this.#bindAndRun(call, choice, (bound) => this.#kept.takeFor(route, session, bound), answer)
      }
      this.#bindAndRun(call, choice, (bound) => this.#kept.takeWriter(session, bound), answer)
    })
    this.#whenFree(runFree)
  }

  /** It failed before it was sent. */
  #neverBegan(call: Call): void {
    if (this.#isFresh && isBegin(call)) this.#onBeginFailed()
  }

  submit(submittable: pg.Submittable, text: string, scope: Scope | undefined, callback: (error?: Error) => void): void {
    let choice: RoutingChoice
    try {
      choice = this.#dispatcher.choose(plainCall(text), scope)
    } catch (error) {
      return callback(error as Error)
    }
    const send = (told: Told | undefined): void => {
      if (isDestroyed(submittable)) return callback()
      const { client, node } = this
      const { session } = choice
      if (client === undefined) return callback(new TypeError('The client has no connection'))
      this.#isFresh = false
      if (told !== undefined) {
        if (node !== undefined) told.servedBy(node)
        whenStreamEnds(submittable, (error) => told.end(error, (submittable as { rowCount?: number }).rowCount))
      }
      const inTransaction = client.getTransactionStatus() !== 'I'
      if (session === undefined || inTransaction) client.query(submittable)
      else streamInSession(client, submittable, session, choice.classification.route === 'read')
      callback()
    }
    this.#whenFree((lost) => {
      if (lost !== undefined) return callback(lost)
      const told = isOwn(submittable) ? undefined : this.tell(text, choice.route)
      if (this.client !== undefined) return send(told)
      this.#kept.takeFor(choice.route, choice.session, (error) => {
        if (error === undefined) return send(told)
        told?.end(error, undefined)
        callback(error)
      })
    })
  }

  /** Of a statement that is not sent by run(). Undefined: nobody listens. */
  tell(text: string, route: Route): Told | undefined {
    return tellOf(this.#dispatcher.telemetry, text, route)
  }

  /** When the connection, if there is one, waits for a statement; an idle one to a replica is let go of. */
  #whenFree(work: (lost?: Error) => void): void {
    const { client } = this
    if (client === undefined) return work()
    whenReady(client, () => {
      const { single, writer } = this.#dispatcher.cluster
      const isWriter = this.node === writer && linkOf(client).identity?.isReplica !== true
      if (single || client.getTransactionStatus() !== 'I' || isWriter) return work()
      const lost = this.#kept.keepsState ? stateLost() : undefined
      this.#kept.letGo(undefined)
      work(lost)
    })
  }

  #startTrace(call: Call, choice: RoutingChoice): QueryTrace | undefined {
    const { telemetry } = this.#dispatcher
    return telemetry.active ? telemetry.start(call.text, call.name, choice.route) : undefined
  }

  #bindAndRun(
    call: Call,
    choice: RoutingChoice,
    bind: (bound: (error: Error | undefined) => void) => void,
    callback: QueryCallback,
  ): void {
    const trace = this.#startTrace(call, choice)
    bind((error) => {
      if (error === undefined) return this.#runBound(call, choice, trace, callback)
      if (trace !== undefined) {
        const { writer } = this.#dispatcher.cluster
        if (writer !== undefined) noteNode(trace, writer)
        this.#dispatcher.telemetry.end(trace, error, undefined)
      }
      this.#neverBegan(call)
      callback(error)
    })
  }

  #runBound(call: Call, choice: RoutingChoice, trace: QueryTrace | undefined, callback: QueryCallback): void {
    const { client, node } = this
    if (client === undefined || node === undefined) return callback(new TypeError('The client has no connection'))
    const { classification, session } = choice
    const isFirst = this.#isFresh
    this.#isFresh = false
    if (trace !== undefined) {
      noteNode(trace, node)
      trace.lagMs = Number.isFinite(node.lagMs) ? node.lagMs : undefined
      trace.reason = 'its client is bound to it'
    }
    // A transaction may end in ways of which no position is asked: in a string of several statements, by PREPARE TRANSACTION.
    const wasOpen = client.getTransactionStatus() !== 'I'
    const isEnd = classification.transaction === 'commit' || classification.transaction === 'rollback'
    const timeoutMs = call.timeoutMs ?? node.options.queryTimeoutMs
    const done = withTimeout(client, timeoutMs, this.#dispatcher.tools, (failure, result, elsewhere) => {
      const error = failure ?? (elsewhere === true ? this.#dispatcher.router.behindError(node) : null)
      if (trace !== undefined) this.#dispatcher.telemetry.end(trace, error, result?.rowCount)
      if (wasOpen && session !== undefined && !isEnd && client.getTransactionStatus() === 'I') session.unsettle()
      this.#kept.followTransaction(session)
      if (classification.keepsState) this.#kept.keepsState = true
      if (error !== null && error !== undefined) {
        this.#afterError(error, isFirst && isBegin(call))
      }
      callback(error, result)
    })
    this.#send(client, call, choice, done)
  }

  #send(client: PooledClient, call: Call, { classification, route, session }: RoutingChoice, done: RunDone): void {
    const { options } = this.#dispatcher
    const inTransaction = client.getTransactionStatus() !== 'I'
    const { transaction } = classification
    if (!inTransaction && isForeign(session, linkOf(client).identity)) return done(foreignToken())
    if (!inTransaction && transaction.startsWith('begin')) return runBegin(client, call, route, options, done)
    if (inTransaction && session !== undefined && (transaction === 'commit' || transaction === 'rollback')) {
      return runEnd(client, transaction, session, done)
    }
    // COMMIT AND CHAIN, PREPARE TRANSACTION, several statements in one text: they may end something whose position is not
    // asked for, and fail after it.
    const mayEnd = transaction === 'other' || !classification.blockable
    if (inTransaction && session !== undefined && mayEnd) session.unsettle()
    const alone = inTransaction || transaction === 'commit' || transaction === 'rollback'
    const needs = {
      reads: classification.route === 'read' && !alone,
      route,
      session: alone ? undefined : session,
      blockable: classification.blockable && !alone,
    }
    runStatement(client, call, needs, options, done)
  }

  #afterError(error: Error, wasFirstBegin: boolean): void {
    const { node, client } = this
    if (node === undefined || client === undefined) return
    const lost = losesConnection(error)
    const refused = sqlstateOf(error) === sqlstate.readOnlyTransaction && client.getTransactionStatus() === 'I'
    if ((lost || refused) && !this.#dispatcher.cluster.single) this.#dispatcher.suspect(node, error)
    if (!wasFirstBegin) return
    this.#kept.letGo(lost)
    this.#onBeginFailed()
  }

  #readRoute(call: Call, scope: Scope | undefined, session: CausalSession | undefined): Route {
    if (call.route !== undefined) return this.#dispatcher.resolveRoute(call.route)
    if (scope?.route !== undefined) return scope.route
    return session === undefined && this.#dispatcher.options.consistency === 'primary' ? 'write' : 'read'
  }
}

/** What a stream sees or changes, and when, is not known here. */
function streamInSession(
  client: PooledClient,
  stream: pg.Submittable,
  session: CausalSession,
  onlyReads: boolean,
): void {
  // Outside of sessions only what is written counts, and that from its end on.
  if (session.monotonic) session.begin()
  client.query(stream)
  whenReady(client, () => {
    if (session.monotonic) session.finish()
    if (session.monotonic || !onlyReads) session.unsettle()
  })
}

function stateLost(): StrataError {
  return new StrataError('DATABASE_LOST', {
    message: 'The primary is another server now: what was set on the session of this client is gone',
    advice: 'Release the client and begin anew with another one.',
  })
}

/** Also one that no server would take: what cannot be parsed has no classification. */
function isBegin({ text }: Call): boolean {
  return /^\s*(?:begin|start\s+transaction)\b/i.test(text)
}
