// Every public name of the original design: classes and methods, keys and lifetimes, routes, roles, variables and what stands in the database.
// Each is there, does what it says, and goes on doing it while a replica stands still or is gone, Redis is gone, or the primary was started anew.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { startCluster, type EmbeddedCluster, type EmbeddedReplica } from 'pgstrata/embedded'
import config from '../../../examples/wedefi/pgstrata.config.ts'
import { CacheManager, cacheKeys, cacheSeconds } from '../../../examples/wedefi/src/cache-manager.ts'
import { DatabaseManager } from '../../../examples/wedefi/src/database-manager.ts'
import { OptimizedPortfolioService } from '../../../examples/wedefi/src/portfolio/service.ts'
import { connections, replicaMaxLag, routing } from '../../../examples/wedefi/src/routing.ts'
import { replicasFrom } from '../../../examples/wedefi/src/servers.ts'
import { openWedefi } from '../../../examples/wedefi/src/strata.ts'
import { sql } from '../../../src/sql/sql.ts'
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
import { riskConfig } from './risk-support.ts'

const redis = useRedis()
let cluster: EmbeddedCluster
let opened: Opened
let replicas: readonly [EmbeddedReplica, EmbeddedReplica]

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, replicas: 2 })
  const url = cluster.primary.url()
  const deploying = openWedefi(riskConfig(url))
  await deploying.migrate.up({ lint: false })
  await deploying.apply()
  await putWallets(deploying, 2)
  await putTokens(deploying, 2)
  await putBalances(deploying, [
    { wallet: 'w-0', token: 't-0', usd: '5' },
    { wallet: 'w-0', token: 't-1', usd: '7' },
  ])
  await deploying.query(sql`insert into "PriceSnapshot" ("tokenId", "priceUsd") values ('t-0', 2.5)`)
  await deploying.query(sql`
    insert into "GovernanceLock" (id, "walletId", protocol, "tokenId", amount, "votingPower", "unlocksAt")
    values ('l-0', 'w-0', 'curve', 't-0', 3, 1.5, now() + interval '1 year')`)
  await deploying.query(sql`
    insert into "AssetCorrelation" ("tokenAId", "tokenBId", timeframe, correlation, samples)
    values ('t-0', 't-1', '30d', 0.5, 30)`)
  await deploying.close()
  const [first, second] = cluster.replicas
  if (first === undefined || second === undefined) throw new Error('Expected two replicas')
  replicas = [first, second]
  await Promise.all(replicas.map((replica) => replica.waitFor()))
  const urls = { read: first.url(), analytics: second.url() }
  opened = openManagers(portfolioConfig({ url, replicas: urls, redis: redis().url }))
})
afterAll(async () => {
  await opened.strata.close()
  await cluster.stop()
})

let round = 0

/** By the names of the original design, what each gives. */
const named: Readonly<Record<string, () => Promise<unknown>>> = {
  'DatabaseManager.getPortfolioSummary': async () => summaryOf(await opened.manager.getPortfolioSummary('w-0')),
  'DatabaseManager.calculateRiskMetrics': async () =>
    (await opened.manager.calculateRiskMetrics('30d')).map(({ correlation }) => correlation),
  'DatabaseManager.updateTokenBalance': async () => {
    const usdValue = String(++round)
    const given = { walletId: 'w-1', tokenId: 't-0', quantity: '1', usdValue }
    const { isStored, usdValue: stored } = await opened.manager.updateTokenBalance(given)
    const [summary] = await opened.manager.getPortfolioSummary('w-1')
    return { isStored, isRead: summary?.balances[0]?.usdValue === stored && Number(stored) === round }
  },
  'DatabaseManager.getLatestPrice': () => opened.manager.getLatestPrice('t-0'),
  'DatabaseManager.getGovernanceLocks': async () =>
    (await opened.manager.getGovernanceLocks('w-0')).map(({ id }) => id),
  'CacheManager.getPortfolioSummary': async () => summaryOf(await opened.caches.getPortfolioSummary('w-0')),
  'CacheManager.getLatestPrice': () => opened.caches.getLatestPrice('t-0'),
  'CacheManager.getGovernanceLocks': async () => (await opened.caches.getGovernanceLocks('w-0')).map(({ id }) => id),
  'OptimizedPortfolioService.getBatchedPortfolioData': async () =>
    (await opened.portfolios.getBatchedPortfolioData(['w-0']))['w-0']?.map(({ tokenId, wallet, token }) => [
      tokenId,
      wallet.chainId,
      token.decimals,
    ]),
  'OptimizedPortfolioService.getPagedPortfolioData': async () => {
    const { data, pagination } = await opened.portfolios.getPagedPortfolioData(1, 50, { minValue: 7, walletId: 'w-0' })
    return { ids: data.map(({ id, _count }) => [id, _count.balances]), pagination }
  },
}

