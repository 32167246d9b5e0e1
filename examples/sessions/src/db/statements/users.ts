// Statements about users.

import type { Statement } from './statement.ts'

export const userColumns = 'address, display_name, bio, created_at, last_seen_at, status'

export const userByAddress: Statement = {
  name: 'user_by_address',
  text: `
    select ${userColumns}
    from users
    where address = $1`,
}

/** $1 how the name begins, in any case; $2 who asks: nobody is found who has blocked him, or whom he has; $3 how many. */
export const usersByName: Statement = {
  name: 'users_by_name',
  text: `
    select ${userColumns}
    from users as u
    where lower(u.display_name) ~>=~ lower($1)
      and lower(u.display_name) ~<~ (lower($1) || chr(1114111))
      and u.status = 'active'
      and not exists (
        select
        from blocks as b
        where least(b.blocker, b.blocked) = least(u.address, $2)
          and greatest(b.blocker, b.blocked) = greatest(u.address, $2)
      )
    order by lower(u.display_name) using ~<~, u.address
    limit $3`,
}

/** Who was here last: $1, $2 the time and the address of the row before; $3 how many. */
export const usersSeenLast: Statement = {
  name: 'users_seen_last',
  text: `
    select ${userColumns}
    from users
    where (last_seen_at, address) < ($1, $2)
    order by last_seen_at desc, address desc
    limit $3`,
}

/** $1, $2 the time and the address of the row before; $3 how many. */
export const newestUsers: Statement = {
  name: 'newest_users',
  text: `
    select ${userColumns}
    from users
    where (created_at, address) < ($1, $2)
    order by created_at desc, address desc
    limit $3`,
}

/** $1 'suspended' or 'banned'; $2 how many. */
export const usersKeptOut: Statement = {
  name: 'users_kept_out',
  text: `
    select ${userColumns}
    from users
    where status = $1
      and status <> 'active'
    order by last_seen_at desc
    limit $2`,
}
