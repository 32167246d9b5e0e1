// The layers of the original design over a real Redis, between two services on one database: hits, for as long as each layer says, ended by
// whatever changes a row, plain SQL included; and a Redis that is killed, with which nothing fails and nothing is out of date.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import { openDb, sql, type Db } from 'pgstrata'
import { readBalances } from '../../../examples/sessions/src/balances/store.ts'
import { tokens } from '../../../examples/sessions/src/balances/tokens.ts'
import { createQuery, layers, type Query } from '../../../examples/sessions/src/db/query.ts'
import { readStatistics } from '../../../examples/sessions/src/reports/statistics.ts'
import { openService, type Service } from '../../../examples/sessions/src/service.ts'
import { findUser } from '../../../examples/sessions/src/users/store.ts'
import { useRedis } from '../../support/redis.ts'
import { waitUntil } from '../../support/wait.ts'
import { askAs, personOf, signIn, type SignedIn } from './people.ts'
import { ask, deploySessions, generous, secret, testConfig } from './service-support.ts'

const redis = useRedis()
let cluster: EmbeddedCluster
/** Past both services, as in psql. */
let db: Db
let one: Service
let other: Service
let ada: SignedIn
let bob: SignedIn
const ask1: Query = (...given) => createQuery(one.strata)(...given)
const ask2: Query = (...given) => createQuery(other.strata)(...given)

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, settings: { max_slot_wal_keep_size: '256MB' } })
  const url = cluster.primary.url()
  const config = testConfig({ url, redis: redis().url })
  await deploySessions(config)
  db = openDb({ url })
  const open = async (): Promise<Service> => await openService({ config, port: 0, secret, limits: generous })
  one = await open()
  other = await open()
  await waitUntil(() => [one, other].some(({ strata }) => strata.changes.here.handled !== undefined), {
    what: 'the feed consumes',
  })
  ada = await signIn(one, 'ada')
  bob = await signIn(one, 'bob')
})
afterAll(async () => {
  await Promise.all([one.close(), other.close(), db.close()])
  await cluster.stop()
})

const name = async (query: Query): Promise<string | null | undefined> =>
  (await findUser(query, ada.address))?.display_name
const call = async (to: string): Promise<void> =>
  void (await db.query(sql`update users set display_name = ${to} where address = ${ada.address}`))

interface Counted {
  readonly hits: number
  readonly loads: number
}

function counted({ strata }: Service, namespace: string): Counted {
  const of = strata.cache.stats().namespaces[namespace]
  return of === undefined ? { hits: 0, loads: 0 } : { hits: of.localHits + of.sharedHits, loads: of.loads }
}

const session = async (query: Query, id: string): Promise<unknown> =>
  (await query<{ status: string }>('select status from sessions where session_id = $1', [id], layers.session(id)))
    .rows[0]

/** Of each layer: a read of it, and plain SQL that changes what is read. */
const layerCases = [
  {
    namespace: 'user',
    ttlMs: 600_000,
    read: async (query: Query): Promise<unknown> => await findUser(query, ada.address),
    change: sql`update users set bio = clock_timestamp()::text where address = ${personOf('ada').address}`,
  },
  {
    namespace: 'session',
    ttlMs: 3_600_000,
    read: async (query: Query): Promise<unknown> => await session(query, '1'),
    change: sql`
      insert into sessions (session_id, a_addr, b_addr, status, started_at)
      overriding system value
      values (1, ${personOf('ada').address}, ${personOf('bob').address}, 'active', now())`,
  },
  {
    namespace: 'balance',
    ttlMs: 30_000,
    read: async (query: Query): Promise<unknown> => await readBalances(query, ada.address),
    change: sql`insert into balances (address, token, amount) values (${personOf('ada').address}, 'ETH', 5)`,
  },
  {
    namespace: 'reports',
    ttlMs: 300_000,
    read: async (): Promise<unknown> => await readStatistics(one.strata, 30),
    change: sql`
      insert into reports (session_id, reporter, reported, reason)
      values (1, ${personOf('ada').address}, ${personOf('bob').address}, 'spam')`,
  },
] as const

describe.each(layerCases)('$namespace', ({ namespace, ttlMs, read, change }) => {
  test('is loaded once, shared, and kept in Redis for as long as the layer says', async () => {
    await one.strata.cache.clear()
    const first = await read(ask1)
    const before = counted(one, namespace)
    for (let again = 0; again < 5; again++) expect(await read(ask1)).toEqual(first)
    expect(counted(one, namespace)).toEqual({ hits: before.hits + 5, loads: before.loads })
    expect(await read(ask2)).toEqual(first)
    if (namespace !== 'reports') expect(counted(other, namespace).hits).toBeGreaterThan(0)
    const left = await leftMs()
    expect(
      left.some((ms) => ms > ttlMs - 20_000 && ms <= ttlMs + 1_000),
      String(left),
    ).toBe(true)
  })

  test('is gone everywhere when plain SQL changes what it holds', async () => {
    const before = [await read(ask1), await read(ask2)]
    await db.query(change)
    await waitUntil(async () => JSON.stringify([await read(ask1), await read(ask2)]) !== JSON.stringify(before), {
      what: 'that the change is seen',
    })
    await waitUntil(async () => JSON.stringify(await read(ask1)) === JSON.stringify(await read(ask2)), {
      what: 'that both see it',
    })
  })
})

