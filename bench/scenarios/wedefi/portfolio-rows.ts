// Wallets with balances, as many as are asked for: each has between half and one and a half times the mean, values are spread over seven powers of
// ten, one in twelve balances is worth nothing. Made by the server itself, the same each time.

import { sql } from 'pgstrata'
import type { WedefiStrata } from '../../../examples/wedefi/src/strata.ts'

export interface PortfolioCounts {
  readonly wallets: number
  /** Of a wallet, in the mean. */
  readonly balances: number
  readonly tokens: number
}

export async function fillPortfolios(
  strata: WedefiStrata,
  { wallets, balances, tokens }: PortfolioCounts,
): Promise<{ readonly wallets: number; readonly balances: number }> {
  await strata.query(sql`
    insert into "Token" (id, symbol, name, decimals, "chainId", address)
    select md5('token ' || n), 'T' || n, 'Token number ' || n, 18, 1, '0x' || lpad(to_hex(n), 40, '0')
    from generate_series(1, ${tokens}::int) as n`)
  await strata.query(sql`
    insert into "Wallet" (id, address, label, "chainId", "createdAt")
    select md5('wallet ' || n),
      '0x' || lpad(to_hex(n), 40, '0'),
      case when n % 3 = 0 then 'wallet ' || n end,
      1,
      timestamptz '2025-01-01 00:00:00Z' + make_interval(secs => n * 97)
    from generate_series(0, ${wallets}::int - 1) as n`)
  // In parts: one statement notes all that it changed at its end.
  const parts = Math.ceil(wallets / 10_000)
  for (let part = 0; part < parts; part++) {
    await strata.query(sql`
      insert into "TokenBalance" ("walletId", "tokenId", quantity, "usdValue", "updatedAt")
      select md5('wallet ' || n),
        md5('token ' || (1 + (n * 13 + k * 29) % ${tokens}::int)),
        1 + (n + k) % 1000,
        case
          when (n * 7 + k) % 12 = 0 then 0
          else round((10 ^ (7 * ((n * 7919 + k * 104729) % 10007) / 10007.0 - 2 + (n % 100) / 50.0))::numeric, 8)
        end,
        now()
      from generate_series(${part}::int * 10000, least((${part}::int + 1) * 10000, ${wallets}::int) - 1) as n
      cross join lateral generate_series(1, ${balances}::int / 2 + n % ${balances}::int) as k
      on conflict do nothing`)
  }
  await strata.rollup.merge()
  for (const table of ['Token', 'Wallet', 'TokenBalance', 'wallet_holdings_merged', 'wallets_by_value_merged'])
    await strata.pool.query(`vacuum (analyze) "${table}"`)
  const { rows } = await strata.query<{ wallets: number; balances: number }>(sql`
    select (select count(*) from "Wallet")::int as wallets, (select count(*) from "TokenBalance")::int as balances`)
  const [counted] = rows
  if (counted === undefined) throw new Error('Expected counts of what was made')
  return counted
}
