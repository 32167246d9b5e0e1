// What a statement that fails for reasons of its own does not do to the servers, and what a connection is not lost for. A
// read that is sent again and again brings down one server after the other.

import type pg from 'pg'
import { describe, expect, test } from 'vitest'
import { startCluster } from '../../../src/embedded/index.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { sql } from '../../../src/sql/sql.ts'
import { waitUntil } from '../../support/wait.ts'
import { insert, onClient, read, useServers } from './sessions-support.ts'
import { errorOf, stateOf } from './strata-pool-support.ts'

const servers = useServers()

function usesOfAll(pool: StrataPool): number {
  return pool.stats().reduce((sum, { uses }) => sum + uses, 0)
}

/** Every state that a node of the pool has from now on but 'up'. */
function watchTrouble(pool: StrataPool): readonly string[] {
  const troubles: string[] = []
  pool.on('node' as 'error', (status) => {
    const { node, state } = status as unknown as { node: string; state: string }
    if (state !== 'up') troubles.push(`${node} ${state}`)
  })
  return troubles
}

describe('what fails for a reason of its own says nothing against the servers:', () => {
  test('a role that may only read is told so within a second, and the primary stays in use', async () => {
    const reader = (url: string): string => Object.assign(new URL(url), { username: 'reader' }).href
    const pool = await servers().openPool({
      connectionString: reader(servers().cluster.primary.url()),
      replicas: servers().cluster.replicas.map((replica) => ({ connectionString: reader(replica.url()) })),
    })
    const troubles = watchTrouble(pool)
    for (const byClient of [false, true, false, true]) {
      const sinceMs = performance.now()
      const error = await errorOf(() => (byClient ? onClient(insert)(pool, 0) : pool.query(insert, [0])))
      expect(error).toMatchObject({ code: '25006' })
      expect(performance.now() - sinceMs).toBeLessThan(1_000)
      expect(stateOf(pool, 'primary')).toBe('up')
    }
    expect((await pool.query({ text: 'select 1 as one', route: 'write' })).rows).toEqual([{ one: 1 }])
    expect(troubles).toEqual([])
  })

  /** Long enough for anybody to stop it, and a read by any standard. */
  const slowRead = 'select count(*) as slow from notes right join generate_series(1, 200000000) on true'

  test('a read that runs into transaction_timeout is sent once', async () => {
    const limited = (url: string): string => {
      const own = new URL(url)
      own.searchParams.set('options', '-c transaction_timeout=300')
      return own.href
    }
    const pool = await servers().openPool({
      connectionString: limited(servers().cluster.primary.url()),
      replicas: servers().cluster.replicas.map((replica) => ({ connectionString: limited(replica.url()) })),
    })
    const troubles = watchTrouble(pool)
    const before = usesOfAll(pool)
    expect(await errorOf(() => pool.query(slowRead))).toMatchObject({ code: '25P04' })
    expect(usesOfAll(pool) - before).toBe(1)
    await pool.query('delete from notes where id < 0')
    expect(troubles).toEqual([])
    expect(pool.nodes().map(({ state }) => state)).toEqual(['up', 'up', 'up'])
  })

  test('a read whose backend is terminated wherever it runs is sent three times, and not more', async () => {
    const pool = await servers().openPool()
    const troubles = watchTrouble(pool)
    const before = usesOfAll(pool)
    let isOver = false
    const failure = errorOf(() => pool.query(slowRead)).finally(() => (isOver = true))
    let terminated = 0
    await waitUntil(
      async () => {
        for (const server of servers().looks) {
          const { rows } = await server.query(sql`select pg_terminate_backend(pid) from pg_stat_activity
            where state = 'active' and query like 'select count(*) as slow%'`)
          terminated += rows.length
        }
        return isOver
      },
      { what: 'the read to end' },
    )
    expect(await failure).toMatchObject({ code: '57P01' })
    expect(usesOfAll(pool) - before).toBe(3)
    expect(terminated).toBeGreaterThanOrEqual(3)
    await pool.query('delete from notes where id < 0')
    expect(troubles).toEqual([])
    expect(pool.nodes().map(({ state }) => state)).toEqual(['up', 'up', 'up'])
  })

  test.each([false, true])('a read whose type parser throws is sent once (in a session: %s)', async (inSession) => {
    const pool = await servers().openPool()
    const troubles = watchTrouble(pool)
    let parsed = 0
    const types = {
      getTypeParser: () => () => {
        parsed++
        throw new TypeError('no such value')
      },
    } as unknown as pg.CustomTypesConfig
    const work = (): Promise<unknown> => pool.query({ text: 'select 1::int4 as n', types })
    const before = usesOfAll(pool)
    const error = await errorOf(() => (inSession ? pool.scope(undefined, work) : work()))
    expect(error).toMatchObject({ message: 'no such value' })
    expect(parsed).toBe(1)
    expect(usesOfAll(pool) - before).toBe(1)
    expect(await errorOf(() => pool.query(read))).toBeUndefined()
    expect(troubles).toEqual([])
  })
})

