// The pgbouncer.ini that is printed: its sizes add up for any number of processes, a real PgBouncer takes it as it is, and
// a pool works through it.

import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { planPgBouncer, renderPgBouncer, type PgBouncerServer } from '../../src/db/pgbouncer.ts'
import { StrataPool } from '../../src/db/pool/strata-pool.ts'
import { startCluster, type EmbeddedCluster } from '../../src/embedded/index.ts'
import { startPgBouncer, type PgBouncer } from '../support/pgbouncer.ts'
import { skipped } from '../support/versions.ts'
import { checkProperty } from '../support/property.ts'
import { waitUntil } from '../support/wait.ts'

const server = (change: Partial<PgBouncerServer> = {}): PgBouncerServer => ({
  name: 'primary',
  target: { host: 'db.example', port: 5433, database: 'app', user: 'app' },
  maxConnections: 100,
  reservedConnections: 3,
  connections: 11,
  ...change,
})

test('few processes have all they can ask for; many share what the server takes', () => {
  const few = planPgBouncer({ servers: [server()], processes: 2, waitMs: 5_000 })
  expect(few).toMatchObject({
    databases: [{ name: 'app', keptFree: 10, most: 87, demand: 22, poolSize: 22 }],
    maxClients: 28,
    reservePoolSize: 5,
    queryWaitTimeoutS: 5,
  })
  const many = planPgBouncer({ servers: [server()], processes: 40, waitMs: 0 })
  expect(many).toMatchObject({ databases: [{ demand: 440, poolSize: 82 }], maxClients: 550, queryWaitTimeoutS: 0 })
})

test('the connections of PgBouncer, the reserved and the free ones are what the server takes', () =>
  checkProperty(
    'sizes of a PgBouncer',
    fc.record({
      sizes: fc.array(fc.tuple(fc.integer({ min: 10, max: 5_000 }), fc.integer({ min: 1, max: 500 })), {
        minLength: 1,
        maxLength: 5,
      }),
      processes: fc.integer({ min: 1, max: 1_000 }),
    }),
    ({ sizes, processes }) => {
      const [first, ...others] = sizes.map(([maxConnections, connections], index) =>
        server({ name: `node-${index}`, maxConnections, connections }),
      )
      if (first === undefined) throw new Error('There is at least one')
      const plan = planPgBouncer({ servers: [first, ...others], processes, waitMs: 1 })
      for (const { maxConnections, reservedConnections, keptFree, most, poolSize } of plan.databases) {
        expect(most + reservedConnections + keptFree).toBe(maxConnections)
        expect(keptFree).toBeGreaterThanOrEqual(5)
        expect(poolSize).toBeGreaterThanOrEqual(1)
        expect(poolSize + plan.reservePoolSize).toBeLessThanOrEqual(most)
      }
      expect(plan.maxClients).toBeGreaterThan(processes * sizes.reduce((sum, [, connections]) => sum + connections, 0))
      expect(new Set(plan.databases.map(({ name }) => name)).size).toBe(sizes.length)
    },
  ))

test('a server too small for a pooler is refused', () => {
  const plan = (): unknown => planPgBouncer({ servers: [server({ maxConnections: 8 })], processes: 1, waitMs: 1 })
  expect(plan).toThrow(expect.objectContaining({ code: 'VALUE_INVALID', message: expect.stringContaining('primary') }))
})

test('a database has a name that PgBouncer can read, and one of its own', () => {
  const target = { host: 'db', port: 5432, database: "it's an app", user: 'app' }
  const plan = planPgBouncer({ servers: [server({ target })], processes: 1, waitMs: 1 })
  expect(renderPgBouncer(plan)).toContain(`\nit_s_an_app = host=db port=5432 dbname='it''s an app' `)
  const console = { ...target, database: 'pgbouncer' }
  expect(planPgBouncer({ servers: [server({ target: console })], processes: 1, waitMs: 1 }).databases).toMatchObject([
    { name: 'pgbouncer_2' },
  ])
})

describe.skipIf(skipped.has('pgbouncer'))('a real PgBouncer with the printed file', () => {
  let cluster: EmbeddedCluster
  let pooler: PgBouncer | undefined
  let urls: { readonly primary: string; readonly replica: string }

  beforeAll(async () => {
    cluster = await startCluster({ inMemory: true, replicas: 1, database: 'an app' })
    const target = { host: '127.0.0.1', database: 'an app', user: 'postgres' }
    const plan = planPgBouncer({
      servers: [
        server({ target: { ...target, port: cluster.primary.port } }),
        server({ name: 'replica-1', target: { ...target, port: cluster.replicas[0]?.port ?? 0 } }),
      ],
      processes: 20,
      waitMs: 1_500,
      sslMode: 'prefer',
    })
    const [primary = '', replica = ''] = plan.databases.map(({ name }) => cluster.primary.url(name))
    pooler = await startPgBouncer(primary, 'transaction', { ini: renderPgBouncer(plan) })
    urls = {
      primary: pooler.url,
      replica: Object.assign(new URL(pooler.url), { pathname: new URL(replica).pathname }).href,
    }
  })
  afterAll(async () => {
    await pooler?.close()
    await cluster.stop()
  })

  test('leads each name to its server and has the sizes of the plan', async () => {
    const ask = async (url: string, text: string): Promise<unknown[]> => {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      try {
        return (await client.query<Record<string, unknown>>(text)).rows
      } finally {
        await client.end()
      }
    }
    const role = 'select pg_is_in_recovery() as replica'
    expect(await ask(urls.primary, role)).toEqual([{ replica: false }])
    expect(await ask(urls.replica, role)).toEqual([{ replica: true }])
    const console = Object.assign(new URL(urls.primary), { pathname: '/pgbouncer' }).href
    expect(await ask(console, 'show databases')).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: 'an_app', pool_size: 82, max_connections: 87 }),
        expect.objectContaining({ name: 'an_app_replica-1', pool_size: 82, max_connections: 87 }),
      ]),
    )
    expect(await ask(console, 'show config')).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ key: 'pool_mode', value: 'transaction' }),
        expect.objectContaining({ key: 'max_client_conn', value: '550' }),
        expect.objectContaining({ key: 'query_wait_timeout', value: '2' }),
      ]),
    )
  })

  test('serves more clients than the server has connections, reads on the replica, with a statement timeout', async () => {
    const pool = new StrataPool({
      connectionString: urls.primary,
      max: 120,
      statement_timeout: 250,
      replicas: [{ connectionString: urls.replica }],
    })
    try {
      await pool.start()
      await pool.query('create table song (id int primary key)')
      await Promise.all(Array.from({ length: 240 }, (_, id) => pool.query('insert into song values ($1)', [id])))
      const { rows } = await pool.query<{ songs: string }>('select count(*) as songs from song')
      expect(rows).toEqual([{ songs: '240' }])
      expect(pool.stats()[0]?.total).toBe(120)
      const { rows: servers } = await pool.query<{ connections: number }>({
        text: `select count(*)::int4 as connections from pg_stat_activity where backend_type = 'client backend'`,
        route: 'write',
      })
      expect(servers[0]?.connections).toBeLessThanOrEqual(87 + 5)
      await waitUntil(
        async () => {
          const text = 'select pg_is_in_recovery() as replica'
          const { rows: answer } = await pool.query<{ replica: boolean }>({ text, route: 'read' })
          return answer[0]?.replica
        },
        { what: 'a read on the replica' },
      )
      await expect(pool.query('select pg_sleep(5)')).rejects.toMatchObject({ code: '57014' })
    } finally {
      await pool.end()
    }
  })
})
