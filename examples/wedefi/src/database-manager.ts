// Reads and writes of the app, each on the route of its class (routing.ts): portfolios and dashboards on replicas, risk on the replica for
// analytics, balances on the primary. Whoever wrote something reads it, for replicas that are behind the session are passed over.
//
// Promises: of several who write one balance at once the newest `updatedAt` is kept, whoever comes last. A balance that is not as it has to
// be is refused before anything is sent. Where no replica can answer, the primary does.

import { and, eq, gte, sql } from 'drizzle-orm'
import type { StrataPool } from 'pgstrata'
import { badInput, notFound } from 'pgstrata-example-kit'
import type { WedefiDatabase } from './database.ts'
import { foreignKeyViolation, stateOf, withServerErrors } from './drizzle-errors.ts'
import { unpackedDays } from './growth/policy.ts'
import { checkBalance, type BalanceData } from './portfolio/balance-data.ts'
import {
  balanceColumns,
  readSummaries,
  tokenColumns,
  type Balance,
  type PortfolioSummary,
  type PortfolioToken,
} from './portfolio/portfolio.ts'
import { timeframeNames, type Timeframe } from './risk/timeframes.ts'
import type { QueryClass } from './routing.ts'
import { assetCorrelations, governanceLocks, tokenBalances, tokens } from './schema.ts'

export interface DatabaseManagerOptions {
  readonly pool: Pick<StrataPool, 'routed'>
  /** Over that pool. */
  readonly db: WedefiDatabase
}

export interface RiskMetric {
  readonly tokenAId: string
  readonly tokenBId: string
  readonly timeframe: Timeframe
  /** null: one of them never moved. */
  readonly correlation: number | null
  readonly samples: number
  readonly computedAt: Date
}

export interface GovernanceLock {
  readonly id: string
  readonly walletId: string
  readonly protocol: string
  readonly amount: string
  readonly votingPower: string
  readonly lockedAt: Date
  readonly unlocksAt: Date
  readonly token: PortfolioToken
}

/** The balance as it stands. */
export interface StoredBalance extends Balance {
  /** false: a newer one was there, and is kept. */
  readonly isStored: boolean
}

/** More at once than that are for pages. */
const mostSummaries = 1_000
const dayMs = 86_400_000

export class DatabaseManager {
  readonly #pool: Pick<StrataPool, 'routed'>
  readonly #db: WedefiDatabase

  constructor({ pool, db }: DatabaseManagerOptions) {
    this.#pool = pool
    this.#db = db
  }

  /** Of one wallet, or of all; none: there is no such wallet. On a read replica. */
  async getPortfolioSummary(walletId?: string): Promise<readonly PortfolioSummary[]> {
    const summaries = await this.#on('portfolio_queries', () =>
      readSummaries(this.#db, { walletId, limit: mostSummaries + 1 }),
    )
    if (summaries.length <= mostSummaries) return summaries
    throw badInput({
      where: 'walletId',
      expected: `one wallet, for there are more than ${mostSummaries}: getPagedPortfolioData reads all, page by page`,
    })
  }

  /** How tokens go together, as computed within the last day. On the analytics replica. */
  async calculateRiskMetrics(timeframe: string): Promise<readonly RiskMetric[]> {
    const known = timeframeNames.find((name) => name === timeframe)
    if (known === undefined) throw badInput({ where: 'timeframe', expected: `one of ${timeframeNames.join(', ')}` })
    return await this.#on('risk_analytics', () =>
      this.#db
        .select()
        .from(assetCorrelations)
        .where(
          and(eq(assetCorrelations.timeframe, known), gte(assetCorrelations.computedAt, new Date(Date.now() - dayMs))),
        )
        .orderBy(assetCorrelations.tokenAId, assetCorrelations.tokenBId),
    )
  }

  /** Makes a balance, or brings it up to date. On the primary. */
  async updateTokenBalance(balanceData: BalanceData): Promise<StoredBalance> {
    const data = checkBalance(balanceData)
    return await this.#on('balance_sync', async () => {
      const [stored] = await this.#upsert(data)
      if (stored !== undefined) return { ...stored, isStored: true }
      const [standing] = await this.#db
        .select(balanceColumns)
        .from(tokenBalances)
        .where(and(eq(tokenBalances.walletId, data.walletId), eq(tokenBalances.tokenId, data.tokenId)))
      // A newer one was in the way, and has gone since.
      if (standing === undefined) throw notFound('balance')
      return { ...standing, isStored: false }
    })
  }

  /** In US dollars; undefined: there never was one. On a read replica. */
  async getLatestPrice(tokenId: string): Promise<string | undefined> {
    // Days keep the close of prices that are packed or archived. Where a token has had none since, an older month may be back in the table.
    const { rows } = await this.#on('user_dashboard', () =>
      this.#db.execute<{ price: string | null }>(sql`
        select coalesce(
          (
            select "priceUsd"
            from "PriceSnapshot"
            where "tokenId" = ${tokenId}
              and "recordedAt" > now() - interval '${sql.raw(String(unpackedDays))} days'
            order by "recordedAt" desc
            limit 1
          ),
          (
            select price
            from (
              (
                select "priceUsd" as price, "recordedAt" as at
                from "PriceSnapshot"
                where "tokenId" = ${tokenId}
                order by "recordedAt" desc
                limit 1
              )
              union all
              (
                select close, bucket
                from price_daily
                where "tokenId" = ${tokenId}
                order by bucket desc
                limit 1
              )
            ) as found
            order by at desc
            limit 1
          )
        ) as price`),
    )
    return rows[0]?.price ?? undefined
  }

  /** In the order in which they end. On a read replica. */
  async getGovernanceLocks(walletId: string): Promise<readonly GovernanceLock[]> {
    const { id, protocol, amount, votingPower, lockedAt, unlocksAt } = governanceLocks
    return await this.#on('user_dashboard', () =>
      this.#db
        .select({
          id,
          walletId: governanceLocks.walletId,
          protocol,
          amount,
          votingPower,
          lockedAt,
          unlocksAt,
          token: tokenColumns,
        })
        .from(governanceLocks)
        .innerJoin(tokens, eq(tokens.id, governanceLocks.tokenId))
        .where(eq(governanceLocks.walletId, walletId))
        .orderBy(unlocksAt, id),
    )
  }

  async #upsert({ walletId, tokenId, quantity, usdValue, updatedAt }: BalanceData): Promise<readonly Balance[]> {
    try {
      return await withServerErrors(() =>
        this.#db
          .insert(tokenBalances)
          .values({ walletId, tokenId, quantity, usdValue, ...(updatedAt === undefined ? {} : { updatedAt }) })
          .onConflictDoUpdate({
            target: [tokenBalances.walletId, tokenBalances.tokenId],
            set: {
              quantity: sql`excluded.quantity`,
              usdValue: sql`excluded."usdValue"`,
              updatedAt: sql`excluded."updatedAt"`,
            },
            setWhere: sql`excluded."updatedAt" >= ${tokenBalances.updatedAt}`,
          })
          .returning(balanceColumns),
      )
    } catch (error) {
      if (stateOf(error) === foreignKeyViolation) throw notFound('wallet or token')
      throw error
    }
  }

  async #on<T>(route: QueryClass, work: () => Promise<T>): Promise<T> {
    // Drizzle's builders send when they are awaited, which has to be within the route.
    return await this.#pool.routed(route, () => withServerErrors(async () => await work()))
  }
}
