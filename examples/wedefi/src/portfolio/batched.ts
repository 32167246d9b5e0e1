// The portfolios of any number of wallets by one statement: what belongs to a token or a wallet goes over the wire once, and not with each
// balance. One row of JSON, for 4,000 rows that repeat their token and their wallet take longer to send and to read. Ids are joined: as a
// condition `= any (…)`, the planner would estimate each id against the statistics of each partition.

import { sql, type SQL } from 'drizzle-orm'
import type { Queryable } from 'pgstrata'
import { ask } from '../ask.ts'
import type { Holding, PortfolioToken, PortfolioWallet } from './portfolio.ts'

/** A balance with its token and its wallet, as `include` of the original design gives it. */
interface WalletHolding extends Holding {
  readonly wallet: PortfolioWallet
}

/** By wallet, the greatest first. A wallet without balances, or none at all, is not among them. */
export type WalletBalances = Record<string, WalletHolding[]>

type TokenCells = readonly [id: string, symbol: string, name: string, decimals: number]
type WalletCells = readonly [id: string, address: string, label: string | null, chainId: number]
type BalanceCells = readonly [walletId: string, tokenId: string, quantity: string, usdValue: string, updatedAt: string]

interface BatchRow {
  readonly wallets: readonly WalletCells[] | null
  readonly tokens: readonly TokenCells[] | null
  readonly balances: readonly BalanceCells[] | null
}

export async function readBatch(on: Queryable, walletIds: readonly string[]): Promise<WalletBalances> {
  const [row] = await ask<BatchRow>(on, batchStatement(walletIds))
  const wallets = new Map((row?.wallets ?? []).map((cells) => [cells[0], walletOf(cells)]))
  const tokens = new Map((row?.tokens ?? []).map((cells) => [cells[0], tokenOf(cells)]))
  // Without a prototype: an id may be any word.
  const found = Object.create(null) as WalletBalances
  for (const [walletId, tokenId, quantity, usdValue, updatedAt] of row?.balances ?? []) {
    const wallet = wallets.get(walletId)
    const token = tokens.get(tokenId)
    if (wallet === undefined || token === undefined)
      throw new Error('A batch of portfolios names what it does not have')
    const holding = { walletId, tokenId, quantity, usdValue, updatedAt: new Date(updatedAt), token, wallet }
    const standing = found[walletId]
    if (standing === undefined) found[walletId] = [holding]
    else standing.push(holding)
  }
  return found
}

function batchStatement(walletIds: readonly string[]): SQL {
  return sql`
    with balance as materialized (
      select balance."walletId", balance."tokenId", balance.quantity, balance."usdValue", balance."updatedAt"
      from (select distinct id from unnest(${sql.param([...walletIds])}::text[]) as id) as asked
      join "TokenBalance" as balance on balance."walletId" = asked.id
    )
    select
      (
        select json_agg(json_build_array(id, address, label, "chainId"))
        from "Wallet"
        where id = any (array(select distinct "walletId" from balance))
      ) as wallets,
      (
        select json_agg(json_build_array(id, symbol, name, decimals))
        from "Token"
        where id = any (array(select distinct "tokenId" from balance))
      ) as tokens,
      (
        select json_agg(
          json_build_array("walletId", "tokenId", quantity::text, "usdValue"::text, "updatedAt")
          order by "usdValue" desc, "walletId", "tokenId"
        )
        from balance
      ) as balances`
}

function walletOf([id, address, label, chainId]: WalletCells): PortfolioWallet {
  return { id, address, label, chainId }
}

function tokenOf([id, symbol, name, decimals]: TokenCells): PortfolioToken {
  return { id, symbol, name, decimals }
}