type Summaries = Awaited<ReturnType<Opened['manager']['getPortfolioSummary']>>
const summaryOf = (summaries: Summaries): unknown =>
  summaries.map(({ id, balances }) => [id, balances.map(({ usdValue }) => usdValue)])

const expected: Readonly<Record<string, unknown>> = {
  'DatabaseManager.getPortfolioSummary': [['w-0', ['7.00000000', '5.00000000']]],
  'DatabaseManager.calculateRiskMetrics': [0.5],
  'DatabaseManager.updateTokenBalance': { isStored: true, isRead: true },
  'DatabaseManager.getLatestPrice': '2.500000000000',
  'DatabaseManager.getGovernanceLocks': ['l-0'],
  'CacheManager.getPortfolioSummary': [['w-0', ['7.00000000', '5.00000000']]],
  'CacheManager.getLatestPrice': '2.500000000000',
  'CacheManager.getGovernanceLocks': ['l-0'],
  'OptimizedPortfolioService.getBatchedPortfolioData': [
    ['t-1', 1, 18],
    ['t-0', 1, 18],
  ],
  'OptimizedPortfolioService.getPagedPortfolioData': {
    ids: [['w-0', 2]],
    pagination: { page: 1, limit: 50, total: 1, pages: 1 },
  },
}

const reads = Object.keys(named).filter((name) => name !== 'DatabaseManager.updateTokenBalance')

/** Each in a session of its own, as requests are. */
async function checkAll(names: readonly string[] = Object.keys(named)): Promise<void> {
  for (const name of names) {
    const work = named[name]
    if (work === undefined) throw new Error(`There is no ${name}`)
    expect([name, await opened.strata.scope(undefined, work)]).toEqual([name, expected[name]])
  }
}

describe('methods', () => {
  test('are methods of the classes of the original design', () => {
    const classes = { DatabaseManager, CacheManager, OptimizedPortfolioService }
    for (const name of Object.keys(named)) {
      const [owner = '', method = ''] = name.split('.')
      const prototype = classes[owner as keyof typeof classes].prototype as unknown as Record<string, unknown>
      expect([name, typeof prototype[method]]).toEqual([name, 'function'])
    }
  })

  test('give what they say while everything is well', async () => {
    await checkAll()
  })

  test('while one replica stands still: it is passed over as soon as it is behind', async () => {
    await replicas[0].pauseReplay()
    await checkAll()
    // A write that it has not got.
    await opened.manager.updateTokenBalance({ walletId: 'w-1', tokenId: 't-1', quantity: '1', usdValue: '3' })
    await waitUntil(() => othersOf('select 1').includes('read'), { what: 'it is passed over' })
    await checkAll()
    await replicas[0].resumeReplay()
  })

  test('while replicas lag, behind the bound that the app sets', async () => {
    await Promise.all(replicas.map((replica) => replica.setReplayDelay(400)))
    await checkAll()
    await Promise.all(replicas.map((replica) => replica.setReplayDelay(0)))
  })

  test('while one replica, then both are gone: the primary stands in', async () => {
    await replicas[1].stop('immediate')
    await checkAll()
    await replicas[0].stop('immediate')
    await checkAll()
    const nodes = new Set(
      (await answeredWhile(() => opened.manager.calculateRiskMetrics('30d'))).map(({ node }) => node),
    )
    expect([...nodes]).toEqual(['primary'])
    await Promise.all(replicas.map((replica) => replica.start()))
    await waitUntil(
      () => opened.strata.pool.explainRouting({ text: 'select 1', route: 'risk_analytics' }).node === 'analytics',
      {
        what: 'the replica for analytics is back',
        timeoutMs: 30_000,
      },
    )
  })

  test('while Redis is gone, and when it is back', async () => {
    await redis().kill()
    await checkAll()
    await redis().restart()
    await waitUntil(() => opened.strata.cache.stats().redis === 'up', { what: 'it is back' })
    await checkAll()
  })

  test('while the primary is away reads go on, and when it is back everything does', async () => {
    await Promise.all(replicas.map((replica) => replica.waitFor()))
    await opened.strata.pool.start()
    await cluster.primary.stop('fast')
    await checkAll(reads.filter((name) => !name.startsWith('CacheManager')))
    await cluster.primary.start()
    await waitUntil(
      async () =>
        await checkAll().then(
          () => true,
          () => false,
        ),
      { what: 'all of them', timeoutMs: 30_000 },
    )
  })
})

const othersOf = (text: string): readonly string[] =>
  opened.strata.pool.explainRouting({ text, route: 'read' }).others.map(({ node }) => node)

