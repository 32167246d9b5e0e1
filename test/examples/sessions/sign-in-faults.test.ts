// Signing in while something goes: Redis, the database, the connection to it. Nobody is let in who has not signed, nobody has two tokens of one
// signature, and afterwards everybody can sign in.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import { openDb, sql, type Db } from 'pgstrata'
import { openService, type Service } from '../../../examples/sessions/src/service.ts'
import { useRedis } from '../../support/redis.ts'
import { startTcpProxy, throughPort, type TcpProxy } from '../../support/tcp-proxy.ts'
import { waitUntil } from '../../support/wait.ts'
import { askAs, personOf, signIn, waitForBlocked } from './people.ts'
import { ask, deploySessions, generous, secret, testConfig, type Answer } from './service-support.ts'

const redis = useRedis()
let cluster: EmbeddedCluster
let proxy: TcpProxy
let service: Service
let other: Service
const lines: string[] = []

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, settings: { max_slot_wal_keep_size: '256MB' } })
  const url = cluster.primary.url()
  const config = testConfig({ url, redis: redis().url })
  await deploySessions(config)
  proxy = await startTcpProxy(() => Number(new URL(url).port))
  const open = async (to: string): Promise<Service> =>
    await openService({
      config: testConfig({ url: to, redis: redis().url }),
      port: 0,
      background: false,
      secret,
      limits: generous,
      log: (line) => void lines.push(line),
    })
  service = await open(throughPort(url, proxy.port))
  other = await open(url)
})
afterAll(async () => {
  await Promise.all([service.close(), other.close()])
  await proxy.close()
  await cluster.stop()
})

interface Proof {
  readonly address: string
  readonly nonce: string
  readonly signature: string
}

async function prepare(name: string): Promise<Proof> {
  const { address, sign } = personOf(name)
  const { body, status } = await ask(service, '/auth/nonce', { body: { address } })
  expect(status, JSON.stringify(body)).toBe(201)
  return { address, nonce: String(body['nonce']), signature: sign(String(body['message'])) }
}

const verify = (proof: Proof, on: Service = service): Promise<Answer> => ask(on, '/auth/verify', { body: proof })
const session = (token: unknown, on: Service = service): Promise<Answer> =>
  ask(on, '/auth/session', { headers: { authorization: `Bearer ${String(token)}` } })
const told = ({ status, body }: Answer): string => `${status} ${body.error?.code ?? ''}`.trim()

async function whileAsking<T>(work: (db: Db) => Promise<T>): Promise<T> {
  const db = openDb({ url: cluster.primary.url() })
  try {
    return await work(db)
  } finally {
    await db.close()
  }
}

test('Redis goes between the nonce and the signature: the wallet is signed in, and what it signs out of ends', async () => {
  const proof = await prepare('without redis')
  await redis().kill()
  const admitted = await verify(proof)
  expect(told(admitted)).toBe('201')
  const { token } = admitted.body
  expect((await session(token)).status).toBe(200)
  expect(told(await verify(proof))).toBe('401 NONCE_USED')
  expect(
    (await ask(service, '/auth/logout', { method: 'POST', headers: { authorization: `Bearer ${String(token)}` } }))
      .status,
  ).toBe(200)
  expect((await session(token)).status).toBe(401)
  await redis().restart()
  await waitUntil(() => service.strata.cache.stats().redis === 'up', { what: 'Redis is back', timeoutMs: 30_000 })
  expect((await session(token)).status).toBe(401)
  expect((await session(token, other)).status).toBe(401)
})

test('who signs out at one service is signed out at the other as soon as that is answered', async () => {
  const person = await signIn(service, 'two services')
  for (const on of [service, other, service, other]) expect((await session(person.token, on)).status).toBe(200)
  expect((await askAs(person, '/auth/logout', { method: 'POST' })).status).toBe(200)
  for (const on of [other, service]) expect((await session(person.token, on)).status).toBe(401)
})

test('the answer of the database is lost: no token, and none by the same signature, for it was used', async () => {
  const proof = await prepare('lost answer')
  proxy.loseAnswerWhen = (data) => data.includes(proof.nonce)
  const lost = await verify(proof)
  proxy.loseAnswerWhen = undefined
  expect(told(lost)).toBe('503 UNAVAILABLE')
  expect(lost.headers.get('retry-after')).not.toBeNull()
  expect(told(await verify(proof))).toBe('401 NONCE_USED')
  expect(told(await verify(await prepare('lost answer')))).toBe('201')
})

test('the connection is cut before the nonce is used: no token, and the same signature is good for one', async () => {
  const proof = await prepare('cut')
  proxy.cutWhen = (data) => data.includes(proof.nonce)
  expect(told(await verify(proof))).toBe('503 UNAVAILABLE')
  proxy.cutWhen = undefined
  const answers = await Promise.all(Array.from({ length: 10 }, () => verify(proof)))
  expect(answers.map(told).toSorted()).toEqual(['201', ...Array.from({ length: 9 }, () => '401 NONCE_USED')])
})

test('the database is restarted while ten use one signature: none of them has a token, and afterwards one does', async () => {
  const known = await signIn(service, 'known')
  const proof = await prepare('restart')
  const answers = await whileAsking(async (db) => {
    const asked: Promise<Answer>[] = []
    await db
      .withSession(async (holder) => {
        await holder.query(sql`begin`)
        await holder.query(sql`select from nonces where nonce = ${proof.nonce} for update`)
        for (let count = 0; count < 10; count++) asked.push(verify(proof))
        await waitForBlocked(db, 10)
        await cluster.primary.stop('immediate')
      })
      .catch(() => undefined)
    return await Promise.all(asked)
  })
  expect(new Set(answers.map(told))).toEqual(new Set(['503 UNAVAILABLE']))
  expect(told(await ask(service, '/auth/nonce', { body: { address: known.address } }))).toBe('503 UNAVAILABLE')
  // What is kept of a wallet is enough to know it.
  expect([200, 503]).toContain((await session(known.token)).status)
  await cluster.primary.start()
  await waitUntil(
    async () => (await ask(service, '/auth/nonce', { body: { address: known.address } })).status === 201,
    {
      what: 'the database is back',
    },
  )
  expect((await session(known.token)).status).toBe(200)
  const again = await Promise.all(Array.from({ length: 10 }, () => verify(proof)))
  expect(again.map(told).toSorted()).toEqual(['201', ...Array.from({ length: 9 }, () => '401 NONCE_USED')])
  expect(lines).toEqual([])
})
