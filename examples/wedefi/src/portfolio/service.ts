// Portfolios of many wallets, each call one statement on a read replica: all balances of a batch of wallets, or a page of wallets with
// what each is worth and its largest holdings.

import type { Queryable, Strata } from 'pgstrata'
import { badInput } from 'pgstrata-example-kit'
import type { QueryClass } from '../routing.ts'
import { isAmount } from './amounts.ts'
import { readBatch, type WalletBalances } from './batched.ts'
import { readPage, type Page, type PagedPortfolio, type PageFilters, type PageKey } from './paged.ts'

export interface PortfolioFilters {
  /** In US dollars. Wallets with a balance of that value or more; 0 and undefined: all wallets. */
  readonly minValue?: number | string | undefined
  readonly walletId?: string | undefined
}

export interface PagedPortfolios {
  readonly data: readonly PagedPortfolio[]
  readonly pagination: {
    readonly page: number
    readonly limit: number
    readonly total: number
    readonly pages: number
  }
  /** For `getPortfolioDataAfter`, which reads on from here; undefined: this is the last page. */
  readonly next: PageKey | undefined
}

export interface PortfoliosAfter extends Omit<PagedPortfolios, 'pagination'> {
  readonly pagination: Omit<PagedPortfolios['pagination'], 'page'>
}

const mostWallets = 10_000
const mostPerPage = 200
const mostPages = 10_000_000

const readRoute: QueryClass = 'portfolio_queries'

export class OptimizedPortfolioService {
  readonly #on: Queryable

  constructor({ strata }: { readonly strata: Pick<Strata, 'query'> }) {
    // Planned for the values that are asked for: which index serves a page depends on how many wallets there are above a value.
    this.#on = { query: async (statement) => await strata.query(statement, { route: readRoute, prepare: false }) }
  }

  /** By wallet; of those that have balances. */
  async getBatchedPortfolioData(walletIds: readonly string[]): Promise<WalletBalances> {
    if (walletIds.length > mostWallets) throw badInput({ where: 'walletIds', expected: `at most ${mostWallets} ids` })
    return await readBatch(this.#on, walletIds)
  }

  /** In the order in which wallets came. A page behind the last one is empty. */
  async getPagedPortfolioData(page = 1, limit = 50, filters: PortfolioFilters = {}): Promise<PagedPortfolios> {
    checkWhole('page', page, mostPages)
    checkWhole('limit', limit, mostPerPage)
    const found = await readPage(this.#on, { ...filtersOf(filters), limit, offset: (page - 1) * limit })
    return { data: found.data, pagination: { page, ...paginationOf(found, limit) }, next: found.next }
  }

  /** The same page by page, each found by the last wallet of the one before: as quick at the end as at the beginning. */
  async getPortfolioDataAfter(
    after: PageKey | undefined,
    limit = 50,
    filters: PortfolioFilters = {},
  ): Promise<PortfoliosAfter> {
    checkWhole('limit', limit, mostPerPage)
    const found = await readPage(this.#on, { ...filtersOf(filters), limit, after })
    return { data: found.data, pagination: paginationOf(found, limit), next: found.next }
  }
}

function paginationOf({ total }: Page, limit: number): PortfoliosAfter['pagination'] {
  return { limit, total, pages: Math.ceil(total / limit) }
}

function checkWhole(where: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return
  throw badInput({ where, expected: `a whole number from 1 to ${most}` })
}

function filtersOf({ minValue, walletId }: PortfolioFilters): PageFilters {
  if (walletId?.includes('\0') === true) throw badInput({ where: 'walletId', expected: 'an id, as text' })
  const least = minValue === undefined ? undefined : leastOf(minValue)
  return least === undefined ? { walletId } : { walletId, minValue: least }
}

const amountLimits = { whole: 16, fraction: 18 } as const
const mostValue = 10 ** amountLimits.whole

/** undefined: every wallet has as much. */
function leastOf(minValue: number | string): string | undefined {
  const isGood = typeof minValue === 'number' ? minValue >= 0 && minValue < mostValue : isAmount(minValue, amountLimits)
  if (isGood) return /[1-9]/.test(String(minValue)) ? String(minValue) : undefined
  const { whole, fraction } = amountLimits
  throw badInput({
    where: 'minValue',
    expected: `a decimal number, zero or more, with up to ${whole} digits before the point and ${fraction} behind it`,
  })
}
