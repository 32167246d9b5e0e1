// DatabaseManager on a primary and two replicas: which server answers what, and what becomes of it when one stands still, is gone or is started
// again. Whoever wrote a balance reads it, wherever that runs; and of several writers the newest balance stays.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { startCluster, type EmbeddedCluster, type EmbeddedReplica } from 'pgstrata/embedded'
import { routing, type QueryClass } from '../../../examples/wedefi/src/routing.ts'
import { openWedefi } from '../../../examples/wedefi/src/strata.ts'
import type { Db } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { sql } from '../../../src/sql/sql.ts'
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

let cluster: EmbeddedCluster
let opened: Opened
/** Past the app. */
let past: Db
let read: EmbeddedReplica
let analytics: EmbeddedReplica

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, replicas: 2 })
  const url = cluster.primary.url()
  past = openDb({ url })
  const deploying = openWedefi(riskConfig(url))
  await deploying.migrate.up({ lint: false })
  await deploying.apply()
  await deploying.close()
  const [first, second] = cluster.replicas
  if (first === undefined || second === undefined) throw new Error('Expected two replicas')
  read = first
  analytics = second
  opened = openManagers(
    portfolioConfig({ url, replicas: { read: read.url(), analytics: analytics.url() }, maxLag: '1h' }),
  )
  const { strata } = opened
  await putWallets(strata, 3)
  await putTokens(strata, 3)
  await putBalances(strata, [
    { wallet: 'w-0', token: 't-0', usd: '5' },
    { wallet: 'w-0', token: 't-1', usd: '7' },
    { wallet: 'w-0', token: 't-2', usd: '0' },
  ])
  await strata.query(sql`insert into "PriceSnapshot" ("tokenId", "priceUsd") values ('t-0', 2.5)`)
  await strata.query(sql`
    insert into "GovernanceLock" (id, "walletId", protocol, "tokenId", amount, "votingPower", "unlocksAt")
    values ('l-0', 'w-0', 'curve', 't-0', 3, 1.5, now() + interval '1 year')`)
  await strata.query(sql`
    insert into "AssetCorrelation" ("tokenAId", "tokenBId", timeframe, correlation, samples, "computedAt")
    values ('t-0', 't-1', '30d', 0.5, 30, now()), ('t-0', 't-2', '30d', 0.1, 30, now() - interval '25 hours')`)
  await caughtUp()
})
afterAll(async () => {
  await opened.strata.close()
  await past.close()
  await cluster.stop()
})

async function caughtUp(): Promise<void> {
  await Promise.all(cluster.replicas.map((replica) => replica.waitFor()))
  await opened.strata.pool.start()
  await waitUntil(() => ['read', 'analytics'].every((route) => nodeOf('select 1', route) !== 'primary'), {
    what: 'replicas take reads',
  })
}

const nodeOf = (text: string, route: string): string | undefined =>
  opened.strata.pool.explainRouting({ text, route }).node

async function nodesOf(work: () => Promise<unknown>): Promise<ReadonlySet<string | undefined>> {
  return new Set((await answeredWhile(work)).map(({ node }) => node))
}

const upsert = (
  usdValue: string,
  updatedAt?: Date,
): Promise<{ readonly isStored: boolean; readonly usdValue: string }> =>
  opened.manager.updateTokenBalance({ walletId: 'w-1', tokenId: 't-0', quantity: '1.5', usdValue, updatedAt })

test('each class of queries has its route, and each route its server', async () => {
  expect(routing).toEqual({
    portfolio_queries: 'read',
    balance_sync: 'write',
    alert_processing: 'write',
    risk_analytics: 'analytics',
    user_dashboard: 'read',
  })
  const explained = (name: QueryClass): object => {
    const { route, node } = opened.strata.pool.explainRouting({ text: 'select 1', route: name })
    return { route, node }
  }
  expect(explained('balance_sync')).toEqual({ route: 'write', node: 'primary' })
  expect(explained('alert_processing')).toEqual({ route: 'write', node: 'primary' })
  expect(explained('risk_analytics')).toEqual({ route: 'analytics', node: 'analytics' })
  for (const name of ['portfolio_queries', 'user_dashboard'] as const)
    expect(explained(name)).toEqual({ route: 'read', node: expect.stringMatching(/^(read|analytics)$/) })
})

test('each method asks the server of its class, and gives what is there', async () => {
  const { manager } = opened
  const replicas = new Set(['read', 'analytics'])
  const onReplica = async (work: () => Promise<unknown>): Promise<void> => {
    const nodes = await nodesOf(work)
    expect(nodes.size).toBe(1)
    for (const node of nodes) expect(replicas).toContain(node)
  }
  await opened.strata.scope(undefined, async () => {
    await onReplica(async () => {
      const [summary, ...others] = await manager.getPortfolioSummary('w-0')
      expect(others).toEqual([])
      expect(summary?.balances.map(({ tokenId, usdValue, token }) => [tokenId, usdValue, token.symbol])).toEqual([
        ['t-1', '7.00000000', 'T1'],
        ['t-0', '5.00000000', 'T0'],
      ])
    })
    await onReplica(async () => expect(await manager.getLatestPrice('t-0')).toBe('2.500000000000'))
    await onReplica(async () =>
      expect(await manager.getGovernanceLocks('w-0')).toMatchObject([
        { id: 'l-0', protocol: 'curve', token: { id: 't-0' } },
      ]),
    )
    await onReplica(async () => expect((await opened.portfolios.getPagedPortfolioData()).pagination.total).toBe(3))
    await onReplica(async () =>
      expect(Object.keys(await opened.portfolios.getBatchedPortfolioData(['w-0']))).toEqual(['w-0']),
    )
    const risk = await nodesOf(async () => {
      const metrics = await manager.calculateRiskMetrics('30d')
      expect(metrics.map(({ tokenBId, correlation }) => [tokenBId, correlation])).toEqual([['t-1', 0.5]])
    })
    expect([...risk]).toEqual(['analytics'])
    expect([...(await nodesOf(() => upsert('4')))]).toEqual(['primary'])
  })
  expect((await manager.getPortfolioSummary()).map(({ id }) => id).toSorted()).toEqual(['w-0', 'w-1', 'w-2'])
  expect(await manager.getPortfolioSummary('nobody')).toEqual([])
  expect(await manager.getLatestPrice('t-2')).toBeUndefined()
})

