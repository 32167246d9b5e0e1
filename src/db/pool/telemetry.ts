// What is told of each statement, over node:diagnostics_channel: 'pgstrata:query:start' in the caller's own context,
// 'pgstrata:query:end' with the same object, filled in. Costs one look at a field while nobody listens.
// Texts of statements are told, their values never.

import { AsyncResource } from 'node:async_hooks'
import { channel, type Channel } from 'node:diagnostics_channel'
import pg from 'pg'
import type { Clock } from '../../base/clock.ts'
import { sqlstateOf } from '../../sql/sqlstate.ts'
import type { NodeOptions, Route } from './options.ts'
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
  /** `work` as it is; while somebody listens, kept in the context of now for when it runs later. */
  inContext<Args extends unknown[]>(work: (...args: Args) => void): (...args: Args) => void
}

export const queryStartChannel = 'pgstrata:query:start'
export const queryEndChannel = 'pgstrata:query:end'

export function createTelemetry(clock: Clock): Telemetry {
  const started: Channel = channel(queryStartChannel)
  const ended: Channel = channel(queryEndChannel)
  return {
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
    inContext: (work) => (started.hasSubscribers || ended.hasSubscribers ? AsyncResource.bind(work) : work),
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
