// How a portfolio is divided among its tokens.

import { sql } from 'drizzle-orm'
import type { Queryable } from 'pgstrata'
import { ask } from '../ask.ts'

interface Share {
  readonly tokenId: string
  readonly symbol: string
  readonly name: string
  readonly usdValue: string
  /** Of 1, with eight digits. */
  readonly share: string
}

export interface Allocation {
  readonly walletId: string
  readonly totalUsd: string
  readonly allocation: readonly Share[]
}

type ShareRow = Omit<Allocation, 'allocation'> & { readonly [Name in keyof Share]: Share[Name] | null }

/** undefined: there is no such wallet. */
export async function readAllocation(on: Queryable, walletId: string): Promise<Allocation | undefined> {
  const rows = await ask<ShareRow>(
    on,
    sql`
      select wallet.id as "walletId",
        (coalesce(sum(balance."usdValue") over (), 0))::numeric(38, 8)::text as "totalUsd",
        balance."tokenId",
        token.symbol,
        token.name,
        balance."usdValue"::text as "usdValue",
        round(balance."usdValue" / sum(balance."usdValue") over (), 8)::text as share
      from "Wallet" as wallet
      left join "TokenBalance" as balance on balance."walletId" = wallet.id and balance."usdValue" > 0
      left join "Token" as token on token.id = balance."tokenId"
      where wallet.id = ${walletId}
      order by balance."usdValue" desc, balance."tokenId"`,
  )
  const [first] = rows
  if (first === undefined) return undefined
  const allocation = rows.flatMap(({ tokenId, symbol, name, usdValue, share }) =>
    tokenId === null || symbol === null || name === null || usdValue === null || share === null
      ? []
      : [{ tokenId, symbol, name, usdValue, share }],
  )
  return { walletId, totalUsd: first.totalUsd, allocation }
}
