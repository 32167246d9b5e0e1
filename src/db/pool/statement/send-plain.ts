// A statement to the one node there is, as it stands: neither a route nor a session has a say in it.
// Where it is observed the clock is read twice, and the pool told what it said: asking the clock is most of what observing costs.

import type pg from 'pg'
import type { ServerNode } from '../cluster/server-node.ts'
import type { PooledClient } from '../connections/node-pool.ts'
import type { Observation } from '../observer.ts'
import type { RoutingContext } from '../routing/routing-context.ts'
import type { QueryCallback } from './call.ts'
import { withoutName } from './call.ts'
import { giveBack } from './give-back.ts'
import { withTimeout } from './query-timeout.ts'
import { sendable } from './sendable.ts'

export interface PlainStatement {
  readonly config: string | pg.QueryConfig
  readonly values: unknown[] | undefined
  /** Undefined: nobody is told of it. */
  readonly observation: Observation | undefined
}

type Context = Pick<RoutingContext, 'events' | 'tools'>

export function sendPlain(
  context: Context,
  node: ServerNode,
  statement: PlainStatement,
  callback: QueryCallback,
): void {
  const { observation } = statement
  const client = node.pool.take(undefined, observation?.sinceMs)
  if (client !== undefined) return sendOn(context, node, client, statement, callback)
  node.pool.acquire((error, acquired) => {
    if (acquired !== undefined) return sendOn(context, node, acquired, statement, callback)
    observation?.end(error, context.tools.clock.monotonic())
    callback(error as Error)
  })
}

function sendOn(
  { events, tools }: Context,
  node: ServerNode,
  client: PooledClient,
  { config, values, observation }: PlainStatement,
  callback: QueryCallback,
): void {
  const answer: QueryCallback = (error, result) => {
    const nowMs = observation === undefined ? undefined : tools.clock.monotonic()
    giveBack(node.pool, client, error, undefined, nowMs)
    events.released(error, client)
    if (nowMs !== undefined) observation?.end(error, nowMs)
    callback(error, result)
  }
  events.acquired(client)
  const { queryTimeoutMs } = node.options
  const done = queryTimeoutMs > 0 ? withTimeout(client, queryTimeoutMs, tools, answer) : answer
  try {
    const named = node.named ? config : withoutName(config)
    const made = sendable(values ?? (named as pg.QueryConfig).values)
    ;(client.query as (config: unknown, values: unknown, callback: QueryCallback) => void)(named, made, done)
  } catch (error) {
    answer(error as Error)
  }
}
