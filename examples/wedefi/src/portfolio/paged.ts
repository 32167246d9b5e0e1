// A page of portfolios by one statement: the wallets, what each is worth, its largest holdings, and how many wallets there are in all.
//
// Pages are found in an index alone: of wallets in the order in which they came, with the largest balance of each beside. Totals come from
// counts by band of value, and rows of one band. What a wallet is worth, and how many balances it has, is in the rollup `wallet_holdings`, exact to
// the last commit; its condition is an array, for by a join all wallets would be added up. Holdings are read for wallets of the page only.

import { sql, type SQL } from 'drizzle-orm'
import type { Queryable } from 'pgstrata'
import { ask } from '../ask.ts'
import { bandAbove } from './bands.ts'
import type { Holding, PortfolioSummary, PortfolioToken } from './portfolio.ts'

/** Holdings of each wallet: the largest. */
const mostHoldings = 20

export interface PagedPortfolio extends PortfolioSummary {
  /** Of all its balances. */
  readonly totalUsd: string
  /** How many of them are worth something. */
  readonly holdings: number
  readonly _count: { readonly balances: number }
}

/** Where the next page begins: behind this wallet. Its time as text, for a Date has no microseconds. */
export interface PageKey {
  readonly createdAt: string
  readonly id: string
}

export interface PageFilters {
  /** Wallets that have a balance of this value or more. */
  readonly minValue?: string | undefined
  readonly walletId?: string | undefined
}

export interface PageQuestion extends PageFilters {
  readonly limit: number
  readonly offset?: number
  readonly after?: PageKey | undefined
}

export interface Page {
  readonly data: readonly PagedPortfolio[]
  readonly total: number
  /** undefined: this is the last one. */
  readonly next: PageKey | undefined
}

type TokenCells = readonly [symbol: string, name: string, decimals: number]
type HoldingCells = readonly [tokenId: string, quantity: string, usdValue: string, updatedAt: string]
type WalletCells = readonly [
  id: string,
  address: string,
  label: string | null,
  chainId: number,
  createdAt: string,
  totalUsd: string,
  holdings: number,
  balances: number,
  largest: readonly HoldingCells[] | null,
]

interface PageRow {
  readonly total: string
  readonly has_more: boolean
  readonly wallets: readonly WalletCells[] | null
  readonly tokens: Readonly<Record<string, TokenCells>> | null
}

export async function readPage(on: Queryable, question: PageQuestion): Promise<Page> {
  const [row] = await ask<PageRow>(on, pageStatement(question))
  if (row === undefined) throw new Error('Expected one row of a page of portfolios, and got none')
  const tokens = new Map<string, PortfolioToken>()
  for (const [id, [symbol, name, decimals]] of Object.entries(row.tokens ?? {}))
    tokens.set(id, { id, symbol, name, decimals })
  const wallets = row.wallets ?? []
  const last = row.has_more ? wallets.at(-1) : undefined
  return {
    data: wallets.map((cells) => portfolioOf(cells, tokens)),
    total: Number(row.total),
    next: last === undefined ? undefined : { id: last[0], createdAt: last[4] },
  }
}

function portfolioOf(cells: WalletCells, tokens: ReadonlyMap<string, PortfolioToken>): PagedPortfolio {
  const [id, address, label, chainId, createdAt, totalUsd, holdings, balances, largest] = cells
  const holdingOf = ([tokenId, quantity, usdValue, updatedAt]: HoldingCells): Holding => {
    const token = tokens.get(tokenId)
    if (token === undefined) throw new Error('A page of portfolios names a token that it does not have')
    return { walletId: id, tokenId, quantity, usdValue, updatedAt: new Date(updatedAt), token }
  }
  return {
    id,
    address,
    label,
    chainId,
    createdAt: new Date(createdAt),
    balances: (largest ?? []).map(holdingOf),
    totalUsd,
    holdings,
    _count: { balances },
  }
}

