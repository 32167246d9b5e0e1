// One address that leads to several replicas, as a load balancer or a name with several records does: what the monitor's
// connection says holds for its own server alone. A session's read is checked on the very connection it runs on.

import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startCluster, type EmbeddedCluster, type EmbeddedReplica } from '../../../src/embedded/index.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { startTcpProxy, throughPort, type TcpProxy } from '../../support/tcp-proxy.ts'
import { waitUntil } from '../../support/wait.ts'
import { untilReading, usesOf } from './strata-pool-support.ts'

let cluster: EmbeddedCluster
let fresh: EmbeddedReplica
let paused: EmbeddedReplica
let proxy: TcpProxy
let pool: StrataPool

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, replicas: 2 })
  const [first, second] = cluster.replicas
  if (first === undefined || second === undefined) throw new Error('There are two replicas')
  fresh = first
  paused = second
  const before = new StrataPool({ connectionString: cluster.primary.url() })
  await before.query('create table notes (id int4 primary key)')
  await before.end()
})

afterAll(async () => {
  await cluster.stop()
})

afterEach(async () => {
  await pool.end()
  await proxy.close()
})

let lastId = 0
const rounds = 200
const readsAtOnce = 4

async function isSeen(on: Pick<pg.Pool, 'query'>, id: number): Promise<boolean> {
  const { rows } = await on.query('select id from notes where id = $1', [id])
  return rows.length === 1
}

/** Several at once, so that connections to either server are used. How many of them did not see what was written. */
async function countStale(read: (id: number) => Promise<boolean>): Promise<number> {
  let stale = 0
  for (let round = 0; round < rounds; round++) {
    const id = ++lastId
    await pool.query('insert into notes values ($1)', [id])
    const seen = await Promise.all(Array.from({ length: readsAtOnce }, () => read(id)))
    stale += seen.filter((each) => !each).length
  }
  return stale
}

async function readInTransaction(id: number): Promise<boolean> {
  const client = await pool.connect()
  try {
    await client.query('begin read only')
    const { rows } = await client.query('select id from notes where id = $1', [id])
    await client.query('commit')
    return rows.length === 1
  } finally {
    client.release()
  }
}

// The monitor connects first.
describe.each([
  ['the fresh one', 0],
  ['the one that stands still', 1],
] as const)('behind an address of two replicas, with the monitor on %s', (_, turn) => {
  beforeEach(async () => {
    await paused.resumeReplay()
    await Promise.all([fresh.waitFor(), paused.waitFor()])
    const ports = (turn === 0 ? [fresh, paused] : [paused, fresh]).map((each) => Number(new URL(each.url()).port))
    proxy = await startTcpProxy((connection) => ports[connection % 2] ?? 0)
    pool = new StrataPool({
      connectionString: cluster.primary.url(),
      max: readsAtOnce,
      consistency: 'eventual',
      replicas: [{ connectionString: throughPort(fresh.url(), proxy.port), maxLag: '1 hour' }],
    })
    await untilReading(pool, 'select id from notes where id = $1')
    // Its lag is known by now, and well below what is allowed here.
    await waitUntil(() => pool.nodes().find(({ node }) => node === 'replica-1')?.lagMs === 0, { what: 'no lag' })
    await paused.pauseReplay()
  })

  test('reads outside of a session are old at times', async () => {
    expect(await countStale((id) => isSeen(pool, id))).toBeGreaterThan(0)
    expect(usesOf(pool, 'replica-1')).toBeGreaterThan(rounds)
  })

  test('no read of a session is older than its writes', async () => {
    const stale = await pool.scope(undefined, () => countStale((id) => isSeen(pool, id)))
    expect(stale).toBe(0)
    // It says something only where reads went to connections of either server.
    if (turn === 0) expect(usesOf(pool, 'replica-1')).toBeGreaterThan(rounds / 10)
  })

  test('no read-only transaction of a session is older than its writes', async () => {
    expect(await pool.scope(undefined, () => countStale(readInTransaction))).toBe(0)
  })

  test('no read is older than what another read of its session has seen', async () => {
    // Others write: the session knows only what its reads have shown.
    const stale = await pool.scope(undefined, async () => {
      let newest = 0
      let older = 0
      for (let round = 0; round < rounds; round++) {
        await pool.session().run(() => pool.query('insert into notes values ($1)', [++lastId]))
        const reads = Array.from({ length: readsAtOnce }, () =>
          pool.query<{ id: number }>('select max(id) as id from notes'),
        )
        const ids = (await Promise.all(reads)).map(({ rows }) => rows[0]?.id ?? 0)
        older += ids.filter((id) => id < newest).length
        newest = Math.max(newest, ...ids)
      }
      return older
    })
    expect(stale).toBe(0)
  })
})
