// A connection to the server that takes writes, wherever that is by now. While it is being found (a failover) the caller
// waits, bounded; nothing is sent before, so trying again is safe.
// Promises: the callback is called exactly once.

import { linkOf } from '../cluster/link.ts'
import type { Holder, PooledClient } from '../connections/node-pool.ts'
import type { ServerNode } from '../cluster/server-node.ts'
import type { RoutingContext } from './routing-context.ts'
import type { CausalSession } from './session.ts'

export type WriterCallback = (error: Error | undefined, node?: ServerNode, client?: PooledClient) => void

export interface WriterRequest {
  readonly session: CausalSession | undefined
  readonly holder?: Holder | undefined
  /** On our monotonic clock: until then a server that takes writes is waited for. */
  readonly untilMs: number
}

export function acquireWriter(context: RoutingContext, request: WriterRequest, callback: WriterCallback): void {
  const { cluster, news, router, clock } = context
  if (!cluster.settled) return context.whenSettled(() => acquireWriter(context, request, callback))
  const leftMs = request.untilMs - clock.monotonic()
  const isThere = (): boolean => context.hasLiveWriter(request.session)
  if (!isThere() && leftMs > 0) {
    return news.wait(isThere, leftMs, () =>
      acquireWriter(context, isThere() ? request : { ...request, untilMs: 0 }, callback),
    )
  }
  let writer: ServerNode
  try {
    writer = router.writer(request.session)
  } catch (error) {
    return callback(error as Error)
  }
  const use = (client: PooledClient): void => {
    if (cluster.single || linkOf(client).identity?.isReplica !== true) return callback(undefined, writer, client)
    // Made when this server was still a replica.
    writer.pool.release(client, true)
    acquireWriter(context, request, callback)
  }
  const client = writer.pool.take(request.holder)
  if (client !== undefined) return use(client)
  writer.pool.acquire((error, acquired) => {
    if (acquired !== undefined) return use(acquired)
    if (cluster.single || error === undefined || isBusy(error)) return callback(error)
    context.suspect(writer, error)
    if (clock.monotonic() >= request.untilMs) return callback(error)
    acquireWriter(context, request, callback)
  }, request.holder)
}

/** The pool is full, slow or closed: that says nothing against the server. */
export function isBusy(error: Error): boolean {
  const { code } = error as { code?: unknown }
  return code === 'POOL_TIMEOUT' || code === 'POOL_FULL' || code === 'POOL_CLOSED'
}
