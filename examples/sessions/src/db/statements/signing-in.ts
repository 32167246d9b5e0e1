// Statements by which wallets sign in and out. All times are the database's.

import type { Statement } from './statement.ts'

/** For wallet $1; $2 is random. In front of it stands the second it is made in: the message to sign follows from the nonce alone. */
export const issueNonce: Statement = {
  name: 'issue_nonce',
  text: `
    insert into nonces (nonce, address, expires_at)
    values (
      lpad(to_hex(floor(extract(epoch from now()))::bigint), 8, '0') || $2::text,
      $1,
      date_trunc('second', now()) + interval '5 minutes'
    )
    returning nonce, expires_at`,
}

/**
 * Nonce $1 of wallet $2 is used, and its wallet known from then on, or neither: it is one statement, and of several at once the others wait for
 * its row and find it used.
 */
export const useNonce: Statement = {
  name: 'use_nonce',
  text: `
    with used as (
      update nonces
      set used_at = clock_timestamp()
      where nonce = $1
        and address = $2
        and purpose = 'login'
        and used_at is null
        and expires_at > clock_timestamp()
      returning address
    )
    insert into users (address)
    select address
    from used
    on conflict (address) do update set last_seen_at = now()
    returning address, display_name, status, token_epoch`,
}

/** What became of nonce $1 of wallet $2. */
export const nonceState: Statement = {
  name: 'nonce_state',
  text: `
    select used_at is not null as is_used, expires_at <= clock_timestamp() as is_expired
    from nonces
    where nonce = $1
      and address = $2
      and purpose = 'login'`,
}

export const walletByAddress: Statement = {
  name: 'wallet_by_address',
  text: `
    select address, display_name, status, token_epoch
    from users
    where address = $1`,
}

/** Tokens of wallet $1 that were given out in epoch $2, or before, are over. */
export const endTokens: Statement = {
  name: 'end_tokens',
  text: `
    update users
    set token_epoch = token_epoch + 1
    where address = $1
      and token_epoch = $2`,
}
