// What is told of each statement, over node:diagnostics_channel: 'pgstrata:query:start' in the caller's own context,
// 'pgstrata:query:end' with the same object, filled in. Costs one look at a field while nobody listens.
// Texts of statements are told, their values never. Observers of the pool (observer.ts) are told from here as well.

import { AsyncResource } from 'node:async_hooks'
import { channel, type Channel } from 'node:diagnostics_channel'
import pg from 'pg'
import type { Clock } from '../../base/clock.ts'
import { sqlstateOf } from '../../sql/sqlstate.ts'
import type { NodeOptions, Route } from './options.ts'
import { combineObservers, Observation, type StatementObserver } from './observer.ts'
import type { QueryCallback } from './statement/call.ts'
import type { ServerNode } from './cluster/server-node.ts'

export interface QueryTrace {
  readonly text: string
  /** The name it is prepared by, if it has one. */
  readonly name: string | undefined
  readonly startedAtMs: number
  route: Route
  node: string | undefined
  /** Where pg connects to for that node. */
  host: string | undefined
  port: number | undefined
  database: string | undefined
  /** Why that node; undefined: it is the only one. */
  reason: string | undefined
  lagMs: number | undefined
  /** Nodes that were tried before. */
  retries: number
  durationMs: number | undefined
  rowCount: number | null | undefined
  error: Error | undefined
  sqlstate: string | undefined
}

export interface Telemetry {
  /** Whether anybody listens. */
  readonly active: boolean
  start(text: string, name: string | undefined, route: Route): QueryTrace
  end(trace: QueryTrace, error: Error | null, rowCount: number | null | undefined): void
  /** From now on; what is returned ends it. */
  observe(observer: StatementObserver): () => void
  /** It sets out; undefined: there is nobody to tell. */
  begin(text: string): Observation | undefined
  /** `done`, which tells the observers first; itself where there are none. */
  observed(text: string, done: QueryCallback): QueryCallback
  /** `work` as it is; while somebody listens, kept in the context of now for when it runs later. */
  inContext<Args extends unknown[]>(work: (...args: Args) => void): (...args: Args) => void
}

export const queryStartChannel = 'pgstrata:query:start'
export const queryEndChannel = 'pgstrata:query:end'

export function createTelemetry(clock: Clock): Telemetry {
  const started: Channel = channel(queryStartChannel)
  const ended: Channel = channel(queryEndChannel)
  const observers: StatementObserver[] = []
  let observer: StatementObserver | undefined
  const begin = (text: string): Observation | undefined =>
    observer === undefined ? undefined : new Observation(observer, text, clock.monotonic())
  return {
    observe: (added) => {
      observers.push(added)
      observer = combineObservers([...observers])
      return () => {
        const index = observers.indexOf(added)
        if (index < 0) return
        observers.splice(index, 1)
        observer = combineObservers([...observers])
      }
    },
    begin,
    observed: (text, done) => {
      const observation = begin(text)
      if (observation === undefined) return done
      return (error, result) => {
        observation.end(error, clock.monotonic())
        done(error, result)
      }
    },
    get active() {
      return started.hasSubscribers || ended.hasSubscribers
    },
    start: (text, name, route) => {
      const trace: QueryTrace & { readonly sinceMs: number } = {
        text,
        name,
        startedAtMs: clock.now(),
        sinceMs: clock.monotonic(),
        route,
        node: undefined,
        host: undefined,
        port: undefined,
        database: undefined,
        reason: undefined,
        lagMs: undefined,
        retries: 0,
        durationMs: undefined,
        rowCount: undefined,
        error: undefined,
        sqlstate: undefined,
      }
      started.publish(trace)
      return trace
    },
    end: (trace, error, rowCount) => {
      trace.durationMs = clock.monotonic() - (trace as QueryTrace & { readonly sinceMs: number }).sinceMs
      trace.rowCount = rowCount
      trace.error = error ?? undefined
      trace.sqlstate = error === null ? undefined : sqlstateOf(error)
      ended.publish(trace)
    },
    inContext: (work) =>
      started.hasSubscribers || ended.hasSubscribers || observer?.needsContext === true
        ? AsyncResource.bind(work)
        : work,
  }
}

/** A statement that has no callback of its own, and that somebody is told of. */
export interface Told {
  servedBy(node: ServerNode): void
  end(error: Error | null, rowCount: number | null | undefined): void
}

const untold: QueryCallback = () => undefined

/** From now on; undefined: nobody listens. */
export function tellOf(telemetry: Telemetry, text: string, route: Route): Told | undefined {
  const trace = telemetry.active ? telemetry.start(text, undefined, route) : undefined
  const ended = telemetry.observed(text, untold)
  if (trace === undefined && ended === untold) return undefined
  return {
    servedBy: (node) => (trace === undefined ? undefined : noteNode(trace, node)),
    end: (error, rowCount) => {
      ended(error)
      if (trace !== undefined) telemetry.end(trace, error, rowCount)
    },
  }
}

interface Address {
  readonly host: string | undefined
  readonly port: number | undefined
  readonly database: string | undefined
}

const addresses = new WeakMap<NodeOptions, Address>()

/** A node is about to serve the statement, or failed to. */
export function noteNode(trace: QueryTrace, { name, options }: ServerNode): void {
  trace.node = name
  let address = addresses.get(options)
  if (address === undefined) addresses.set(options, (address = addressOf(options)))
  trace.host = address.host
  trace.port = address.port
  trace.database = address.database
}

/** As pg understands it, with what comes from the environment: by a client that is never connected. */
function addressOf({ client }: NodeOptions): Address {
  try {
    const { host, port, database } = new pg.Client(client)
    return { host, port, database }
  } catch {
    // What it cannot be made of, connecting fails with.
    return { host: undefined, port: undefined, database: undefined }
  }
}
