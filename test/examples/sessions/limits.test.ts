// How often somebody may ask: one limit for two services on one Redis, one of each wallet that has signed in, one of each address for all
// others; a refusal says when to come again, and without Redis nobody is refused for that.

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openService, type Service } from '../../../examples/sessions/src/service.ts'
import { testDatabase, type TestDatabase } from '../../support/postgres.ts'
import { useRedis } from '../../support/redis.ts'
import { waitUntil } from '../../support/wait.ts'
import { networkOf } from '../../../examples/sessions/src/network.ts'
import { readSettings } from '../../../examples/sessions/src/settings.ts'
import { addMeeting, askAs, signIn, signInAll, type SignedIn } from './people.ts'
import { ask, generous, secret, template, testConfig, type Answer } from './service-support.ts'

const redis = useRedis()
let database: TestDatabase
let services: readonly [Service, Service]
let ada: SignedIn
let bob: SignedIn
const window = '1 hour'
const limits = {
  ...generous,
  wallet: { limit: 7, window },
  address: { limit: 12, window },
  reports: { limit: 2, window },
  telemetry: { limit: 10, window },
}

beforeAll(async () => {
  database = await testDatabase(18, { template: await template(18) })
  const config = testConfig({ url: database.url, redis: redis().url })
  const open = async (): Promise<Service> => await openService({ config, port: 0, background: false, secret, limits })
  services = [await open(), await open()]
  // Four requests of this address.
  ada = await signIn(services[0], 'ada')
  bob = await signIn(services[0], 'bob')
})
afterAll(async () => {
  await Promise.all(services.map((service) => service.close()))
  await database.close()
})

const statusOf = ({ status }: Answer): number => status
/** By turns to one and the other service. */
const urlOf = (count: number): { readonly url: string } => services[count % 2 === 0 ? 0 : 1]

function expectRefused({ status, headers, body }: Answer, name: string): void {
  expect([status, body.error?.code]).toEqual([429, 'RATE_LIMITED'])
  const seconds = Number(headers.get('retry-after'))
  expect(seconds).toBeGreaterThan(0)
  expect(seconds).toBeLessThanOrEqual(7_200)
  expect(headers.get('ratelimit')).toMatch(new RegExp(`^"${name}";r=0;t=\\d+, "everybody"`))
}

test('a wallet has its limit over both services, and each wallet its own', async () => {
  const answers: Answer[] = []
  for (let count = 0; count < 7; count++)
    answers.push(await askAs({ ...ada, ...urlOf(count) }, `/users/${bob.address}`))
  expect(answers.map(statusOf)).toEqual(Array.from({ length: 7 }, () => 200))
  expect(answers.map(({ headers }) => headers.get('ratelimit')?.split(';')[1])).toEqual(
    [6, 5, 4, 3, 2, 1, 0].map((left) => `r=${left}`),
  )
  for (const service of services)
    expectRefused(await askAs({ ...ada, url: service.url }, `/users/${bob.address}`), 'wallet')
  // From the same address.
  expect((await askAs(bob, `/users/${ada.address}`)).status).toBe(200)
})

test('who has not signed in has the limit of the address, wherever it asks', async () => {
  const answers: Answer[] = []
  for (let count = 0; count < 8; count++) answers.push(await ask(urlOf(count), `/balances/${ada.address}`))
  expect(answers.map(statusOf)).toEqual(Array.from({ length: 8 }, () => 200))
  for (const service of services) expectRefused(await ask(service, `/balances/${ada.address}`), 'address')
  // A token that is none signs nobody in.
  const forged = await ask(services[0], `/balances/${ada.address}`, { headers: { authorization: 'Bearer nothing' } })
  expect(forged.status).toBe(429)
  expect((await askAs(bob, `/balances/${ada.address}`)).status).toBe(200)
})

test('health is asked without a limit', async () => {
  for (let count = 0; count < 20; count++) expect((await ask(services[0], '/health/live')).status).toBe(200)
})

