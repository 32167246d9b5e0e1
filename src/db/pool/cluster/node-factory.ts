// Makes the nodes of a pool and prepares their connections: each new one is asked who is behind it, a stranger is refused,
// and the application may set it up, before it is given out.

import pg from 'pg'
import type { Clock } from '../../../base/clock.ts'
import type { Deadlines } from '../../../base/deadlines.ts'
import type { Random } from '../../../base/random.ts'
import { Backends } from './backends.ts'
import type { Cluster } from './cluster.ts'
import { identify, type Identity } from './identity.ts'
import { findLink, setLink } from './link.ts'
import { losesConnection } from './lost.ts'
import { keepsNamesApart } from './naming.ts'
import { NodePool, type NodePoolEvents } from '../connections/node-pool.ts'
import type { NodeOptions, PoolOptions } from '../options.ts'
import { unknownNode, type ServerNode } from './server-node.ts'

export interface NodeFactoryParts {
  readonly options: PoolOptions
  readonly Client: new (config: pg.ClientConfig) => pg.Client
  readonly clock: Clock
  readonly random: Random
  readonly deadlines: Deadlines
  readonly backends: Backends
  /** Known only when the nodes are. */
  readonly cluster: () => Cluster
  readonly events: NodePoolEvents
}

export function createNode(nodeOptions: NodeOptions, parts: NodeFactoryParts): ServerNode {
  const { options, clock, random, deadlines, backends, events } = parts
  const pool = new NodePool({
    ...nodeOptions,
    connect: () => listening(new parts.Client(nodeOptions.client)),
    prepare: (client) => prepareConnection(node, client, parts),
    maxWaiting: options.maxWaiting,
    leakAfterMs: options.leakAfterMs,
    warnAt: options.warnAt,
    allowExitOnIdle: options.allowExitOnIdle,
    clock,
    random,
    deadlines,
    events: {
      ...events,
      connect: (client) => {
        backends.add(processIdOf(client), node)
        events.connect(client)
      },
      remove: (client) => {
        backends.remove(processIdOf(client), node)
        events.remove(client)
      },
    },
  })
  const node = unknownNode(nodeOptions, pool)
  return node
}

function processIdOf(client: pg.ClientBase): number {
  return (client as unknown as { processID: number | null }).processID ?? 0
}

/** What the server says of itself goes to whoever holds the connection when it says so. */
function listening(client: pg.Client): pg.Client {
  for (const event of ['notice', 'notification', 'error'] as const) {
    client.on(event as 'error', (message: unknown) => {
      const holder = findLink(client)?.holder
      if (holder !== undefined && (event !== 'error' || holder.listenerCount('error') > 0)) holder.emit(event, message)
    })
  }
  return client
}

async function prepareConnection(node: ServerNode, client: pg.Client, parts: NodeFactoryParts): Promise<void> {
  const identity = await askIdentity(node, client, parts.cluster())
  const refusal = identity === undefined ? undefined : parts.cluster().verify(node, identity)
  if (refusal !== undefined) throw refusal
  const direct = identity?.direct ?? true
  setLink(client, {
    node,
    identity,
    direct,
    floor: direct && identity?.isReplica === true ? (identity.replayLsn ?? 0n) : 0n,
    prepared: new Map(),
    holder: undefined,
    isStale: false,
  })
  node.direct = direct
  node.named = parts.options.prepare ?? (direct || (await keepsNamesApart(client)))
  await Promise.resolve(parts.options.onConnect?.(client))
  await verifyByApplication(client, parts.options)
}

/** With a single node, a server that cannot say who it is will do: it has no tokens. */
async function askIdentity(node: ServerNode, client: pg.Client, cluster: Cluster): Promise<Identity | undefined> {
  try {
    return await identify(client, node.options.statementTimeoutMs)
  } catch (error) {
    if (!cluster.single || losesConnection(error)) throw error
    return undefined
  }
}

/** pg-pool's `verify` option. */
function verifyByApplication(client: pg.Client, options: PoolOptions): Promise<void> {
  const { verify } = options
  if (verify === undefined) return Promise.resolve()
  return new Promise((resolve, reject) => {
    verify(client as pg.PoolClient, (error) => (error === undefined || error === null ? resolve() : reject(error)))
  })
}
