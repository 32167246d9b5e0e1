// Statements about blocks.

import type { Statement } from './statement.ts'

/** Whether one of two wallets has blocked the other: a row for each block, two at most. */
export const blocksBetween: Statement = {
  name: 'blocks_between',
  text: `
    select blocker, blocked
    from blocks
    where least(blocker, blocked) = least($1::text, $2::text)
      and greatest(blocker, blocked) = greatest($1::text, $2::text)`,
}

/** Who has blocked $1, by address: for moderators; $2 how many. */
export const blockersOf: Statement = {
  name: 'blockers_of',
  text: `
    select blocker
    from blocks
    where blocked = $1
    order by blocker
    limit $2`,
}

/** Whom $1 has blocked; $2, $3 the time and the address of the row before; $4 how many. */
export const blocksBy: Statement = {
  name: 'blocks_by',
  text: `
    select blocked, created_at, reason
    from blocks
    where blocker = $1
      and (created_at, blocked) < ($2, $3)
    order by created_at desc, blocked desc
    limit $4`,
}

/** How often $1 was blocked since $2, and when last: for moderators. */
export const blocksAgainst: Statement = {
  name: 'blocks_against',
  text: `
    select count(*) as blocks, max(created_at) as last_at
    from blocks
    where blocked = $1
      and created_at >= $2`,
}

/** By the day, since $1. */
export const blocksByDay: Statement = {
  name: 'blocks_by_day',
  text: `
    select date_bin('1 day', created_at, '2000-01-01Z') as day, count(*) as blocks
    from blocks
    where created_at >= $1
    group by day
    order by day`,
}

/** The newest for one reason: $1 the reason, $2 how many; $3 who asks, who is not told of those against the own wallet. */
export const blocksForReason: Statement = {
  name: 'blocks_for_reason',
  text: `
    select blocker, blocked, created_at
    from blocks
    where reason = $1
      and blocked <> $3
    order by created_at desc
    limit $2`,
}