test('while the replicas stand still, who wrote a balance reads it, and others read what the replicas show', async () => {
  await caughtUp()
  await Promise.all([read.pauseReplay(), analytics.pauseReplay()])
  const { manager, strata } = opened
  const shown = async (): Promise<string | undefined> =>
    (await manager.getPortfolioSummary('w-1'))
      .flatMap(({ balances }) => balances)
      .find(({ tokenId }) => tokenId === 't-0')?.usdValue
  const before = await strata.scope(undefined, shown)
  const token = await strata.scope(undefined, async (session) => {
    expect((await upsert('1234')).isStored).toBe(true)
    expect(await shown()).toBe('1234.00000000')
    const nodes = await nodesOf(shown)
    expect([...nodes]).toEqual(['primary'])
    return session.toString()
  })
  // The same by its token, as another process would.
  expect(await strata.scope(token, shown)).toBe('1234.00000000')
  expect(await strata.scope(undefined, shown)).toBe(before)
  await Promise.all([read.resumeReplay(), analytics.resumeReplay()])
  await caughtUp()
  expect([...(await strata.scope(token, () => nodesOf(shown)))][0]).not.toBe('primary')
})

test('the newest of several states of a balance stays, whoever comes last', async () => {
  const at = (seconds: number): Date => new Date(Date.UTC(2026, 5, 1, 0, 0, seconds))
  await opened.strata.query(sql`delete from "TokenBalance" where "walletId" = 'w-1'`)
  // A lock that all of them wait for: they have begun when the first of them goes on.
  const settled = await opened.strata.tx(async (tx) => {
    await tx.query(sql`
      insert into "TokenBalance" ("walletId", "tokenId", quantity, "usdValue", "updatedAt")
      values ('w-1', 't-0', 1, 1, ${at(0)})`)
    const writing = Array.from({ length: 12 }, (_, n) => upsert(String(100 + ((n * 5) % 12)), at(1 + ((n * 5) % 12))))
    const all = Promise.all(writing)
    all.catch(() => undefined)
    await waitUntil(
      async () => {
        const { rows } = await past.query<{ n: number }>(sql`
          select count(*)::int as n
          from pg_stat_activity
          where wait_event_type = 'Lock'
            and query like '%TokenBalance%'`)
        return rows[0]?.n === 12
      },
      { what: 'twelve writers wait' },
    )
    return { all }
  })
  const answers = await settled.all
  const standing = await opened.strata.query<{ usdValue: string; updatedAt: Date }>(
    sql`select "usdValue", "updatedAt" from "TokenBalance" where "walletId" = 'w-1' and "tokenId" = 't-0'`,
    { route: 'write' },
  )
  expect(standing.rows).toEqual([{ usdValue: '111.00000000', updatedAt: at(12) }])
  // Who was late is told what is there, which was newer than theirs.
  for (const { isStored, usdValue } of answers) if (!isStored) expect(Number(usdValue)).toBeGreaterThan(100)
  expect(await upsert('7', at(3))).toMatchObject({ isStored: false, usdValue: '111.00000000' })
})

test('a balance that is none is refused before anything is sent', async () => {
  const good = { walletId: 'w-1', tokenId: 't-0', quantity: '1', usdValue: '1' }
  const bad: readonly (readonly [object, string])[] = [
    [{ quantity: '-1' }, 'balanceData.quantity'],
    [{ quantity: 1 }, 'balanceData.quantity'],
    [{ quantity: '1e5' }, 'balanceData.quantity'],
    [{ quantity: `1.${'1'.repeat(19)}` }, 'balanceData.quantity'],
    [{ usdValue: '-0.01' }, 'balanceData.usdValue'],
    [{ usdValue: 'NaN' }, 'balanceData.usdValue'],
    [{ usdValue: '1.123456789' }, 'balanceData.usdValue'],
    [{ usdValue: '1'.repeat(17) }, 'balanceData.usdValue'],
    [{ walletId: '' }, 'balanceData.walletId'],
    [{ tokenId: 'a\0b' }, 'balanceData.tokenId'],
    [{ updatedAt: new Date(Number.NaN) }, 'balanceData.updatedAt'],
    [{ updatedAt: new Date(Date.now() + 3_600_000) }, 'balanceData.updatedAt'],
    [{ usdvalue: '1' }, 'balanceData'],
  ]
  for (const [wrong, where] of bad) {
    const statements = await answeredWhile(async () => {
      const given = { ...good, ...wrong } as Parameters<typeof opened.manager.updateTokenBalance>[0]
      await expect(opened.manager.updateTokenBalance(given)).rejects.toMatchObject({
        statusCode: 400,
        details: { where },
      })
    })
    expect(statements).toEqual([])
  }
  for (const unknown of [{ walletId: 'nobody' }, { tokenId: 'nothing' }])
    await expect(opened.manager.updateTokenBalance({ ...good, ...unknown })).rejects.toMatchObject({
      statusCode: 404,
      message: 'There is no such wallet or token',
    })
  await expect(opened.manager.calculateRiskMetrics('2d')).rejects.toMatchObject({ details: { where: 'timeframe' } })
})
