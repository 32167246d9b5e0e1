// CacheManager: what is kept is given without a statement, by every process on the same Redis, for as long as the original design says; it goes at
// once when somebody changes what it is about, by plain SQL too, and nothing else goes with it; without Redis nothing fails.

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import config from '../../../examples/wedefi/pgstrata.config.ts'
import { CacheManager, cacheKeys, cacheSeconds, priceTag } from '../../../examples/wedefi/src/cache-manager.ts'
import { createCache } from '../../../src/cache/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { testDatabase, type TestDatabase } from '../../support/postgres.ts'
import { useRedis } from '../../support/redis.ts'
import { waitUntil } from '../../support/wait.ts'
import {
  answeredWhile,
  openManagers,
  portfolioConfig,
  putBalances,
  putTokens,
  putWallets,
  type Opened,
} from './portfolio-support.ts'
import { riskTemplate } from './risk-support.ts'

const redis = useRedis()
let database: TestDatabase
/** Runs the feed. */
let runner: Opened
let other: Opened

beforeAll(async () => {
  database = await testDatabase(18, { template: await riskTemplate(18) })
  const { db, url } = database
  await putWallets(db, 3)
  await putTokens(db, 3)
  await putBalances(db, [
    { wallet: 'w-0', token: 't-0', usd: '5' },
    { wallet: 'w-1', token: 't-1', usd: '6' },
  ])
  await db.query(sql`insert into "PriceSnapshot" ("tokenId", "priceUsd") values ('t-0', 2), ('t-1', 3)`)
  const open = (): Opened => openManagers(portfolioConfig({ url, redis: redis().url }))
  runner = open()
  other = open()
  runner.caches.follow()
  await runner.strata.start({ jobs: true })
  await waitUntil(() => runner.strata.changes.here.handled !== undefined, { what: 'the feed consumes' })
})
afterAll(async () => {
  await other.strata.close()
  await runner.strata.close()
  await database.close()
})

const usdOf = async ({ caches }: Opened, wallet: string): Promise<string | undefined> =>
  (await caches.getPortfolioSummary(wallet))[0]?.balances[0]?.usdValue

/** Until it is kept: what was loaded while the feed told of earlier writes is not. */
async function keep(read: () => Promise<unknown>): Promise<void> {
  await waitUntil(async () => (await answeredWhile(read)).length === 0, { what: 'it is kept' })
}

const addLock = async (id: string): Promise<void> => {
  await database.db.query(sql`
    insert into "GovernanceLock" (id, "walletId", protocol, "tokenId", amount, "votingPower", "unlocksAt")
    values (${id}, 'w-0', 'curve', 't-0', 1, 1, now() + interval '1 year')`)
}

test('what one process has read the other gives without a statement', async () => {
  const reads: readonly ((from: Opened) => Promise<unknown>)[] = [
    ({ caches }) => caches.getPortfolioSummary('w-0'),
    ({ caches }) => caches.getLatestPrice('t-0'),
    ({ caches }) => caches.getGovernanceLocks('w-0'),
  ]
  for (const read of reads) {
    await keep(() => read(runner))
    let shared: unknown
    expect(await answeredWhile(async () => (shared = await read(other)))).toEqual([])
    expect(shared).toEqual(await read(runner))
  }
  expect(await usdOf(other, 'w-0')).toBe('5.00000000')
  expect(await other.caches.getLatestPrice('t-0')).toBe('2.000000000000')
})

test('plain SQL discards what it changed, in every process, and nothing else', async () => {
  await keep(() => usdOf(other, 'w-0'))
  await keep(() => usdOf(other, 'w-1'))
  await keep(() => other.caches.getLatestPrice('t-1'))
  await putBalances(database.db, [{ wallet: 'w-0', token: 't-0', usd: '50' }])
  await waitUntil(async () => (await usdOf(other, 'w-0')) === '50.00000000', { what: 'the new balance is read' })
  expect(await answeredWhile(() => usdOf(other, 'w-1'))).toEqual([])
  await database.db.query(sql`delete from "TokenBalance" where "walletId" = 'w-0'`)
  await waitUntil(async () => (await usdOf(other, 'w-0')) === undefined, { what: 'the balance is gone' })
  await database.db.query(sql`update "Wallet" set label = 'renamed' where id = 'w-1'`)
  await waitUntil(async () => (await other.caches.getPortfolioSummary('w-1'))[0]?.label === 'renamed', {
    what: 'the label',
  })
  expect(await answeredWhile(() => other.caches.getLatestPrice('t-1'))).toEqual([])
  await database.db.query(
    sql`insert into "PriceSnapshot" ("tokenId", "priceUsd", "recordedAt") values ('t-1', 4, now() + interval '1 s')`,
  )
  await waitUntil(async () => (await other.caches.getLatestPrice('t-1')) === '4.000000000000', {
    what: 'the new price',
  })
  await addLock('l-1')
  await waitUntil(async () => (await other.caches.getGovernanceLocks('w-0')).length === 1, { what: 'the lock' })
  await database.db.query(sql`update "Token" set symbol = 'NEW' where id = 't-1'`)
  await waitUntil(async () => (await other.caches.getPortfolioSummary('w-1'))[0]?.balances[0]?.token.symbol === 'NEW', {
    what: 'the symbol',
  })
})

