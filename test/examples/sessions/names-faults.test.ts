// The nine endpoints of the original design, and the metrics that it names: while all is well, while Redis is away, while a replica stands
// still, and while the database is restarted. They answer, they say what is wrong, and afterwards all is well.

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import { openDb, sql, type Db } from 'pgstrata'
import { openService, type Service } from '../../../examples/sessions/src/service.ts'
import { useRedis } from '../../support/redis.ts'
import { waitUntil } from '../../support/wait.ts'
import { askAs, personOf, signIn, type SignedIn } from './people.ts'
import { ask, deploySessions, generous, manageToken, secret, testConfig, type Answer } from './service-support.ts'

const redis = useRedis()
let cluster: EmbeddedCluster
let service: Service
let db: Db
let ada: SignedIn
let bob: SignedIn

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, replicas: 1, settings: { max_slot_wal_keep_size: '256MB' } })
  const url = cluster.primary.url()
  const resolved = testConfig({
    url,
    replicas: cluster.replicas.map((replica) => ({ url: replica.url() })),
    redis: redis().url,
    manageTokens: [manageToken],
    isWatched: true,
  })
  await deploySessions(resolved)
  db = openDb({ url })
  service = await openService({
    config: resolved,
    port: 0,
    secret,
    limits: generous,
    moderators: [personOf('moderator').address],
    log: () => undefined,
  })
  ada = await signIn(service, 'ada')
  bob = await signIn(service, 'bob')
  await useIt()
}, 120_000)
afterAll(async () => {
  await Promise.all([service.close(), db.close()])
  await cluster.stop()
})

/** Something to measure: hits, misses, a slow statement, one that fails. */
async function useIt(): Promise<void> {
  for (let count = 0; count < 10; count++) await askAs(ada, `/users/${bob.address}`)
  const { pool } = service.strata
  await pool.query('select pg_sleep(0.06)')
  await pool.query('select 1 / 0').catch(() => undefined)
}

const authorization = { authorization: `Bearer ${manageToken}` }
const manage = (method: 'GET' | 'POST', path: string): Promise<Answer> =>
  ask(service, path, { method, headers: authorization, ...(method === 'POST' ? { body: {} } : {}) })

/** Of an answer as it is while all is well. */
type Says = (body: Answer['body']) => void

const says =
  (wanted: object): Says =>
  (body) =>
    expect(body).toMatchObject(wanted)
const anyNumber = expect.any(Number) as number
const pools = [
  { node: 'primary', max: 50, waiting: 0, waits: { p95Ms: anyNumber } },
  { node: 'replica-1', max: 50, waiting: 0 },
]

/** Those that took longest of the last hundred; from 50 ms on. */
function expectSlow(slowest: unknown): void {
  expect((slowest as { duration: number }[]).length).toBeGreaterThan(0)
  for (const { duration } of slowest as { duration: number }[]) expect(duration).toBeGreaterThanOrEqual(50)
  const known = service.strata.monitor.getSlowQueries(100).map(({ query }) => query)
  expect(known).toContainEqual(expect.stringMatching(/pg_sleep/i))
}

const endpoints: readonly (readonly [method: 'GET' | 'POST', path: string, says: Says])[] = [
  ['GET', '/health', says({ status: 'ok', database: { status: 'up' }, redis: 'up', feed: 'up', problems: [] })],
  [
    'GET',
    '/health/performance',
    (body) => {
      expect(body).toMatchObject({ health: { status: 'ok' }, pool: pools, cache: { hitRatio: anyNumber }, missing: [] })
      expectSlow(body['slowest'])
    },
  ],
  [
    'GET',
    '/database/health',
    says({
      status: 'ok',
      nodes: [
        { role: 'primary', error: null },
        { role: 'replica', error: null },
      ],
      missing: [],
    }),
  ],
  [
    'GET',
    '/database/metrics',
    ({ calls, slowest }) => {
      const [minute] = calls as { count: number; errors: number; errorRate: number; p95Duration: number }[]
      expect(minute?.count).toBeGreaterThan(0)
      expect(minute?.p95Duration).toBeGreaterThan(0)
      expect(minute?.errorRate).toBeCloseTo((minute?.errors ?? 0) / (minute?.count ?? 1))
      expect(minute?.errors).toBeGreaterThan(0)
      expectSlow(slowest)
    },
  ],
  ['GET', '/database/cache-stats', says({ redis: 'up', namespaces: { user: { hits: anyNumber, misses: anyNumber } } })],
  ['GET', '/database/connections', says({ pool: pools })],
  [
    'GET',
    '/database/query-analysis',
    (body) => {
      expect(body).toMatchObject({
        findings: expect.any(Array) as unknown[],
        statements: expect.any(Array) as unknown[],
      })
      expectSlow(body['slowest'])
    },
  ],
  ['POST', '/database/optimize', says({ state: 'done', failure: null })],
  ['POST', '/database/cache/clear', says({ cleared: 'everything', reach: 'everywhere' })],
]

