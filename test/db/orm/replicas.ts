// A cluster whose replicas lag as chance will have it: paused, resumed, delayed. The seed is printed with each use.
// After calm() they replay at once again, and have replayed everything.

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll } from 'vitest'
import { seededRandom } from '../../../src/base/random.ts'
import type { Db } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import type { StrataPoolConfig } from '../../../src/db/pool/options.ts'
import { startCluster, type EmbeddedCluster, type EmbeddedReplica } from '../../../src/embedded/index.ts'
import type { TestedMajor } from '../../support/postgres.ts'
import { seed } from '../../support/property.ts'
import { waitUntil } from '../../support/wait.ts'
import type { StrataPool } from '../../../src/db/pool/strata-pool.ts'

export interface ReplicatedDatabase {
  readonly cluster: EmbeddedCluster
  readonly url: string
  /** On the primary. */
  readonly db: Db
  /** Of a StrataPool over the primary and all replicas. */
  readonly config: StrataPoolConfig
  /** All replicas replay at once, and have replayed everything. */
  readonly calm: () => Promise<void>
}

/** In a describe block: one cluster with two replicas for all its tests. */
export function useReplicas(
  version: TestedMajor,
  prepare: (db: Db) => Promise<void>,
  settings: { readonly preload?: readonly string[] } = {},
): () => ReplicatedDatabase {
  let database: ReplicatedDatabase | undefined
  beforeAll(async () => {
    const name = `orm_${randomUUID().slice(0, 8)}`
    const cluster = await startCluster({ version, inMemory: true, replicas: 2, database: name, ...settings })
    const url = cluster.primary.url()
    const db = openDb({ url })
    await prepare(db)
    database = {
      cluster,
      url,
      db,
      config: {
        connectionString: url,
        // However far behind they are: what keeps a session's reads away is its position alone.
        replicas: cluster.replicas.map((replica) => ({ connectionString: replica.url(), maxLag: '1h' })),
      },
      calm: async () => {
        await Promise.all(cluster.replicas.map((replica) => follow(replica)))
      },
    }
    await database.calm()
  })
  afterAll(async () => {
    await database?.db.close()
    await database?.cluster.stop()
  })
  return () => {
    if (database === undefined) throw new Error('The cluster is there only inside tests and hooks')
    return database
  }
}

async function follow(replica: EmbeddedReplica): Promise<void> {
  await replica.setReplayDelay(0)
  await replica.resumeReplay()
  await replica.waitFor()
}

/** To be called between statements: half of the time it pauses, resumes or delays one of the replicas. */
export function createDisturbance(replicas: readonly EmbeddedReplica[], what: string): () => Promise<void> {
  console.log(`${what}: seed ${seed} (PGSTRATA_SEED=${seed} replays the order of pauses and delays)`)
  const random = seededRandom(seed)
  return async () => {
    const replica = replicas[Math.floor(random() * replicas.length)]
    const kind = Math.floor(random() * 10)
    const delayMs = Math.floor(random() * 200)
    if (kind === 0) await replica?.pauseReplay()
    else if (kind === 1) await replica?.resumeReplay()
    else if (kind === 2) await replica?.setReplayDelay(delayMs)
    else if (kind === 3) await replica?.setReplayDelay(0)
    else if (kind === 4 && replica !== undefined) await follow(replica)
  }
}

/** How many statements each kind of node has served. */
export function usesOf(pool: StrataPool): { readonly primary: number; readonly replicas: number } {
  const [primary, ...replicas] = pool.stats().map(({ uses }) => uses)
  return { primary: primary ?? 0, replicas: replicas.reduce((sum, uses) => sum + uses, 0) }
}

/** Starts the pool, and returns when reads go to replicas: both are known, and so is what a read is. */
export async function startWithReplicas(pool: StrataPool): Promise<void> {
  await pool.start()
  const isServing = async (): Promise<boolean> => {
    // Replicas are looked at often only while there are reads.
    await pool.query('select 1')
    const isKnown = pool.nodes().every(({ state, lagMs }) => state === 'up' && lagMs !== null)
    return isKnown && pool.explainRouting('select pg_sleep(1)').node?.startsWith('replica-') === true
  }
  await waitUntil(isServing, { what: 'reads to go to replicas' })
}
