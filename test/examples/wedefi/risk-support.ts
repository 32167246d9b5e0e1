// What the tests of risk and alerts share: the app's database as deployed, with partitions of prices for a year and few of everything else; and
// tokens, wallets and prices to ask it about.

import { afterAll, beforeAll } from 'vitest'
import { resolveConfig } from 'pgstrata'
import config from '../../../examples/wedefi/pgstrata.config.ts'
import { folder, openWedefi, type WedefiConfig, type WedefiStrata } from '../../../examples/wedefi/src/strata.ts'
import type { Db } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { testDatabase, type TestDatabase } from '../../support/postgres.ts'
import { createTemplates } from '../support/served.ts'
import { removeTestArchive, testArchive } from './archive-folder.ts'

export const hourMs = 3_600_000
export const dayMs: number = 24 * hourMs

const dayBefore = (days: number): string => new Date(Date.now() - days * dayMs).toISOString().slice(0, 10)

/** It does not watch: that would add statements of its own. */
export function riskConfig(url: string): WedefiConfig {
  const { watch: _, alerts: __, expect: ___, ...rest } = config
  const { tables } = config
  const given = {
    ...rest,
    database: { ...config.database, primary: { ...config.database.primary, url }, replicas: [] },
    tables: {
      ...tables,
      PriceSnapshot: { ...tables.PriceSnapshot, ahead: 1, from: dayBefore(400) },
      PortfolioSnapshot: { ...tables.PortfolioSnapshot, ahead: 1, from: dayBefore(2) },
      PositionSnapshot: { ...tables.PositionSnapshot, ahead: 1, from: dayBefore(2) },
    },
    archive: testArchive,
    cache: { namespaces: shortLived },
  }
  const resolved: unknown = resolveConfig<unknown>(given, { root: folder, name: 'pgstrata.config.ts' })
  return resolved as WedefiConfig
}

/** Tests write past the service, and read at once. */
const shortLived = Object.fromEntries(
  Object.keys(config.cache.namespaces).map((name) => [name, { ttl: '1ms', refreshAhead: false }]),
)

export const riskTemplate = createTemplates(async ({ url }) => {
  const strata = openWedefi(riskConfig(url))
  try {
    await strata.migrate.up({ lint: false })
    await strata.apply()
  } finally {
    await strata.close()
  }
})

export interface RiskDatabase {
  readonly strata: WedefiStrata
  /** Past the app. */
  readonly db: Db
  readonly url: string
}

/** In a file: one database for all its tests. */
export function useRiskDatabase(): () => RiskDatabase {
  let database: TestDatabase | undefined
  let strata: WedefiStrata | undefined
  beforeAll(async () => {
    database = await testDatabase(18, { template: await riskTemplate(18) })
    strata = openWedefi(riskConfig(database.url))
  })
  afterAll(async () => {
    await strata?.close()
    await database?.close()
    await removeTestArchive()
  })
  return () => {
    if (database === undefined || strata === undefined) throw new Error('The database is there only inside tests')
    return { strata, db: database.db, url: database.url }
  }
}

/** Of each name a token, unless there is one. */
export async function addTokens(db: Db, names: readonly string[]): Promise<void> {
  await db.query(sql`
    insert into "Token" (id, symbol, name, decimals, "chainId", address)
    select name, left(name, 20), name, 18, 1, '0x' || left(md5(name) || md5(name || '+'), 40)
    from unnest(${names}::text[]) as name
    on conflict do nothing`)
}

export async function addWallets(db: Db, names: readonly string[]): Promise<void> {
  await db.query(sql`
    insert into "Wallet" (id, address, "chainId")
    select name, '0x' || left(md5(name) || md5(name || '+'), 40), 1
    from unnest(${names}::text[]) as name
    on conflict do nothing`)
}

export interface Price {
  readonly token: string
  readonly atMs: number
  /** A decimal. */
  readonly price: string
}

/** One of a time that is there already is left as it is. */
export async function addPrices(db: Db, prices: readonly Price[]): Promise<void> {
  await db.query(sql`
    insert into "PriceSnapshot" ("tokenId", "priceUsd", "recordedAt")
    select token, price, at
    from unnest(
      ${prices.map(({ token }) => token)}::text[],
      ${prices.map(({ price }) => price)}::numeric[],
      ${prices.map(({ atMs }) => new Date(atMs))}::timestamptz[]) as given (token, price, at)
    on conflict do nothing`)
}

export interface Holding {
  readonly wallet: string
  readonly token: string
  /** A decimal. */
  readonly usd: string
}

export async function addHoldings(db: Db, holdings: readonly Holding[]): Promise<void> {
  await db.query(sql`
    insert into "TokenBalance" ("walletId", "tokenId", quantity, "usdValue")
    select wallet, token, 1, usd
    from unnest(
      ${holdings.map(({ wallet }) => wallet)}::text[],
      ${holdings.map(({ token }) => token)}::text[],
      ${holdings.map(({ usd }) => usd)}::numeric[]) as given (wallet, token, usd)
    on conflict ("walletId", "tokenId") do update
    set "usdValue" = excluded."usdValue"`)
}