/** Of each entry. */
async function leftMs(): Promise<readonly number[]> {
  const keys = (await redis().send('KEYS', '*:e:*')) as readonly unknown[]
  return await Promise.all(keys.map(async (key) => Number(await redis().send('PTTL', String(key)))))
}

test('a request looks once at the wallet that asks, however many want to know', async () => {
  const looks = ({ hits, loads }: Counted): number => hits + loads
  expect((await askAs(bob, '/auth/session')).status).toBe(200)
  const before = looks(counted(one, 'user'))
  expect((await askAs(bob, '/auth/session')).status).toBe(200)
  expect(looks(counted(one, 'user'))).toBe(before + 1)
})

describe('a query of the original design', () => {
  const text = 'SELECT * FROM users WHERE address = $1'
  const cache = { enabled: true, ttl: 300, key: 'user:as the report writes it' }

  test('is kept for so many seconds under its key', async () => {
    await one.strata.cache.clear()
    const { rows } = await ask1(text, [ada.address], { cache })
    expect(rows).toMatchObject([{ address: ada.address }])
    expect((await ask1(text, [bob.address], { cache })).rows).toEqual(rows)
    expect((await leftMs()).some((ms) => ms > 280_000 && ms <= 301_000)).toBe(true)
  })

  test('is asked anew where that is switched off, and ended by any change of its table', async () => {
    const off = { cache: { ...cache, enabled: false } }
    expect((await ask1(text, [bob.address], off)).rows).toMatchObject([{ address: bob.address }])
    await ask1(text, [ada.address], { cache })
    await call('Ada of the report')
    await waitUntil(
      async () => (await ask1(text, [ada.address], { cache })).rows[0]?.['display_name'] === 'Ada of the report',
      { what: 'that it is read anew' },
    )
  })
})

test('tokens are all in an answer about a wallet, so that one more is seen as well', async () => {
  await readBalances(ask1, bob.address)
  for (const [index, token] of tokens.entries()) {
    await db.query(
      sql`insert into balances (address, token, amount) values (${bob.address}, ${token}, ${index}::numeric)`,
    )
    await waitUntil(async () => (await readBalances(ask1, bob.address)).length === index + 1, { what: token })
  }
})

test('whoever writes reads it at once, through the layer', async () => {
  for (let round = 0; round < 5; round++) {
    await askAs(ada, `/users/${ada.address}`)
    const written = await askAs(ada, '/users/me', { method: 'PATCH', body: { display_name: `round ${round}` } })
    const token = written.headers.get('x-pgstrata-token') ?? ''
    const read = await askAs(ada, `/users/${ada.address}`, { headers: { 'x-pgstrata-token': token } })
    expect(read.body['display_name']).toBe(`round ${round}`)
  }
})

test('while Redis is away nothing fails and nothing is out of date, and when it is back it keeps again', async () => {
  await call('before')
  await waitUntil(async () => (await name(ask1)) === 'before' && (await name(ask2)) === 'before', { what: 'the name' })
  await redis().kill()
  const isAway = (): boolean => [one, other].every(({ strata }) => strata.cache.stats().redis === 'down')
  await waitUntil(isAway, { what: 'that both notice' })
  for (let change = 0; change < 10; change++) {
    await call(`without ${change}`)
    expect([await name(ask1), await name(ask2)]).toEqual([`without ${change}`, `without ${change}`])
  }
  const answers = await Promise.all(
    [one, other].flatMap(({ url }) => [
      ask({ url }, `/balances/${ada.address}`),
      askAs({ ...ada, url }, `/users/${bob.address}`),
    ]),
  )
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  await redis().restart()
  await waitUntil(() => [one, other].every(({ strata }) => strata.cache.stats().redis === 'up'), {
    what: 'Redis is back',
  })
  await call('after')
  await waitUntil(async () => (await name(ask1)) === 'after' && (await name(ask2)) === 'after', { what: 'the name' })
  await waitUntil(
    async () => {
      const before = counted(other, 'user').hits
      await name(ask2)
      return counted(other, 'user').hits > before
    },
    { what: 'that it is kept again' },
  )
})
