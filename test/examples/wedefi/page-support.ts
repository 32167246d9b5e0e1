// A service with live events on a server of its own, and what its page is to show: tokens whose prices go up and down together and against
// each other for forty days, wallets with balances, the values of one of them over time, locks.

import { afterAll, beforeAll } from 'vitest'
import { resolveConfig } from 'pgstrata'
import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import config from '../../../examples/wedefi/pgstrata.config.ts'
import { openService, type Service } from '../../../examples/wedefi/src/service.ts'
import { folder, openWedefi, type WedefiConfig } from '../../../examples/wedefi/src/strata.ts'
import type { Queryable } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { waitUntil } from '../../support/wait.ts'
import { ask, type Answer } from '../support/ask.ts'
import { removeTestArchive, testArchive } from './archive-folder.ts'
import { putTokens, putWallets } from './portfolio-support.ts'

export const operator = 'an-operator-of-the-tests'

const dayBefore = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10)

/** It does not watch, and nothing moves by itself but alerts, which are looked at each second. */
export function pageConfig(url: string): WedefiConfig {
  const { watch: _, alerts: __, expect: ___, ...rest } = config
  const { tables, jobs } = config
  const few = { ahead: 1, from: dayBefore(45) } as const
  const given = {
    ...rest,
    database: { ...config.database, primary: { ...config.database.primary, url }, replicas: [] },
    tables: {
      ...tables,
      PriceSnapshot: { ...tables.PriceSnapshot, ...few },
      PortfolioSnapshot: { ...tables.PortfolioSnapshot, ...few },
      PositionSnapshot: { ...tables.PositionSnapshot, ahead: 1, from: dayBefore(2) },
    },
    archive: testArchive,
    jobs: { ...jobs, own: { alerts: { ...jobs.own.alerts, every: '1s' }, deliveries: jobs.own.deliveries } },
  }
  return resolveConfig(given, { root: folder, name: 'pgstrata.config.ts' })
}

/** Deployed and empty. */
export function usePageService(): () => Service {
  let cluster: EmbeddedCluster | undefined
  let service: Service | undefined
  beforeAll(async () => {
    cluster = await startCluster({ inMemory: true, settings: { max_slot_wal_keep_size: '256MB' } })
    const resolved = pageConfig(cluster.primary.url())
    const strata = openWedefi(resolved)
    await strata.migrate.up({ lint: false })
    await strata.apply()
    await strata.close()
    // What is refused on purpose is seen by the test.
    service = await openService({ config: resolved, port: 0, demoToken: operator, log: () => undefined })
    const { changes } = service.strata
    await waitUntil(() => changes.here.handled !== undefined, { what: 'the feed consumes' })
  })
  afterAll(async () => {
    await service?.close()
    await cluster?.stop()
    await removeTestArchive()
  })
  return () => {
    if (service === undefined) throw new Error('The service is there only inside tests and hooks')
    return service
  }
}

export const wallets = 30
const tokens = 14
/** Has the most, and a history. */
export const richest = 'w-0'
export const emptyWallet = `w-${wallets - 1}`

export async function fillPage({ strata }: Pick<Service, 'strata'>): Promise<void> {
  await putWallets(strata, wallets)
  await putTokens(strata, tokens)
  await fillPrices(strata)
  await fillBalances(strata)
  await fillSnapshots(strata)
  await strata.query(sql`
    insert into "GovernanceLock" ("walletId", protocol, "tokenId", amount, "votingPower", "lockedAt", "unlocksAt")
    select ${richest}, protocol, token, 1500.25, votes, now() - make_interval(days => locked), now() + make_interval(days => ahead)
    from (
      values ('Curve', 't-1', 1125.2, 200, 530), ('Balancer', 't-2', 380.5, 90, 275), ('Aerodrome', 't-3', 12.5, 700, -2)
    ) as lock (protocol, token, votes, locked, ahead)`)
  // Bulk: as autovacuum would before long.
  await strata.query(sql`analyze "PriceSnapshot", "TokenBalance", "Wallet"`)
}

/** One an hour. Every third token goes against the others. */
async function fillPrices(on: Queryable): Promise<void> {
  await on.query(sql`
    insert into "PriceSnapshot" ("tokenId", "priceUsd", "recordedAt")
    select 't-' || n,
      (2500 / power(3, n)) * exp(case when n % 3 = 2 then -1 else 1 end * 0.12 * sin(hour / 31.0) + 0.02 * sin(hour * (n + 2) / 7.0)),
      now() - make_interval(hours => hour::int, mins => 1)
    from generate_series(0, ${tokens}::int - 1) as n
    cross join generate_series(0, 960) as hour`)
}

/** The last wallet has nothing. */
async function fillBalances(on: Queryable): Promise<void> {
  await on.query(sql`
    insert into "TokenBalance" ("walletId", "tokenId", quantity, "usdValue")
    select 'w-' || w,
      't-' || t,
      round((60000 / (w + 1) / (t + 1)) / newest.price, 18),
      round((60000 / (w + 1) / (t + 1))::numeric, 8)
    from generate_series(0, ${wallets}::int - 2) as w
    cross join generate_series(0, ${tokens}::int - 3) as t
    join (
      select distinct on ("tokenId") "tokenId", "priceUsd" as price
      from "PriceSnapshot"
      order by "tokenId", "recordedAt" desc
    ) as newest on newest."tokenId" = 't-' || t
    where w = 0
      or (w + t) % 3 = 0`)
}

async function fillSnapshots(on: Queryable): Promise<void> {
  await on.query(sql`
    insert into "PortfolioSnapshot" ("walletId", "capturedAt", "totalUsd")
    select ${richest}, now() - make_interval(hours => hour::int), 180000 + 20000 * sin(hour / 40.0) - hour * 25
    from generate_series(0, 960) as hour`)
}

export async function write(
  on: { readonly url: string },
  path: string,
  given: { readonly method?: 'POST' | 'PUT'; readonly body: object },
): Promise<Answer> {
  return await ask(on, path, { ...given, headers: { authorization: `Bearer ${operator}` } })
}

/** As an operator would tell of it. */
export async function setPrice(on: { readonly url: string }, tokenId: string, priceUsd: string): Promise<void> {
  const { status } = await write(on, '/prices', { body: { prices: [{ tokenId, priceUsd }] } })
  if (status !== 201) throw new Error(`Expected the price to be stored, got ${status}`)
}