async function whenWell(): Promise<void> {
  const isWell = async (): Promise<boolean> => (await manage('GET', '/health')).body['status'] === 'ok'
  await waitUntil(isWell, { what: 'that all is well', timeoutMs: 30_000 })
}

async function expectAllWell(): Promise<void> {
  await whenWell()
  await useIt()
  for (const [method, path, check] of endpoints) {
    const { status, body } = await manage(method, path)
    expect([path, status, body.error]).toEqual([path, 200, undefined])
    check(body)
  }
}

const healthUntil = async (is: (body: Answer['body']) => boolean, what: string): Promise<Answer> =>
  await waitUntil(
    async () => {
      const answer = await manage('GET', '/health')
      return is(answer.body) ? answer : undefined
    },
    { what, timeoutMs: 30_000 },
  )

const statuses = async (): Promise<readonly (readonly [path: string, status: number])[]> =>
  await Promise.all(endpoints.map(async ([method, path]) => [path, (await manage(method, path)).status] as const))

describe('the nine endpoints', () => {
  test('while all is well', async () => {
    expect(endpoints).toHaveLength(9)
    await expectAllWell()
  }, 60_000)

  test('need a token, but for the health', async () => {
    const answers = await Promise.all(endpoints.map(([method, path]) => ask(service, path, { method })))
    expect(answers.map(({ status }) => status)).toEqual([200, ...Array.from({ length: 8 }, () => 401)])
  })

  test('while Redis is away, and when it is back', async () => {
    await redis().kill()
    const { status, body } = await healthUntil(({ redis: state }) => state === 'down', 'that Redis is away')
    expect([status, body['status']]).toEqual([200, 'degraded'])
    expect(await statuses()).toEqual(endpoints.map(([, path]) => [path, 200]))
    expect((await manage('GET', '/database/cache-stats')).body['redis']).toBe('down')
    expect((await manage('POST', '/database/cache/clear')).body['reach']).toBe('pending')
    expect((await askAs(ada, `/users/${bob.address}`)).status).toBe(200)
    await redis().restart()
    await expectAllWell()
  }, 90_000)

  test('while a replica stands still, and when it goes on', async () => {
    const [replica] = cluster.replicas
    await replica?.pauseReplay()
    onTestFinished(async () => await replica?.resumeReplay())
    await db.query(sql`update users set bio = 'while it stands still'`)
    const { status, body } = await healthUntil(
      ({ replicas }) => (replicas as { status: string }[])[0]?.status === 'lagging',
      'that the replica lags',
    )
    expect([status, body['status']]).toEqual([200, 'degraded'])
    expect(await statuses()).toEqual(endpoints.map(([, path]) => [path, 200]))
    // Further behind than the second that it is watched for.
    expect((await manage('GET', '/database/health')).body['nodes']).toMatchObject([
      { role: 'primary', lagMs: 0 },
      { role: 'replica', lagMs: null, error: null },
    ])
    await askAs(ada, '/users/me', { method: 'PATCH', body: { display_name: 'not behind' } })
    await waitUntil(async () => (await askAs(ada, `/users/${ada.address}`)).body['display_name'] === 'not behind', {
      what: 'that what was written is read',
    })
    await replica?.resumeReplay()
    await expectAllWell()
  }, 90_000)

  test('while the database is restarted, and when it is back', async () => {
    await cluster.primary.stop('fast')
    const { status } = await healthUntil(({ status: state }) => state === 'down', 'that it is away')
    expect(status).toBe(503)
    const away = await statuses()
    const managed = away.filter(([path]) => path === '/database/optimize' || path === '/database/cache/clear')
    expect(managed.map(([, code]) => code)).toEqual([503, 503])
    expect(away.filter((one) => !managed.includes(one)).map(([, code]) => code)).toEqual([
      503, 200, 200, 200, 200, 200, 200,
    ])
    expect((await manage('GET', '/database/health')).body['status']).toBe('down')
    const refused = await askAs(ada, '/users/me', { method: 'PATCH', body: { bio: 'not now' } })
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([503, true])
    await cluster.primary.start()
    await expectAllWell()
    expect((await askAs(ada, '/users/me', { method: 'PATCH', body: { bio: 'again' } })).status).toBe(200)
  }, 120_000)
})
