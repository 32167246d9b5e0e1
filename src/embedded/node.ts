// One server of a cluster, as its user has it. States: stopped ⇄ running; start, stop and kill wait for one another.
// Promises: the port stays the same from the first start on; a server that ends unasked is told to the logger and can be
// started again. When this process ends in its own way, its servers are told to end too.

import { join } from 'node:path'
import type { Db } from '../db/db.ts'
import type { Context } from './context.ts'
import { killTree, stopPostmaster, type StopMode } from './postmaster.ts'
import { Server, urlOf } from './server.ts'
import type { Upstream } from './settings.ts'
import { happensWithin } from './wait.ts'

const killTimeoutMs = 10_000

export interface EmbeddedNode {
  readonly name: string
  readonly host: '127.0.0.1'
  readonly port: number
  /** 0 while it does not run. */
  readonly pid: number
  readonly dataDir: string
  /** The file the server writes to. */
  readonly logPath: string
  readonly running: boolean
  /** postgres://…; of the cluster's own database where none is named. */
  url(database?: string): string
  /** Idempotent. 'fast' ends the sessions and writes a checkpoint; 'immediate' leaves recovery to the next start. */
  stop(mode?: StopMode): Promise<void>
  /** On the same port. Idempotent. */
  start(): Promise<void>
  /** SIGKILL to the server and all its processes. */
  kill(): Promise<void>
}

export interface NodeRequest {
  readonly name: string
  readonly port?: number | undefined
  /** Asked at every start. */
  readonly upstream?: (() => Upstream) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface OpenedNode {
  readonly node: EmbeddedNode
  /** Ours, for looking after the server; closed when it stops. */
  readonly db: () => Db
}

/** Starts the server of `<root>/<name>`. `signal` ends the start, not the server. */
export async function openNode(context: Context, request: NodeRequest): Promise<OpenedNode> {
  const { name } = request
  const dataDir = join(context.root, name)
  const logPath = join(context.root, `${name}.log`)
  const server = new Server(context, { name, dataDir, logPath, upstream: request.upstream })
  await server.startOnFreePort(request.port, request.signal)
  let turn: Promise<unknown> = Promise.resolve()

  async function inTurn(work: () => Promise<void>): Promise<void> {
    const mine = turn.then(work)
    turn = mine.catch(() => undefined)
    await mine
  }

  const node: EmbeddedNode = {
    name,
    host: '127.0.0.1',
    dataDir,
    logPath,
    get port() {
      return server.port
    },
    get pid() {
      return server.pid
    },
    get running() {
      return server.pid !== 0
    },
    url: (database = context.database) => urlOf(server.port, database),
    start: () => inTurn(() => server.start()),
    stop: (mode = 'fast') =>
      inTurn(() => server.end((postmaster) => stopPostmaster(postmaster, mode, context.binaries, context.clock))),
    kill: () =>
      inTurn(() =>
        server.end(async (postmaster) => {
          if (postmaster.hasExited()) return
          await killTree(postmaster.pid, context.clock)
          await happensWithin(postmaster.exited, killTimeoutMs, context.clock)
        }),
      ),
  }
  return { node, db: () => server.db }
}
