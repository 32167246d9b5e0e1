// What the tests of sessions share: a primary and two replicas whose replay can be made to stand still, and pools over them.

import type pg from 'pg'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { startCluster, type EmbeddedCluster } from '../../../src/embedded/index.ts'
import type { Db } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import type { StrataPoolConfig } from '../../../src/db/pool/options.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { sql } from '../../../src/sql/sql.ts'
import { waitUntil } from '../../support/wait.ts'
import { makeFunctions, readFunctions, untilReading, untilUp } from './strata-pool-support.ts'

export interface Servers {
  readonly cluster: EmbeddedCluster
  /** Each of them, past every pool; the primary first. */
  readonly looks: readonly [Db, ...Db[]]
  /** Every node is up, and what it lags is known. */
  openPool(config?: StrataPoolConfig): Promise<StrataPool>
  untilReplayed(): Promise<void>
  /** From here on, what is written is on no replica, until the test ends. */
  pauseReplay(): Promise<void>
}

export const read = 'select id from notes'
export const insert = 'insert into notes values ($1)'
export const readOne = 'select id from notes where id = $1'

let lastId = 0

export function nextId(): number {
  return ++lastId
}

/** For a test file. Call the result inside tests and hooks. */
export function useServers(): () => Servers {
  let servers: Servers | undefined
  const opened: StrataPool[] = []
  beforeAll(async () => {
    servers = await startServers(opened)
  })
  afterEach(async () => {
    await Promise.all(servers?.cluster.replicas.map((replica) => replica.resumeReplay()) ?? [])
    await Promise.all(opened.splice(0).map((pool) => pool.end()))
  })
  afterAll(async () => {
    await Promise.all(servers?.looks.map((look) => look.close()) ?? [])
    await servers?.cluster.stop()
  })
  return () => {
    if (servers === undefined) throw new Error('The servers are there only inside tests and hooks')
    return servers
  }
}

async function startServers(opened: StrataPool[]): Promise<Servers> {
  const cluster = await startCluster({ inMemory: true, replicas: 2, settings: { max_prepared_transactions: '5' } })
  const primary = openDb({ url: cluster.primary.url(), max: 1 })
  for (const text of makeFunctions.split(';')) await primary.query(sql.raw(text))
  await primary.query(sql`create table notes (id int4 primary key)`)
  await primary.query(sql`create role reader login`)
  await primary.query(sql`alter role reader set default_transaction_read_only = on`)
  await primary.query(sql`grant all on notes to reader`)
  const untilReplayed = async (): Promise<void> => {
    await Promise.all(cluster.replicas.map((replica) => replica.waitFor()))
  }
  await untilReplayed()
  return {
    cluster,
    looks: [primary, ...cluster.replicas.map((replica) => openDb({ url: replica.url(), max: 1 }))],
    openPool: async (config) => {
      const pool = new StrataPool({
        connectionString: cluster.primary.url(),
        consistency: 'eventual',
        readWait: '1ms',
        readFunctions,
        // Clients that a failed test keeps are not waited for.
        drainTimeout: '1s',
        replicas: cluster.replicas.map((replica) => ({ connectionString: replica.url(), maxLag: '1 hour' })),
        ...config,
      })
      opened.push(pool)
      await untilKnown(pool)
      return pool
    },
    untilReplayed,
    pauseReplay: async () => {
      await untilReplayed()
      await Promise.all(cluster.replicas.map((replica) => replica.pauseReplay()))
    },
  }
}

async function untilKnown(pool: StrataPool): Promise<void> {
  await untilReading(pool, read)
  for (const { node } of pool.nodes()) await untilUp(pool, node)
  const areKnown = (): boolean => pool.nodes().every(({ role, lagMs }) => role !== 'replica' || lagMs !== null)
  await waitUntil(areKnown, { what: 'every lag to be known' })
}

export async function isSeen(pool: Pick<pg.ClientBase, 'query'> | StrataPool, id: number): Promise<boolean> {
  const { rows } = await (pool as Pick<pg.ClientBase, 'query'>).query(readOne, [id])
  return rows.length === 1
}

export type Work = (pool: StrataPool, id: number) => Promise<unknown>

export const onClient =
  (...texts: string[]): Work =>
  async (pool, id) => {
    const client = await pool.connect()
    try {
      for (const text of texts) await client.query(text.replaceAll('$1', String(id)))
    } finally {
      client.release()
    }
  }