describe('names beside methods', () => {
  test('keys and lifetimes of the cache', () => {
    expect(cacheKeys.portfolio('7')).toBe('portfolio:7')
    expect(cacheKeys.price('7')).toBe('price:latest:7')
    expect(cacheKeys.governance('7')).toBe('governance:7')
    expect(cacheSeconds).toEqual({ portfolio: 300, price: 60, governance: 1800 })
    expect(config.cache.namespaces).toMatchObject({
      portfolio: { ttl: '5 min' },
      price: { ttl: '1 min' },
      governance: { ttl: '30 min' },
    })
  })

  test('routes, roles, variables, connections and the bound of lag', async () => {
    expect(routing).toEqual({
      portfolio_queries: 'read',
      balance_sync: 'write',
      alert_processing: 'write',
      risk_analytics: 'analytics',
      user_dashboard: 'read',
    })
    expect(config.database.queries).toBe(routing)
    expect([connections, replicaMaxLag]).toEqual([{ primary: 20, replica: 30 }, '50ms'])
    const env = { DATABASE_URL_READ: 'postgres://read', DATABASE_URL_ANALYTICS: 'postgres://analytics' }
    expect(replicasFrom(env)).toEqual([
      { url: 'postgres://read', name: 'read', routes: ['read'], maxLag: '50ms', pool: { max: 30 } },
      {
        url: 'postgres://analytics',
        name: 'analytics',
        routes: ['read', 'analytics'],
        maxLag: '50ms',
        pool: { max: 30 },
      },
    ])
    expect(config.database.primary.pool).toEqual({ max: 20 })
    vi.stubEnv('DATABASE_URL_PRIMARY', 'postgres://primary')
    vi.resetModules()
    const { default: named } = await import('../../../examples/wedefi/pgstrata.config.ts')
    vi.unstubAllEnvs()
    expect(named.database.primary.url).toBe('postgres://primary')
  })

  test('the four rules, and the action of each', () => {
    expect(config.alerts.rules).toEqual({
      SlowQueryDetected: { over: '5s', actions: ['log_and_alert'] },
      HighConnectionCount: { over: 80, actions: ['scale_read_replicas'] },
      IndexScanEfficiency: { under: '95%', actions: ['analyze_missing_indexes'] },
      ReplicationLag: { over: '1s', actions: ['investigate_replication'] },
    })
    expect(Object.keys(config.alerts.actions)).toContain('scale_read_replicas')
  })

  test('tables, their columns, their partitions, and what stands beside them', async () => {
    const columns: Readonly<Record<string, readonly string[]>> = {
      Wallet: ['id', 'address', 'label', 'chainId', 'createdAt'],
      Token: ['id', 'symbol', 'name', 'decimals'],
      TokenBalance: ['walletId', 'tokenId', 'usdValue'],
      PriceSnapshot: ['tokenId', 'recordedAt'],
      PortfolioSnapshot: ['walletId', 'capturedAt'],
      PositionSnapshot: ['walletId', 'tokenId', 'capturedAt'],
      GovernanceLock: ['id', 'walletId'],
      AssetCorrelation: ['timeframe', 'computedAt', 'correlation'],
      PriceSnapshot_warm: ['tokenId', 'recordedAt'],
      PriceSnapshot_archive_metadata: ['month_year', 'record_count', 'file_path', 'compressed_size', 'archived_at'],
    }
    const { rows } = await opened.strata.query<{ name: string }>(
      sql`select relname || '.' || attname as name
        from pg_attribute
        join pg_class on pg_class.oid = attrelid
        where relnamespace = 'public'::regnamespace
          and attnum > 0
          and not attisdropped`,
      { route: 'write' },
    )
    const found = new Set(rows.map(({ name }) => name))
    const wanted = Object.entries(columns).flatMap(([table, those]) => those.map((column) => `${table}.${column}`))
    expect(wanted.filter((name) => !found.has(name))).toEqual([])
    const month = new Date().toISOString().slice(0, 7).replace('-', '_')
    const relations = [
      ...Array.from({ length: 8 }, (_, n) => `TokenBalance_part_${n}.walletId`),
      ...Array.from({ length: 4 }, (_, n) => `PortfolioSnapshot_${month}_part_${n}.walletId`),
      `PriceSnapshot_${month}.tokenId`,
    ]
    expect(relations.filter((name) => !found.has(name))).toEqual([])
    expect(config.tables.PriceSnapshot).toMatchObject({ partition: 'month', ahead: 6 })
    const functions = await opened.strata.query<{ n: number }>(
      sql`select count(*)::int as n from pg_proc where proname = 'create_monthly_partitions'`,
      { route: 'write' },
    )
    expect(functions.rows[0]?.n).toBeGreaterThan(0)
  })
})