test('prices that are gone all at once are gone from histories as well', async () => {
  const count = async (): Promise<number> => {
    const { rows } = await other.strata.query<{ n: number }>(
      sql`select count(*)::int as n from "PriceSnapshot" where "tokenId" = 't-2'`,
      { route: 'write' },
    )
    return rows[0]?.n ?? 0
  }
  const read = async (): Promise<number> =>
    await other.strata.cached('a history of t-2', count, { namespace: 'history', tags: [priceTag('t-2')] })
  await database.db.query(sql`insert into "PriceSnapshot" ("tokenId", "priceUsd") values ('t-2', 3)`)
  await keep(read)
  expect(await read()).toBe(1)
  await database.db.query(sql`truncate "PriceSnapshot"`)
  await waitUntil(async () => (await read()) === 0, { what: 'there is no price' })
  await waitUntil(async () => (await other.caches.getLatestPrice('t-0')) === undefined, { what: 'there is no latest' })
  await database.db.query(sql`insert into "PriceSnapshot" ("tokenId", "priceUsd") values ('t-0', 2), ('t-1', 3)`)
  await waitUntil(async () => (await other.caches.getLatestPrice('t-0')) === '2.000000000000', { what: 'a new one' })
})

test('who writes reads it at once by the token of the write, wherever, though an older portfolio is kept', async () => {
  await putBalances(database.db, [{ wallet: 'w-2', token: 't-0', usd: '1' }])
  for (let round = 2; round < 12; round++) {
    await usdOf(other, 'w-2')
    const token = await runner.strata.scope(undefined, async (session) => {
      await runner.manager.updateTokenBalance({
        walletId: 'w-2',
        tokenId: 't-0',
        quantity: '1',
        usdValue: String(round),
      })
      expect(await usdOf(runner, 'w-2')).toBe(`${round}.00000000`)
      return session.toString()
    })
    expect(await other.strata.scope(token, () => usdOf(other, 'w-2'))).toBe(`${round}.00000000`)
  }
})

test('while Redis is away every call is answered, with what is true, and afterwards it keeps again', async () => {
  await keep(() => usdOf(other, 'w-2'))
  await redis().kill()
  await putBalances(database.db, [{ wallet: 'w-2', token: 't-0', usd: '77' }])
  await waitUntil(() => other.strata.cache.stats().redis === 'down', { what: 'it is noticed' })
  expect(await usdOf(other, 'w-2')).toBe('77.00000000')
  expect(await other.caches.getLatestPrice('t-0')).toBe('2.000000000000')
  expect(await other.caches.getGovernanceLocks('w-0')).toHaveLength(1)
  await redis().restart()
  await waitUntil(() => other.strata.cache.stats().redis === 'up', { what: 'it is back' })
  await keep(() => usdOf(other, 'w-2'))
  await putBalances(database.db, [{ wallet: 'w-2', token: 't-0', usd: '78' }])
  await waitUntil(async () => (await usdOf(other, 'w-2')) === '78.00000000', { what: 'the feed discards again' })
})

test('portfolios are kept for five minutes, prices for one, locks for thirty, under the keys of the original design', async () => {
  expect(cacheSeconds).toEqual({ portfolio: 300, price: 60, governance: 1_800 })
  const clock = fakeClock()
  const cache = createCache({ memoryBytes: 1024 ** 2, clock, namespaces: config.cache.namespaces })
  onTestFinished(() => cache.close())
  const loads = { portfolio: 0, price: 0, governance: 0 }
  const keys: string[] = []
  const manager = new CacheManager({
    strata: {
      cache,
      changes: runner.strata.changes,
      cached: async (key, load, options) => {
        keys.push(key)
        return await cache.get(key, load, { ...options, refreshAhead: false })
      },
    },
    manager: {
      getPortfolioSummary: async () => await Promise.resolve((loads.portfolio++, [])),
      getLatestPrice: async () => await Promise.resolve((loads.price++, '1')),
      getGovernanceLocks: async () => await Promise.resolve((loads.governance++, [])),
    },
  })
  const reads = {
    portfolio: () => manager.getPortfolioSummary('w'),
    price: () => manager.getLatestPrice('t'),
    governance: () => manager.getGovernanceLocks('w'),
  } as const
  for (const name of ['portfolio', 'price', 'governance'] as const) {
    await reads[name]()
    clock.advance(cacheSeconds[name] * 1_000 - 1)
    await reads[name]()
    expect([name, loads[name]]).toEqual([name, 1])
    clock.advance(2)
    await reads[name]()
    expect([name, loads[name]]).toEqual([name, 2])
  }
  expect([...new Set(keys)]).toEqual(['portfolio:w', 'price:latest:t', 'governance:w'])
  expect(cacheKeys.portfolio('w')).toBe('portfolio:w')
})
