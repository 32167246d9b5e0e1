// What the tests of portfolios, managers and caches share: the app's configuration for servers of a test, what the app opens on them, which
// server answered what, and wallets with balances to ask about.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { resolveConfig } from 'pgstrata'
import config from '../../../examples/wedefi/pgstrata.config.ts'
import { CacheManager } from '../../../examples/wedefi/src/cache-manager.ts'
import { openDatabase, type WedefiDatabase } from '../../../examples/wedefi/src/database.ts'
import { DatabaseManager } from '../../../examples/wedefi/src/database-manager.ts'
import { OptimizedPortfolioService } from '../../../examples/wedefi/src/portfolio/service.ts'
import { replicasOf, type ReplicaUrls } from '../../../examples/wedefi/src/servers.ts'
import { folder, openWedefi, type WedefiConfig, type WedefiStrata } from '../../../examples/wedefi/src/strata.ts'
import type { Db } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { testDatabase, type TestDatabase } from '../../support/postgres.ts'
import { removeTestArchive, testArchive } from './archive-folder.ts'
import { riskTemplate } from './risk-support.ts'

export interface Servers {
  readonly url: string
  readonly replicas?: ReplicaUrls
  /** Default: as the app has it. */
  readonly maxLag?: string
  readonly redis?: string
}

const dayBefore = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10)

/** With the lifetimes that the app gives to what it keeps, and the partitions that the template has. Jobs of the app are left out: each is tested by itself. */
export function portfolioConfig({ url, replicas = {}, maxLag, redis }: Servers): WedefiConfig {
  const { watch: _, alerts: __, expect: ___, ...rest } = config
  const given = {
    ...rest,
    database: {
      ...config.database,
      primary: { ...config.database.primary, url },
      replicas: replicasOf(replicas).map((node) => (maxLag === undefined ? node : { ...node, maxLag })),
    },
    tables: {
      ...config.tables,
      PriceSnapshot: { ...config.tables.PriceSnapshot, ahead: 1, from: dayBefore(400) },
      PortfolioSnapshot: { ...config.tables.PortfolioSnapshot, ahead: 1, from: dayBefore(2) },
      PositionSnapshot: { ...config.tables.PositionSnapshot, ahead: 1, from: dayBefore(2) },
    },
    archive: testArchive,
    changes: { ...config.changes, cap: '256MB' },
    cache: { namespaces: config.cache.namespaces, ...(redis === undefined ? {} : { redis }) },
    jobs: { ...config.jobs, own: {} },
  }
  return resolveConfig(given, { root: folder, name: 'pgstrata.config.ts' })
}

export interface Opened {
  readonly strata: WedefiStrata
  readonly db: WedefiDatabase
  readonly manager: DatabaseManager
  readonly caches: CacheManager
  readonly portfolios: OptimizedPortfolioService
}

/** What the service makes of a configuration, without its routes. Closing `strata` is up to whoever opened it. */
export function openManagers(resolved: WedefiConfig): Opened {
  const strata = openWedefi(resolved)
  const db = openDatabase(strata)
  const manager = new DatabaseManager({ pool: strata.pool, db })
  return {
    strata,
    db,
    manager,
    caches: new CacheManager({ strata, manager }),
    portfolios: new OptimizedPortfolioService({ strata }),
  }
}

export interface PortfolioDatabase extends Opened {
  /** Past the app. */
  readonly past: Db
  readonly url: string
}

/** In a file: one database of one server for all its tests. */
export function usePortfolios(): () => PortfolioDatabase {
  let database: TestDatabase | undefined
  let opened: Opened | undefined
  beforeAll(async () => {
    database = await testDatabase(18, { template: await riskTemplate(18) })
    opened = openManagers(portfolioConfig({ url: database.url }))
  })
  afterAll(async () => {
    await opened?.strata.close()
    await database?.close()
    await removeTestArchive()
  })
  return () => {
    if (database === undefined || opened === undefined) throw new Error('The database is there only inside tests')
    return { ...opened, past: database.db, url: database.url }
  }
}

export interface Answered {
  readonly text: string
  readonly route: string
  readonly node: string | undefined
  readonly reason: string | undefined
}

/** Statements about tables of the app while `work` ran, and which server answered each. */
export async function answeredWhile(work: () => Promise<unknown>): Promise<readonly Answered[]> {
  const answered: Answered[] = []
  const note = (message: unknown): void => {
    const { text, route, node, reason } = message as Answered
    if (/"(Wallet|Token|TokenBalance|PriceSnapshot|PortfolioSnapshot|AssetCorrelation|GovernanceLock)"/.test(text))
      answered.push({ text, route, node, reason })
  }
  const channel = 'pgstrata:query:end'
  subscribe(channel, note)
  onTestFinished(() => void unsubscribe(channel, note))
  try {
    await work()
  } finally {
    unsubscribe(channel, note)
  }
  return answered
}

export interface GivenBalance {
  readonly wallet: string
  readonly token: string
  readonly quantity?: string
  readonly usd: string
}

/** Written over where there is one. */
export async function putBalances(on: Pick<Db, 'query'>, balances: readonly GivenBalance[]): Promise<void> {
  await on.query(sql`
    insert into "TokenBalance" ("walletId", "tokenId", quantity, "usdValue")
    select distinct on (wallet, token) wallet, token, quantity, usd
    from unnest(
      ${balances.map(({ wallet }) => wallet)}::text[],
      ${balances.map(({ token }) => token)}::text[],
      ${balances.map(({ quantity = '1' }) => quantity)}::numeric[],
      ${balances.map(({ usd }) => usd)}::numeric[]) with ordinality as given (wallet, token, quantity, usd, place)
    order by wallet, token, place desc
    on conflict ("walletId", "tokenId") do update
    set quantity = excluded.quantity,
      "usdValue" = excluded."usdValue"`)
}

/** `w-0`, `w-1`, … Several of them came at the same moment: every third one a second later. */
export async function putWallets(on: Pick<Db, 'query'>, count: number): Promise<void> {
  await on.query(sql`
    insert into "Wallet" (id, address, label, "chainId", "createdAt")
    select 'w-' || n,
      '0x' || lpad(to_hex(n), 40, '0'),
      case when n % 2 = 0 then 'wallet ' || n end,
      1 + n % 2,
      timestamptz '2026-01-01 00:00:00.123456Z' + make_interval(secs => (n * 7 % ${count}::int) / 3)
    from generate_series(0, ${count}::int - 1) as n
    on conflict do nothing`)
}

/** `t-0`, `t-1`, … */
export async function putTokens(on: Pick<Db, 'query'>, count: number): Promise<void> {
  await on.query(sql`
    insert into "Token" (id, symbol, name, decimals, "chainId", address)
    select 't-' || n, 'T' || n, 'Token ' || n, 18, 1, '0x' || lpad(to_hex(n), 40, '0')
    from generate_series(0, ${count}::int - 1) as n
    on conflict do nothing`)
}
