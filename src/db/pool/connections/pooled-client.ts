// A pg.Client with what its pool keeps about it, as a property of the client itself.
// Invariant: the state is written by the one pool that made the client, and by nobody else.

import type pg from 'pg'
import type { Deadline, Deadlines } from '../../../base/deadlines.ts'
import { isConnectionLost } from '../../../sql/sqlstate.ts'

export const poolState: unique symbol = Symbol('pgstrata.pool')

export interface ClientState {
  /** 'closing' is the last: a client never comes back from it. */
  phase: 'connecting' | 'idle' | 'used' | 'closing'
  /** Somebody has it who has not given it back; it may be closing under their hands. */
  held: boolean
  /** How often it was given out: who gives it back may say which time is meant. */
  checkout: number
  /** The pool's when the connection was begun. */
  readonly generation: number
  idleSinceMs: number
  /** Why it is not to be given out (again). */
  broken: Error | undefined
  expired: boolean
  /** It was told of with `connect`. */
  announced: boolean
  leak: Deadline | undefined
  /** Calls off the end of its lifetime. */
  lifetime: (() => void) | undefined
  /** Gives up connecting. */
  abandon: (() => void) | undefined
}

export type PooledClient = pg.Client & {
  [poolState]: ClientState
  /** pg has these two; its types leave them out. */
  ref(): void
  unref(): void
}

/** What pg keeps to itself. pg-pool reads the first two as well: there is no other way to ask. */
interface Innards {
  readonly _queryable: boolean
  readonly _ending: boolean
  readonly _queryQueue: readonly unknown[]
  readonly _sentQueryQueue: readonly unknown[]
  _getActiveQuery(): unknown
}

export function adopt(client: pg.Client, generation: number): PooledClient {
  const state: ClientState = {
    phase: 'connecting',
    held: false,
    checkout: 0,
    generation,
    idleSinceMs: 0,
    broken: undefined,
    expired: false,
    announced: false,
    leak: undefined,
    lifetime: undefined,
    abandon: undefined,
  }
  // With a statement running pg gives the server's last words to that statement, and only the end of the socket, a little
  // later, shows that the connection is gone. This listener stands before pg's own, which it adds in connect().
  client.connection.on('errorMessage', (message: Error) => {
    if (endsConnection(message)) state.broken ??= message
  })
  return Object.assign(client, { [poolState]: state }) as PooledClient
}

/** By its severity, which may be in the server's own language, or by its SQLSTATE. */
function endsConnection(message: Error): boolean {
  const { severity } = message as { severity?: unknown }
  return severity === 'FATAL' || severity === 'PANIC' || isConnectionLost(message)
}

/**
 * Whether pg would carry out a statement on it, now, and answer only that one. Not after the socket broke (`_queryable`)
 * or somebody called end() on the client (`_ending`): both may come before any event. Not while a query is still running
 * or queued: the next holder would wait for it. After an ErrorResponse pg has no active query any more, and queues the
 * next one until the server says it is ready: such a client is fit.
 */
export function isFit(client: PooledClient): boolean {
  const innards = client as unknown as Innards
  return (
    innards._queryable &&
    !innards._ending &&
    innards._queryQueue.length === 0 &&
    innards._sentQueryQueue.length === 0 &&
    (innards._getActiveQuery() ?? undefined) === undefined
  )
}

/** How long a server has for its part of a goodbye. */
const goodbyeMs = 1_000

/**
 * Closes the socket and calls back, once, when it is closed. With `force` without a goodbye; else a server that does not
 * answer it is left after a second. A client that runs a query is cut off by pg, and the server may run it to its end.
 */
export function closeClient(client: PooledClient, options: CloseOptions, closed: () => void): void {
  let bound: Deadline | undefined
  let isClosed = false
  const finish = (): void => {
    if (isClosed) return
    isClosed = true
    if (bound !== undefined) options.deadlines.remove(bound)
    closed()
  }
  bound = options.deadlines.add(goodbyeMs, () => {
    client.connection.stream.destroy()
    finish()
  })
  client.end(finish)
  if (!options.force || isClosed) return
  // pg does not hear of the close of a socket that could not even begin to connect.
  client.connection.stream.once('close', finish)
  client.connection.stream.destroy()
}

export interface CloseOptions {
  readonly force: boolean
  readonly deadlines: Deadlines
}
