// Statements about nonces. They are few minutes old, and many: each login leaves one behind until a job takes it away.

import type { Statement } from './statement.ts'

/** When $1 began to sign in and has not finished, the newest first; $2 how many. */
export const openNoncesOf: Statement = {
  name: 'open_nonces_of',
  text: `
    select created_at, expires_at
    from nonces
    where address = $1
      and used_at is null
      and expires_at > now()
    order by created_at desc
    limit $2`,
}

/** How many logged in since $1. */
export const loginsSince: Statement = {
  name: 'logins_since',
  text: `
    select count(*) as logins
    from nonces
    where used_at >= $1`,
}

/** Those that were to be gone ten minutes ago: none, as long as the job runs that deletes what is past its time. */
export const overdueNonces: Statement = {
  name: 'overdue_nonces',
  text: `
    select count(*) as nonces
    from nonces
    where expires_at < now() - interval '10 minutes'`,
}
