// Giving a connection back in a state that the next holder may have it in. What ORMs leave behind is healed here: a
// transaction that nobody ended is rolled back, a connection that is still answering is waited for.
// Promises: the connection goes back exactly once, clean, or is closed.

import type pg from 'pg'
import { findLink } from '../cluster/link.ts'
import { losesConnection } from '../cluster/lost.ts'
import type { NodePool, PooledClient } from '../connections/node-pool.ts'

interface Innards {
  readonly readyForQuery: boolean
  readonly _queryable: boolean
  readonly _ending: boolean
}

/** The server has answered everything and waits for the next statement. */
function isReady(client: pg.Client): boolean {
  return (client as unknown as Innards).readyForQuery
}

function isDead(client: pg.Client): boolean {
  const { _queryable, _ending } = client as unknown as Innards
  return !_queryable || _ending
}

/** Calls back when the server waits for the next statement, or the connection is gone. */
export function whenReady(client: pg.Client, callback: () => void): void {
  if (isReady(client) || isDead(client)) return callback()
  const finish = (): void => {
    client.removeListener('drain', finish)
    client.removeListener('end', finish)
    callback()
  }
  client.on('drain', finish)
  client.on('end', finish)
}

/**
 * `error`: what the last statement ended with, or true to have it closed. `onHealed`: it was left inside a transaction.
 * `nowMs`: what the clock said, for a caller that has just asked.
 */
export function giveBack(
  pool: NodePool,
  client: PooledClient,
  error: Error | boolean | null | undefined,
  onHealed?: () => void,
  nowMs?: number,
): void {
  if (findLink(client)?.isStale === true) error = true
  if (isReady(client) && client.getTransactionStatus() === 'I' && !isDead(client) && error !== true) {
    return pool.release(client, undefined, undefined, nowMs)
  }
  if (error === true || isDead(client) || losesConnection(error)) return pool.release(client, true)
  whenReady(client, () => {
    if (isDead(client)) return pool.release(client, true)
    if (client.getTransactionStatus() === 'I') return pool.release(client)
    onHealed?.()
    client.query('rollback', (failed: Error | null) => {
      // pg answers before the server is ready again only where it failed.
      pool.release(client, failed !== null || client.getTransactionStatus() !== 'I')
    })
  })
}
