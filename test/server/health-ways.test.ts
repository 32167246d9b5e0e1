// /health and the ways to the servers: through a proxy where a pooler may stand, to a server in recovery, and to one that was promoted.

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { resolveConfig } from '../../src/config/index.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { startCluster, type EmbeddedCluster } from '../../src/embedded/index.ts'
import { createServer, type Health } from '../../src/server/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { openStrata } from '../../src/strata.ts'
import { freePort } from '../support/free-port.ts'
import { versions } from '../support/postgres.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { waitUntil } from '../support/wait.ts'

let cluster: EmbeddedCluster
let primary: string
let replica: string

beforeAll(async () => {
  const [version] = versions
  expect.assert(version !== undefined)
  cluster = await startCluster({ version, inMemory: true, replicas: 1 })
  primary = cluster.primary.url()
  replica = cluster.replicas[0]?.url() ?? ''
  const strata = openStrata(resolveConfig({ database: { primary } }, { root: '/', name: 'test' }))
  await strata.apply()
  await strata.close()
})
afterAll(() => cluster.stop())

type Told = readonly [status: number, health: Health]

async function serve(database: object): Promise<(path?: string) => Promise<Told>> {
  const strata = openStrata(resolveConfig({ database }, { root: '/', name: 'test' }))
  const server = await createServer(strata, { port: 0 })
  onTestFinished(async () => {
    await server.close()
    await strata.close()
  })
  const url = await server.listen()
  return async (path = '/health') => {
    const response = await fetch(url + path)
    return [response.status, (await response.json()) as Health]
  }
}

const until = async (read: () => Promise<Told>, is: (health: Health) => boolean, what: string): Promise<Told> =>
  await waitUntil(
    async () => {
      const told = await read()
      return is(told[1]) ? told : undefined
    },
    { what, timeoutMs: 30_000 },
  )

test('where the pool finds nobody, it is down, though the direct address answers', async () => {
  let target = Number(new URL(primary).port)
  const proxy = await startTcpProxy(() => target)
  onTestFinished(() => proxy.close())
  const pooled = Object.assign(new URL(primary), { hostname: '127.0.0.1', port: String(proxy.port) }).href
  const read = await serve({ primary: pooled, direct: primary })
  const [status, well] = await until(read, (health) => health.status === 'ok', 'it is well')
  expect([status, well.pool]).toEqual([200, { status: 'up', writer: 'primary', error: null }])
  target = await freePort()
  proxy.cutWhen = () => true
  const [refused, away] = await until(read, ({ pool }) => pool.status === 'down', 'that is seen')
  expect([refused, away.status, away.database.status]).toEqual([503, 'down', 'up'])
  expect((await read('/health/ready'))[0]).toBe(503)
  target = Number(new URL(primary).port)
  proxy.cutWhen = undefined
  expect((await until(read, ({ pool }) => pool.status === 'up', 'it is back'))[0]).toBe(200)
})

test('a server in recovery is no primary; when it is promoted it is, and stands in for one that is gone', async () => {
  const alone = await serve({ primary: replica })
  const [status, health] = await until(alone, ({ database }) => database.status === 'down', 'it was asked')
  expect([status, health.status, health.database.error]).toEqual([503, 'down', 'DATABASE_IS_REPLICA'])
  expect(health.problems).toContain('the primary takes no writes: it is a replica')

  const both = await serve({ primary, replicas: [{ url: replica, name: 'second' }] })
  expect((await until(both, ({ pool }) => pool.writer === 'primary', 'it was asked'))[0]).toBe(200)
  await cluster.primary.kill()
  expect((await until(both, ({ pool }) => pool.status === 'down', 'that it is gone is seen'))[0]).toBe(503)
  const db = openDb({ url: replica })
  onTestFinished(() => db.close())
  await db.query(sql`select pg_promote()`)
  const [answered, promoted] = await until(both, ({ pool }) => pool.writer === 'second', 'that it was promoted is seen')
  expect([answered, promoted.status, promoted.database.status]).toEqual([200, 'degraded', 'down'])
  expect(promoted.replicas).toEqual([{ name: 'second', status: 'up', lagMs: 0 }])
  expect((await until(alone, ({ database }) => database.status === 'up', 'it takes writes'))[0]).toBe(200)
})