/** For tests, too: its plan has to stay what the header says. */
export function pageStatement(question: PageQuestion): SQL {
  return sql`
    with ${placesOf(question)},
    ${partsOf(question)}
    select
      ${totalOf(question)}::text as total,
      (select count(*) > ${question.limit} from found) as has_more,
      (
        select json_agg(
          json_build_array(
            page.id, address, label, "chainId",
            to_char("createdAt" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            coalesce("totalUsd", 0)::numeric(38, 8)::text, coalesce(holdings, 0), coalesce(balances, 0), held.cells
          )
          order by "createdAt", page.id
        )
        from page
        left join worth on worth."walletId" = page.id
        left join held on held."walletId" = page.id
      ) as wallets,
      (
        select json_object_agg(id, json_build_array(symbol, name, decimals))
        from "Token"
        where id = any (array(select distinct "tokenId" from largest))
      ) as tokens`
}

/** `found`: the wallets of the page, and the one behind it. */
function placesOf(question: PageQuestion): SQL {
  const { limit, offset = 0, after } = question
  const conditions = [
    ...conditionsOf(question),
    ...(after === undefined ? [] : [sql`("createdAt", id) > (${after.createdAt}::timestamptz, ${after.id})`]),
  ]
  return sql`
    found as materialized (
      select id, row_number() over (order by "createdAt", id) as place
      from (
        select id, "createdAt"
        from "Wallet"
        ${whereAll(conditions)}
        order by "createdAt", id
        limit ${limit + 1}
        offset ${offset}
      ) as one_more
    )`
}

/** What there is of each: itself, what it is worth, its largest holdings. */
function partsOf({ limit }: PageQuestion): SQL {
  return sql`
    page as materialized (
      select id, address, label, "chainId", "createdAt"
      from "Wallet"
      where id = any (array(select id from found where place <= ${limit}))
    ),
    worth as materialized (
      select "walletId", "totalUsd", holdings, balances
      from wallet_holdings
      where "walletId" = any (array(select id from found where place <= ${limit}))
    ),
    largest as materialized (
      select page.id as "walletId", top.*
      from page
      cross join lateral (
        select "tokenId", quantity, "usdValue", "updatedAt"
        from "TokenBalance"
        where "walletId" = page.id
          and "usdValue" > 0
        order by "usdValue" desc, "tokenId"
        limit ${mostHoldings}
      ) as top
    ),
    held as (
      select "walletId",
        json_agg(
          json_build_array("tokenId", quantity::text, "usdValue"::text, "updatedAt") order by "usdValue" desc, "tokenId"
        ) as cells
      from largest
      group by "walletId"
    )`
}

function conditionsOf({ minValue, walletId }: PageFilters): readonly SQL[] {
  return [
    ...(walletId === undefined ? [] : [sql`id = ${walletId}`]),
    ...(minValue === undefined ? [] : [sql`"topUsd" >= ${minValue}::numeric`]),
  ]
}

function whereAll(conditions: readonly SQL[]): SQL {
  return conditions.length === 0 ? sql.empty() : sql`where ${sql.join([...conditions], sql` and `)}`
}

/** How many wallets there are under these filters. */
function totalOf(filters: PageFilters): SQL {
  const { minValue, walletId } = filters
  if (walletId !== undefined) return sql`(select count(*) from "Wallet" ${whereAll(conditionsOf(filters))})`
  if (minValue === undefined) return sql`(select coalesce(sum(wallets), 0) from wallets_by_value)`
  const { above, below } = bandAbove(minValue)
  const upTo = below === undefined ? sql.empty() : sql`and "topUsd" < ${below}::numeric`
  return sql`(
    (select coalesce(sum(wallets), 0) from wallets_by_value where "topBand" >= ${above})
    + (select count(*) from "Wallet" where "topUsd" >= ${minValue}::numeric ${upTo})
  )`
}