test('reports, and events by their number, have limits of their own', async () => {
  const carl = await withoutLimitOfAddress(() => signIn(services[0], 'carl'))
  const report = async (): Promise<Answer> => {
    const session_id = await addMeeting(services[0].strata, { a: carl.address, b: bob.address })
    return await askAs(carl, '/reports', { body: { session_id, reason: 'spam' } })
  }
  const answers = [await report(), await report(), await report()]
  expect(answers.map(statusOf)).toEqual([201, 201, 429])
  expect(Number(answers[2]?.headers.get('retry-after'))).toBeGreaterThan(0)
  const send = async (count: number): Promise<Answer> =>
    await askAs(carl, '/telemetry', {
      body: {
        events: Array.from({ length: count }, () => ({
          event_id: crypto.randomUUID(),
          at: new Date().toISOString(),
          kind: 'latency',
        })),
      },
    })
  expect([(await send(6)).status, (await send(6)).status, (await send(4)).status]).toEqual([200, 429, 200])
})

test('while Redis is away each service counts by itself, and nobody is refused for that', async () => {
  await redis().kill()
  await waitUntil(() => services.every(({ strata }) => strata.cache.stats().redis === 'down'), {
    what: 'that both notice',
  })
  const answers = await Promise.all(services.map(({ url }) => askAs({ ...ada, url }, `/users/${bob.address}`)))
  expect(answers.map(statusOf)).toEqual([200, 200])
  await redis().restart()
})

test('all wallets of one address have a wide limit together', async () => {
  const config = testConfig({ url: database.url })
  const everybody = { limit: 20, window }
  const limited = { ...generous, everybody }
  const service = await openService({ config, port: 0, background: false, secret, limits: limited })
  onTestFinished(() => service.close())
  // Two requests of each.
  const people = await signInAll(service, ['dee', 'eli', 'fox', 'gil', 'hal'])
  const answers: Answer[] = []
  for (const one of [...people, ...people, ...people.slice(0, 1)]) answers.push(await askAs(one, '/auth/session'))
  expect(answers.map(statusOf)).toEqual([...Array.from({ length: 10 }, () => 200), 429])
  expect((await ask(service, '/health/live')).status).toBe(200)
})

test('who is behind a proxy has a limit of the own address, if that proxy is one of ours', async () => {
  const config = testConfig({ url: database.url })
  const limited = { ...generous, address: { limit: 2, window } }
  const open = async (proxies: readonly string[]): Promise<Service> => {
    const service = await openService({ config, port: 0, background: false, secret, limits: limited, proxies })
    onTestFinished(() => service.close())
    return service
  }
  const from = async (service: Service, address: string): Promise<number> =>
    (await ask(service, `/balances/${ada.address}`, { headers: { 'x-forwarded-for': address } })).status
  const statusesOf = async (service: Service): Promise<readonly number[]> => {
    const statuses: number[] = []
    for (const address of ['203.0.113.1', '203.0.113.1', '203.0.113.1', '203.0.113.2'])
      statuses.push(await from(service, address))
    return statuses
  }
  expect(await statusesOf(await open(['127.0.0.0/8']))).toEqual([200, 200, 429, 200])
  // What anybody says of himself counts for nothing.
  for (const proxies of [[], ['192.0.2.1']]) expect(await statusesOf(await open(proxies))).toEqual([200, 200, 429, 429])
})

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002:ffff::', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
])('%s counts as %s', (ip, network) => {
  expect(networkOf(ip)).toBe(network)
})

test('proxies are addresses or networks', () => {
  expect(readSettings({ SESSIONS_PROXIES: '10.0.0.7, 10.1.0.0/16,::1' }).proxies).toEqual([
    '10.0.0.7',
    '10.1.0.0/16',
    '::1',
  ])
  for (const SESSIONS_PROXIES of ['proxy.example', '10.0.0.0/33', '10.0.0.0/', '*'])
    expect(() => readSettings({ SESSIONS_PROXIES })).toThrow(/^SESSIONS_PROXIES: expected/)
})

/** The address has used its limit up: what counts is forgotten for once. */
async function withoutLimitOfAddress<T>(work: () => Promise<T>): Promise<T> {
  const keys = (await redis().send('KEYS', '*:limit:address:*')) as readonly unknown[]
  for (const key of keys) await redis().send('DEL', String(key))
  return await work()
}