test.each(['one node', 'with replicas'] as const)('release(null) keeps the connection: %s', async (shape) => {
  const pool =
    shape === 'one node' ? await servers().openPool({ max: 1, replicas: [] }) : await servers().openPool({ max: 1 })
  const pidOf = async (given: unknown): Promise<number | undefined> => {
    const client = await pool.connect()
    await client.query('begin')
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    await client.query('commit')
    client.release(given as undefined)
    return rows[0]?.pid
  }
  const first = await pidOf(null)
  expect(await pidOf(undefined)).toBe(first)
  expect(await pidOf(true)).toBe(first)
  expect(await pidOf(null)).not.toBe(first)
})

test("a replica given by its host alone is reached with the user and the database of the primary's URL", async () => {
  const url = Object.assign(new URL(servers().cluster.primary.url()), { username: 'reader' })
  const database = url.pathname.slice(1)
  const [first] = servers().cluster.replicas
  if (first === undefined) throw new Error('There are two replicas')
  const pool = await servers().openPool({
    connectionString: url.href,
    replicas: [{ host: first.host, port: first.port }],
  })
  const { rows } = await pool.query({
    text: 'select current_user::text as who, current_database()::text as database, my_port() as port',
    route: 'read',
  })
  expect(rows).toEqual([{ who: 'reader', database, port: first.port }])
  expect(pool.nodes()[1]?.target).toBe(`reader@${first.host}:${first.port}/${database}`)
})

test('a client whose primary is another server now says that what was set on its session is gone', async () => {
  const own = await startCluster({ inMemory: true, replicas: 1 })
  const [replica] = own.replicas
  if (replica === undefined) throw new Error('There is one replica')
  const pool = new StrataPool({
    connectionString: own.primary.url(),
    connectionTimeoutMillis: 10_000,
    // Clients that a failure keeps from being released are not waited for.
    drainTimeout: '1s',
    replicas: [{ connectionString: replica.url() }],
  })
  try {
    await pool.start()
    const clients = [await pool.connect(), await pool.connect()] as const
    const [listening, plain] = clients
    for (const client of clients) client.on('error', () => undefined)
    await listening.query('listen news')
    await plain.query('select 1')
    await replica.waitFor()
    await own.primary.kill()
    await replica.promote()
    const isNew = (): boolean => pool.explainRouting({ text: 'select 1', route: 'write' }).node === 'replica-1'
    await waitUntil(isNew, { what: 'the new primary to be found' })
    expect(await errorOf(() => listening.query('select 1'))).toMatchObject({ code: 'DATABASE_LOST' })
    // It was told once; what comes next begins anew.
    expect(await errorOf(() => listening.query('create table after_all (id int4)'))).toBeUndefined()
    expect(await errorOf(() => plain.query('insert into after_all values (1)'))).toBeUndefined()
    for (const client of clients) client.release()
  } finally {
    await pool.end()
    await own.stop()
  }
})
