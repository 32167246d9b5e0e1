// The servers of the scenario, and pools over them: bare pg.Pool on one of them, or StrataPool over all.

import pg from 'pg'
import { StrataPool, type StrataPoolConfig } from 'pgstrata'
import type { EmbeddedCluster } from 'pgstrata/embedded'

export interface Nodes {
  readonly primary: string
  readonly replica: string
  /** Resolves when the replica has replayed what the primary has written. */
  readonly caughtUp: () => Promise<void>
}

export function nodesOf(cluster: EmbeddedCluster): Nodes {
  const [replica] = cluster.replicas
  if (replica === undefined) throw new Error('The scenario needs a replica')
  return {
    primary: cluster.primary.url(),
    replica: replica.url(),
    caughtUp: () => replica.waitFor(),
  }
}

export async function withPg<T>(url: string, max: number, work: (pool: pg.Pool) => Promise<T>): Promise<T> {
  const pool = new pg.Pool({ connectionString: url, max })
  try {
    return await work(pool)
  } finally {
    await pool.end()
  }
}

/** Over both; `work` begins when reads go to the replica. */
export async function withStrata<T>(
  nodes: Nodes,
  config: StrataPoolConfig,
  work: (pool: StrataPool) => Promise<T>,
): Promise<T> {
  const pool = new StrataPool({
    connectionString: nodes.primary,
    replicas: [{ connectionString: nodes.replica, maxLag: '1min' }],
    ...config,
  })
  try {
    await pool.start()
    await untilReplicaReads(pool)
    return await work(pool)
  } finally {
    await pool.end()
  }
}

async function untilReplicaReads(pool: StrataPool): Promise<void> {
  const giveUpAtMs = performance.now() + 10_000
  while (pool.nodes().length > 1 && pool.explainRouting('select 1').node === 'primary') {
    if (performance.now() > giveUpAtMs) throw new Error(`No read goes to the replica: ${JSON.stringify(pool.nodes())}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** How many statements the replica has served: a figure about replicas must not be one about the primary. */
export function replicaUses(pool: StrataPool): number {
  return pool.stats()[1]?.uses ?? 0
}
