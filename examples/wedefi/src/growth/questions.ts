// What the app asks again and again, as it asks it and without its cache: how long each takes on a database that has grown.
//
// Each is asked for one token or wallet after the other; the time of a question is the median over them. What they answer is kept, so that two
// databases can be held against each other.

import type { Queryable, Strata } from 'pgstrata'
import { openDatabase } from '../database.ts'
import { DatabaseManager } from '../database-manager.ts'
import { dayMs } from '../generator/market.ts'
import { readPnl } from '../portfolio/pnl.ts'
import { readHistory } from '../prices/history.ts'
import { riskOfPortfolios } from '../risk/risk.ts'
import type { WedefiStrata } from '../strata.ts'

export const questionNames = ['price', 'history', 'summary', 'pnl', 'risk'] as const
export type QuestionName = (typeof questionNames)[number]

export const questionTitles: Readonly<Record<QuestionName, string>> = {
  price: 'latest price',
  history: '30 days of prices',
  summary: 'portfolio',
  pnl: 'PnL of 30 days',
  risk: 'risk of 30 days',
}

export interface Asked {
  readonly medianMs: number
  /** One for each token or wallet, in their order. */
  readonly answers: readonly unknown[]
}

export interface AskOptions {
  readonly tokenIds: readonly string[]
  readonly walletIds: readonly string[]
  /** The end of the thirty days. */
  readonly now: Date
  /** So often each is asked for each of them; the first time is not counted. Default: 3. */
  readonly times?: number
}

type Ask = (index: number) => Promise<unknown>

export async function askAll(
  strata: WedefiStrata,
  options: AskOptions,
): Promise<Readonly<Record<QuestionName, Asked>>> {
  const { times = 3, tokenIds, walletIds } = options
  const asks = questionsOf(strata, options)
  const asked: Partial<Record<QuestionName, Asked>> = {}
  for (const name of questionNames) {
    const count = name === 'price' || name === 'history' ? tokenIds.length : walletIds.length
    asked[name] = await askOne(asks[name], { count, times })
  }
  return asked as Record<QuestionName, Asked>
}

function questionsOf(
  strata: WedefiStrata,
  { tokenIds, walletIds, now }: AskOptions,
): Readonly<Record<QuestionName, Ask>> {
  const manager = new DatabaseManager({ pool: strata.pool, db: openDatabase(strata) })
  const to = new Date(Math.floor(now.getTime() / 3_600_000) * 3_600_000)
  const from = new Date(to.getTime() - 30 * dayMs)
  const token = (index: number): string => tokenIds[index] ?? ''
  const wallet = (index: number): string => walletIds[index] ?? ''
  return {
    price: async (index) => await manager.getLatestPrice(token(index)),
    history: async (index) => await readHistory(strata, { tokenId: token(index), from, to, grain: 'hour' }),
    summary: async (index) => await manager.getPortfolioSummary(wallet(index)),
    pnl: async (index) => await readPnl(strata, { walletId: wallet(index), from, to, grain: 'day' }),
    risk: async (index) => await riskOfPortfolios(analytics(strata), [wallet(index)], { timeframe: '30d', asOf: now }),
  }
}

function analytics(strata: Pick<Strata, 'query'>): Queryable {
  return { query: async (statement) => await strata.query(statement, { route: 'risk_analytics' }) }
}

async function askOne(ask: Ask, { count, times }: { readonly count: number; readonly times: number }): Promise<Asked> {
  const samples: number[] = []
  const answers: unknown[] = []
  for (let index = 0; index < count; index++) answers.push(await ask(index))
  for (let time = 1; time < times; time++) {
    for (let index = 0; index < count; index++) {
      const beganMs = performance.now()
      await ask(index)
      samples.push(performance.now() - beganMs)
    }
  }
  return { medianMs: medianOf(samples), answers }
}

function medianOf(samples: readonly number[]): number {
  const sorted = samples.toSorted((one, other) => one - other)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
