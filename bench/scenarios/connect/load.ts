// 250 requests a second, each three queries of about 40 ms on one connection: StrataPool of 50 connections, bare pg.Pool of
// 50, and bare pg.Pool of 20, which this load overfills.

import pg from 'pg'
import { StrataPool } from 'pgstrata'
import type { Variant } from '../../harness/rounds.ts'
import { createRandom, percentile, runOpenLoop, type Load, type Request } from '../../support/open-loop.ts'
import type { Nodes } from './nodes.ts'

const queriesPerRequest = 3
/** What the application does between two queries, with the connection in its hands. */
const thinkMs = 2

const limits = {
  min: 5,
  connectionTimeoutMillis: 1_000,
  idleTimeoutMillis: 10_000,
  query_timeout: 5_000,
  statement_timeout: 10_000,
}

export function loadVariants(nodes: Nodes, load: Load): readonly Variant[] {
  const variant = (
    name: string,
    open: () => pg.Pool,
    read: (requests: readonly Request[]) => Record<string, number>,
  ) => ({
    name,
    run: async () => {
      const pool = open()
      try {
        return read(await runOpenLoop(load, createRequest(pool)))
      } finally {
        await pool.end()
      }
    },
  })
  const config = { connectionString: nodes.primary, ...limits }
  const p95 = (requests: readonly Request[]): number =>
    percentile(
      requests.map(({ waitMs }) => waitMs),
      0.95,
    )
  return [
    variant(
      'StrataPool of 50',
      () => new StrataPool({ ...config, max: 50 }),
      (requests) => ({
        wait_p95_ms: p95(requests),
        utilization_pct: (100 * sum(requests, 'heldMs')) / (50 * load.measuredMs),
        busy_share_pct: (100 * sum(requests, 'busyMs')) / sum(requests, 'heldMs'),
        failed_pct: failedShare(requests),
      }),
    ),
    variant(
      'pg.Pool of 50',
      () => new pg.Pool({ ...config, max: 50 }),
      (requests) => ({
        pg50_wait_p95_ms: p95(requests),
      }),
    ),
    variant(
      'pg.Pool of 20',
      () => new pg.Pool({ ...config, max: 20 }),
      (requests) => ({
        pg20_wait_p95_ms: p95(requests),
        pg20_failed_pct: failedShare(requests),
      }),
    ),
  ]
}

function createRequest(pool: pg.Pool): () => Promise<Request> {
  const random = createRandom(2)
  return async () => {
    const askedMs = performance.now()
    let client: pg.PoolClient
    try {
      client = await pool.connect()
    } catch {
      return { waitMs: performance.now() - askedMs, heldMs: 0, busyMs: 0, failed: true }
    }
    const takenMs = performance.now()
    let busyMs = 0
    let failed = false
    try {
      for (let query = 0; query < queriesPerRequest; query++) {
        if (query > 0) await new Promise((resolve) => setTimeout(resolve, thinkMs))
        const sentMs = performance.now()
        await client.query({ name: 'page', text: 'select pg_sleep($1)', values: [durationOf(random()) / 1_000] })
        busyMs += performance.now() - sentMs
      }
    } catch {
      failed = true
    }
    client.release()
    return { waitMs: takenMs - askedMs, heldMs: performance.now() - takenMs, busyMs, failed }
  }
}

/** Most are quick, a few are slow: 38.5 ms on average. */
function durationOf(share: number): number {
  if (share < 0.5) return 5
  if (share < 0.9) return 40
  return 200
}

function sum(requests: readonly Request[], what: 'heldMs' | 'busyMs'): number {
  return requests.reduce((total, request) => total + request[what], 0)
}

function failedShare(requests: readonly Request[]): number {
  return (100 * requests.filter(({ failed }) => failed).length) / requests.length
}
