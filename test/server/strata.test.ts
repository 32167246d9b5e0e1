// The server of a real Strata: each endpoint answers truthfully about a database that is as it was made to be.

import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { resolveConfig } from '../../src/config/index.ts'
import { createServer, fastifyStrata, type StrataServer } from '../../src/server/index.ts'
import { allRoutes } from '../../src/server/routes/all.ts'
import { sql } from '../../src/sql/sql.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import { freePort } from '../support/free-port.ts'
import { describeOnEachVersion, testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { waitUntil } from '../support/wait.ts'
import { bearer, manageToken, readToken } from './support.ts'

const tokens = { read: { reader: readToken }, manage: { operator: manageToken } }

const config = {
  tables: { plays: { time: 'at', partition: 'month', ahead: 1 } },
  rollups: { song_plays: { from: 'plays', bucket: '1 day', by: ['song'], measures: { plays: { kind: 'count' } } } },
  views: { songs: { sql: 'select song, count(*) as n from plays group by song', refresh: '1 hour', unique: ['song'] } },
  watch: {},
  server: { port: 0, tokens },
}

interface Opened {
  readonly strata: Strata
  readonly server: StrataServer
  readonly url: string
}

async function open(databaseUrl: string, differs: object = {}): Promise<Opened> {
  const resolved = resolveConfig(
    { database: { primary: databaseUrl }, ...config, ...differs },
    { root: '/', name: 'test' },
  )
  const strata = openStrata(resolved)
  const server = await createServer(strata)
  return { strata, server, url: await server.listen() }
}

describeOnEachVersion('a server', (_, database) => {
  let opened: Opened
  let validator: FastifyInstance
  const get = (path: string, headers = bearer(readToken)): Promise<Response> => fetch(opened.url + path, { headers })
  const json = async (path: string): Promise<unknown> => await (await get(path)).json()
  const post = (path: string, body: object = {}): Promise<Response> =>
    fetch(opened.url + path, {
      method: 'POST',
      headers: { ...bearer(manageToken), 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })

  beforeAll(async () => {
    const { db, url } = database()
    await db.query(sql`create table plays (at timestamptz not null, song text not null, note text)`)
    opened = await open(url)
    await opened.strata.apply()
    await opened.strata.start({ jobs: true })
    await db.query(sql`insert into plays select now(), 'song ' || i % 5 from generate_series(1, 1000) i`)
    validator = fastify({ ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } })
    validator.post('/', (request) => {
      const { schema, value } = request.body as { schema: Record<string, unknown>; value: unknown }
      const check = request.compileValidationSchema(schema)
      return { fits: check(value), errors: check.errors ?? [] }
    })
    await waitUntil(() => opened.strata.watch?.latest.series('pgstrata_database_size_bytes').length, {
      what: 'the first readings',
      timeoutMs: 30_000,
    })
  }, 60_000)
  afterAll(async () => {
    await opened.server.close()
    await opened.strata.close()
  })

  test.each(
    allRoutes
      .filter(({ kind, method }) => kind === 'json' && method === 'GET')
      .map((route) => [route.path, route] as const),
  )(
    '%s answers as its schema says',
    async (_, route) => {
      const path =
        route.path.replace(':name', 'partitions') + (route.path === '/api/series' ? '?metric=pgstrata_connections' : '')
      const response = await get(path)
      const value = (await response.json()) as unknown
      expect([response.status, value]).toEqual([200, value])
      if (route.kind !== 'json') return
      const { schema } = route.answer
      const checked = await validator.inject({ method: 'POST', url: '/', payload: { schema, value } })
      expect(checked.json()).toEqual({ fits: true, errors: [] })
    },
    20_000,
  )

  test('it says what is there: partitions, rollups, views, jobs, nodes, tables', async () => {
    const { tables } = (await json('/api/partitions')) as { tables: object[] }
    expect(tables).toContainEqual(expect.objectContaining({ key: 'plays', state: 'partitioned', missing: [] }))
    const { rollups } = (await json('/api/rollups')) as { rollups: object[] }
    expect(rollups).toContainEqual(
      expect.objectContaining({ name: 'song_plays', source: { schema: 'public', table: 'plays' } }),
    )
    expect(await json('/api/views')).toMatchObject({ views: [{ name: 'songs', state: 'live' }] })
    expect(await json('/api/nodes')).toMatchObject({
      nodes: [{ node: 'primary', role: 'primary', lagMs: 0, error: null }],
    })
    const { jobs } = (await json('/api/jobs')) as { jobs: { name: string }[] }
    expect(jobs.map(({ name }) => name)).toEqual(expect.arrayContaining(['partitions', 'merge', 'optimize']))
    // Each probe has its first answer a moment after the start; what was looked at before apply() is looked at again.
    const health = await waitUntil(
      async () => {
        const answer = (await json('/database/health')) as { status: string; measures: Record<string, number> }
        return answer.measures['pgstrata_database_size_bytes'] === undefined || answer.status !== 'ok'
          ? undefined
          : answer
      },
      { what: 'the size of the database, and all being well', timeoutMs: 30_000 },
    )
    expect(health).toMatchObject({ problems: [], measures: { pgstrata_up: 1 } })
    const servers = await waitUntil(
      async () => {
        const answer = (await json('/database/connections')) as { servers: object[] }
        return answer.servers.length === 0 ? undefined : answer.servers
      },
      { what: 'the connections', timeoutMs: 30_000 },
    )
    expect(servers).toMatchObject([{ node: 'primary', states: { active: expect.any(Number) as number } }])
  })

  test('a step that is told is one that was read: whole minutes, and whole hours of long ago', async () => {
    const to = new Date().toISOString()
    const series = async (fromMs: number, step: number): Promise<{ stepSeconds: number }> => {
      const from = new Date(Date.now() - fromMs).toISOString()
      const path = `/api/series?metric=pgstrata_connections&from=${from}&to=${to}&step=${step}`
      return (await json(path)) as { stepSeconds: number }
    }
    expect((await series(3_600_000, 15)).stepSeconds).toBe(60)
    expect((await series(3_600_000, 90)).stepSeconds).toBe(120)
    expect((await series(30 * 86_400_000, 3_000)).stepSeconds).toBe(3_600)
    expect((await series(30 * 86_400_000, 5_400)).stepSeconds).toBe(7_200)
    expect(await json('/api/load?step=61')).toMatchObject({ stepSeconds: 120 })
  })

  test('a session that waits is shown behind the one it waits for, and not when nobody waits', async () => {
    const { db } = database()
    opened.strata.watch?.hurry()
    await db.withSession(async (holder) => {
      await holder.query(sql`begin`)
      await holder.query(sql`lock table plays in access exclusive mode`)
      const waiting = db.query(sql`select count(*) from plays`)
      // A job that had the table, and this one behind it, is a tree that was there a moment before.
      await waitUntil(
        async () => {
          opened.strata.watch?.hurry()
          const { nodes } = (await json('/api/sessions')) as { nodes: { blocking: { pid: number; depth: number }[] }[] }
          const tree = nodes[0]?.blocking ?? []
          const root = tree.findIndex(({ pid, depth }) => depth === 0 && pid === holder.pid)
          return root !== -1 && tree[root + 1]?.depth === 1
        },
        { what: 'the tree', timeoutMs: 30_000 },
      )
      await holder.query(sql`rollback`)
      await waiting
    })
    await waitUntil(
      async () => {
        opened.strata.watch?.hurry()
        const { nodes } = (await json('/api/sessions')) as { nodes: { blocking: object[] }[] }
        return nodes[0]?.blocking.length === 0
      },
      { what: 'nobody waits', timeoutMs: 30_000 },
    )
  }, 60_000)

  test('slow calls and their statistics are those of the pool', async () => {
    opened.strata.monitor.setThresholds({ slowQueryMs: 50 })
    await opened.strata.pool.query('select pg_sleep(0.1), $1::text as secret', ['hunter2'])
    const { slowest, calls } = (await json('/database/metrics')) as {
      slowest: { query: string; duration: number }[]
      calls: { count: number; p99Duration: number }[]
    }
    expect(slowest[0]?.query).toContain('pg_sleep')
    expect(slowest[0]?.duration).toBeGreaterThan(90)
    expect(JSON.stringify(slowest)).not.toContain('hunter2')
    expect(calls[0]?.count).toBeGreaterThan(0)
    expect(await (await get('/metrics/database')).text()).toMatch(/^db_query_duration_seconds\{quantile="0.95"\} /m)
  })

  test('optimize does what its job does, and says what it did; the audit knows who asked', async () => {
    const answer = await post('/database/optimize')
    const value = (await answer.json()) as { state: string; details: object }
    expect([answer.status, value]).toMatchObject([
      200,
      { state: 'done', details: { analysed: expect.any(Array) as unknown[] } },
    ])
    const { rows } = await database().db.query(sql`
      select actor, host(address::inet) as address, action, outcome from pgstrata.audit order by id desc limit 1`)
    expect(rows).toEqual([
      { actor: 'operator', address: '127.0.0.1', action: 'POST /database/optimize', outcome: 'done' },
    ])
    const refused = await post('/api/jobs/no-such/run')
    expect([refused.status, await refused.json()]).toMatchObject([400, { error: { code: 'JOB_UNKNOWN' } }])
  }, 60_000)

  test('clearing the cache clears it', async () => {
    let loads = 0
    const load = (): Promise<number> => Promise.resolve(++loads)
    const { cache } = opened.strata
    await cache.get('key', load)
    expect(await cache.get('key', load)).toBe(1)
    const answer = await post('/database/cache/clear')
    expect([answer.status, await answer.json()]).toEqual([200, { cleared: 'everything', reach: 'everywhere' }])
    expect(await cache.get('key', load)).toBe(2)
    expect(await json('/database/cache-stats')).toMatchObject({ namespaces: { default: { loads: 2 } } })
  })

  test('explain shows a plan, and refuses what is no statement without quoting it', async () => {
    const good = await post('/api/explain', { sql: 'select * from plays where song = $1', params: ['x'] })
    expect([good.status, JSON.stringify(await good.json())]).toEqual([200, expect.stringContaining('plays')])
    for (const statement of ['selec hunter2', "select * from hunter2 where x = 'hunter2'"]) {
      const bad = await post('/api/explain', { sql: statement })
      const text = await bad.text()
      expect([bad.status, text]).toEqual([400, expect.any(String)])
    }
  })

  test('a silence is made, shown and ended', async () => {
    const made = await post('/api/alerts/silences', { minutes: 5, reason: 'planned work' })
    expect(made.status).toBe(201)
    const { id } = (await made.json()) as { id: string }
    const shown = (await json('/api/alerts')) as { silences: { id: string; madeBy: string }[] }
    expect(shown.silences).toMatchObject([{ id, madeBy: 'operator', reason: 'planned work' }])
    const end = (): Promise<Response> =>
      fetch(`${opened.url}/api/alerts/silences/${id}`, { method: 'DELETE', headers: bearer(manageToken) })
    expect((await end()).status).toBe(200)
    expect((await end()).status).toBe(404)
  })

  test('mounted in an app of one own, it has its prefix, and leaves the rest of the app alone', async () => {
    const app = fastify()
    onTestFinished(() => app.close())
    app.post('/mine', (request) => ({ body: request.body }))
    await app.register(fastifyStrata(opened.strata), { prefix: '/admin' })
    expect((await app.inject('/admin/health')).statusCode).toBe(200)
    expect((await app.inject('/admin/api/nodes')).json()).toMatchObject({ error: { code: 'HTTP_UNAUTHORIZED' } })
    expect((await app.inject({ url: '/admin/api/nodes', headers: bearer(readToken) })).statusCode).toBe(200)
    expect((await app.inject('/admin/nothing')).json()).toMatchObject({ error: { code: 'HTTP_NOT_FOUND' } })
    expect((await app.inject({ url: '/admin/health', method: 'PUT' })).headers).toMatchObject({ allow: 'GET, HEAD' })
    expect((await app.inject('/nothing')).json()).toMatchObject({ message: 'Route GET:/nothing not found' })
    const mine = await app.inject({
      url: '/mine',
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      payload: 'x',
    })
    expect(mine.json()).toEqual({ body: 'x' })
    expect((await app.inject('/admin/openapi.json')).json()).toMatchObject({ servers: [{ url: '/admin' }] })
  })
})

// Nothing of it is another on another version.
describe.each(versions.slice(0, 1))('health', (version) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase(version)
  })
  afterAll(() => database.close())

  test('it says within milliseconds that the primary is away, and that it is back', async () => {
    const { port } = new URL(database.url)
    let target = Number(port)
    const proxy = await startTcpProxy(() => target)
    onTestFinished(() => proxy.close())
    const proxied = Object.assign(new URL(database.url), { hostname: '127.0.0.1', port: String(proxy.port) }).href
    const { strata, server, url } = await open(proxied, { tables: {}, rollups: {}, views: {}, watch: undefined })
    onTestFinished(async () => {
      await server.close()
      await strata.close()
    })
    await strata.apply()
    type State = { status: string; ageMs: number; maxAgeMs: number; database: { status: string; error: string } }
    const read = async (): Promise<[number, State]> => {
      const response = await fetch(`${url}/health`)
      return [response.status, (await response.json()) as State]
    }
    await waitUntil(async () => (await read())[1].status === 'ok', { what: 'it is well' })
    expect((await read())[1].ageMs).toBeLessThan(15_000)
    expect((await fetch(`${url}/health/ready`)).status).toBe(200)
    const took: number[] = []
    const cpu = process.cpuUsage()
    for (let call = 0; call < 200; call++) {
      const beganMs = performance.now()
      await read()
      took.push(performance.now() - beganMs)
    }
    const { user, system } = process.cpuUsage(cpu)
    // What they cost, client and all, and what one takes that nothing else on this machine got in the way of.
    expect((user + system) / 1_000 / took.length).toBeLessThan(100)
    expect(took.toSorted((a, b) => a - b)[20]).toBeLessThan(100)

    target = await freePort()
    proxy.cutWhen = () => true
    const [status, away] = await waitUntil(
      async () => {
        const answer = await read()
        return answer[0] === 503 ? answer : undefined
      },
      { what: 'it is told', timeoutMs: 20_000 },
    )
    expect([status, away.status, away.database.status]).toEqual([503, 'down', 'down'])
    expect(away.database.error).toMatch(/^DATABASE_(LOST|UNREACHABLE)$/)
    expect(JSON.stringify(away)).not.toContain(database.name)
    expect((await fetch(`${url}/health/ready`)).status).toBe(503)
    expect((await fetch(`${url}/health/live`)).status).toBe(200)

    target = Number(port)
    proxy.cutWhen = undefined
    await waitUntil(async () => (await read())[0] === 200, { what: 'it is back', timeoutMs: 20_000 })
  }, 60_000)
})
