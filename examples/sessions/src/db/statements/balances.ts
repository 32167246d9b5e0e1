// Statements about balances.

import type { Statement } from './statement.ts'

/** By the key: of wallet $1, of tokens $2. */
export const balancesOf: Statement = {
  name: 'balances_of',
  text: `
    select token, amount, updated_at
    from balances
    where address = $1
      and token = any ($2::text[])
    order by token`,
}

/** Of $1, those that are known. */
export const knownWallets: Statement = {
  name: 'known_wallets',
  text: `
    select address
    from users
    where address = any ($1::text[])`,
}

/**
 * Each row once: $1 wallets, $2 tokens, $3 amounts, $4 when they were read. What is there already and is as new stays. Rows are locked
 * in the order of their keys.
 */
export const upsertBalances: Statement = {
  name: 'upsert_balances',
  text: `
    insert into balances as kept (address, token, amount, updated_at)
    select given.address, given.token, given.amount, given.updated_at
    from unnest($1::text[], $2::text[], $3::numeric[], $4::timestamptz[]) as given (address, token, amount, updated_at)
    join users on users.address = given.address
    order by given.address, given.token
    on conflict (address, token) do update
    set amount = excluded.amount,
      updated_at = excluded.updated_at
    where kept.updated_at < excluded.updated_at`,
}
