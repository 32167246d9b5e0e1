// What every portfolio and every position in it is worth, every five minutes: all wallets in one statement, and so in one snapshot of the
// database, in which a portfolio is the sum of its positions.
//
// Promises: a slot is written once, whoever comes again for it; where the oldest wallet has its snapshot of a slot, that slot is done. A wallet
// without balances has snapshots of nothing, so that a chart of it has no gaps.

import type { Queryable } from 'pgstrata'

const slotMinutes = 5

/** `tick`: an expression of the moment that it is for. */
function snapshotText(tick: string): string {
  return `
    with at as (
      select date_bin('${slotMinutes} minutes', ${tick}, timestamptz '2000-01-01 00:00:00Z') as slot
    ),
    due as (
      select slot
      from at
      where not exists (
        select
        from "PortfolioSnapshot"
        where "walletId" = (select id from "Wallet" order by "createdAt", id limit 1)
          and "capturedAt" = at.slot
      )
    ),
    positions as (
      insert into "PositionSnapshot" ("walletId", "tokenId", "capturedAt", quantity, "usdValue")
      select balance."walletId", balance."tokenId", due.slot, balance.quantity, balance."usdValue"
      from "TokenBalance" as balance
      cross join due
      where balance.quantity > 0
        or balance."usdValue" > 0
      on conflict do nothing
    )
    insert into "PortfolioSnapshot" ("walletId", "capturedAt", "totalUsd")
    select wallet.id, due.slot, coalesce(worth."totalUsd", 0)
    from "Wallet" as wallet
    cross join due
    left join wallet_holdings as worth on worth."walletId" = wallet.id
    on conflict do nothing`
}

/** Carried out once a tick, whatever becomes of the process that runs it. */
export const snapshotJob = {
  every: `${slotMinutes} min`,
  sql: snapshotText(`current_setting('pgstrata.tick')::timestamptz`),
} as const

/** Of the slot that `at` is in. Returns how many portfolios were written: none where that was done. */
export async function takeSnapshots(on: Queryable, at: Date): Promise<number> {
  const { rowCount } = await on.query({ text: snapshotText('$1::timestamptz'), values: [at.toISOString()] })
  return rowCount ?? 0
}
