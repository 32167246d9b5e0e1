// A NodePool on a real server, what it told, and how to ask for a connection in one line.

import { createServer, type Socket } from 'node:net'
import pg from 'pg'
import { onTestFinished } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { createDeadlines } from '../../../src/base/deadlines.ts'
import { seededRandom } from '../../../src/base/random.ts'
import {
  NodePool,
  type Holder,
  type Leak,
  type NodePoolOptions,
  type NodePoolStats,
  type PooledClient,
} from '../../../src/db/pool/connections/node-pool.ts'

import type { FakeClock } from '../../support/fake-clock.ts'

export interface Told {
  readonly connected: PooledClient[]
  readonly removed: PooledClient[]
  readonly errors: Error[]
  readonly warnings: NodePoolStats[]
  readonly exhausted: NodePoolStats[]
  readonly leaks: Leak[]
}

export interface OpenedPool {
  readonly pool: NodePool
  readonly told: Told
}

type Overrides = Partial<Omit<NodePoolOptions, 'events' | 'deadlines'>> & {
  readonly onConnect?: (client: PooledClient) => void
}

/** Ended with the test. Defaults: max 2, nothing else bounded, the clock of the system. */
export function openPool(url: string, overrides: Overrides = {}): OpenedPool {
  const { onConnect, ...options } = overrides
  const told: Told = { connected: [], removed: [], errors: [], warnings: [], exhausted: [], leaks: [] }
  const clock = options.clock ?? systemClock
  const pool = new NodePool({
    name: 'primary',
    target: 'somebody@somewhere:5432/something',
    connect: () => new pg.Client({ connectionString: url }),
    max: 2,
    min: 0,
    idleTimeoutMs: 0,
    connectTimeoutMs: 0,
    maxWaiting: 1_000,
    maxUses: Infinity,
    maxLifetimeMs: 0,
    leakAfterMs: 0,
    warnAt: 0.8,
    allowExitOnIdle: false,
    random: seededRandom(1),
    ...options,
    clock,
    deadlines: createDeadlines(clock),
    events: {
      connect: (client) => {
        told.connected.push(client)
        onConnect?.(client)
      },
      remove: (client) => void told.removed.push(client),
      error: (error) => void told.errors.push(error),
      warning: (stats) => void told.warnings.push(stats),
      exhausted: (stats) => void told.exhausted.push(stats),
      leak: (leak) => void told.leaks.push(leak),
    },
  })
  onTestFinished(async () => {
    const ended = pool.end(1)
    if ('advance' in clock) (clock as FakeClock).advance(60_000)
    await ended
  })
  return { pool, told }
}

export function acquire(pool: NodePool, holder?: Holder): Promise<PooledClient> {
  return new Promise((resolve, reject) => {
    pool.acquire((error, client) => {
      if (client === undefined) reject(error ?? new Error('Neither an error nor a client'))
      else resolve(client)
    }, holder)
  })
}

/** The error it fails with, asked for before it does. */
export function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('It did not fail')
    },
    (error: unknown) => error,
  )
}

/** The number of the server's process behind a connection. */
export function pidOf(client: pg.Client): number {
  const { processID } = client as unknown as { readonly processID: number | null }
  if (processID === null) throw new Error('The client is not connected')
  return processID
}

/** A promise, and the key to it. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let settle: (() => void) | undefined
  const opened = new Promise<void>((resolve) => {
    settle = resolve
  })
  return { opened, open: () => settle?.() }
}

/** A server that accepts and says nothing. */
export async function startSilentServer(): Promise<{ readonly url: string; readonly sockets: Set<Socket> }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    // Who does not read does not hear of the end.
    socket.resume()
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return { url: `postgres://nobody@127.0.0.1:${portOf(server.address())}/nothing`, sockets }
}

/** A URL at which nothing listens. */
export async function deadUrl(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const port = portOf(server.address())
  await new Promise((resolve) => server.close(resolve))
  return `postgres://nobody@127.0.0.1:${port}/nothing`
}

function portOf(address: ReturnType<ReturnType<typeof createServer>['address']>): number {
  if (address === null || typeof address === 'string') throw new Error('The server has no port')
  return address.port
}
