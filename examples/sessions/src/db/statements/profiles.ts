// Statements by which wallets change what others see of them, and find each other.

import type { Statement } from './statement.ts'
import { userColumns } from './users.ts'

/** Of $1: the name becomes $3 where $2 says so, the text $5 where $4 does. Either may become null. */
export const changeProfile: Statement = {
  name: 'change_profile',
  text: `
    update users
    set display_name = case when $2::boolean then $3 else display_name end,
      bio = case when $4::boolean then $5 else bio end
    where address = $1
    returning ${userColumns}`,
}

/** From address $1 up to $2; $3 who asks, $4 how many. */
export const usersByAddress: Statement = {
  name: 'users_by_address',
  text: `
    select ${userColumns}
    from users as u
    where u.address >= $1
      and u.address < $2
      and u.status = 'active'
      and not exists (
        select
        from blocks as b
        where least(b.blocker, b.blocked) = least(u.address, $3)
          and greatest(b.blocker, b.blocked) = greatest(u.address, $3)
      )
    order by u.address
    limit $4`,
}
