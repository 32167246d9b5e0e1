// Statements by which wallets block each other.

import { sessionColumns } from './sessions.ts'
import type { Statement } from './statement.ts'

/** By $1, of $2; $3 the reason: a block that is there keeps its own where none is given. */
export const addBlock: Statement = {
  name: 'add_block',
  text: `
    insert into blocks (blocker, blocked, reason)
    values ($1, $2, $3)
    on conflict (blocker, blocked) do update set reason = coalesce(excluded.reason, blocks.reason)
    returning blocked, created_at, reason`,
}

export const removeBlock: Statement = {
  name: 'remove_block',
  text: `
    delete from blocks
    where blocker = $1
      and blocked = $2
    returning blocked`,
}

export const blockOf: Statement = {
  name: 'block_of',
  text: `
    select blocked, created_at, reason
    from blocks
    where blocker = $1
      and blocked = $2`,
}

/** What two wallets have to do with each other now. */
export const openBetween: Statement = {
  name: 'open_between',
  text: `
    select ${sessionColumns}
    from sessions
    where least(a_addr, b_addr) = least($1::text, $2::text)
      and greatest(a_addr, b_addr) = greatest($1::text, $2::text)
      and b_addr is not null
      and status in ('invited', 'active')
    order by session_id
    for no key update`,
}
