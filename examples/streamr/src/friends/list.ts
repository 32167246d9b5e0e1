// The people somebody has to do with: friends, requests in either direction, whom they declined, whom they blocked. Who declined
// them still stands among their requests, and who blocked them stands nowhere: neither is theirs to know.

import { sql, type Kysely } from 'kysely'
import type { Database } from '../database.ts'

export const listed = ['friends', 'incoming', 'outgoing', 'declined', 'blocked'] as const

export type Listed = (typeof listed)[number]

export interface Acquaintance {
  readonly user_id: string
  readonly display_name: string
  readonly avatar_url: string | null
  readonly state: Listed
  /** When it was asked. */
  readonly since: Date
}

export async function listAcquaintances(
  db: Kysely<Database>,
  {
    of,
    state,
    after,
    limit,
  }: { readonly of: string; readonly state: Listed; readonly after?: string | undefined; readonly limit: number },
): Promise<Acquaintance[]> {
  const { rows } = await sql<Acquaintance>`
    with known as (
      select
        friend_id as user_id,
        case status when 'ACCEPTED' then 'friends' when 'BLOCKED' then 'blocked' else 'outgoing' end as state,
        created_at as since
      from friendships
      where user_id = ${of}
      union all
      select
        user_id,
        case status when 'ACCEPTED' then 'friends' when 'PENDING' then 'incoming' else 'declined' end,
        created_at
      from friendships
      where friend_id = ${of}
        and status <> 'BLOCKED'
    )
    select u.user_id, u.display_name, u.avatar_url, known.state, known.since
    from known
    join users u on u.user_id = known.user_id
    where known.state = ${state}
      and (${after ?? null}::uuid is null or u.user_id > ${after ?? null}::uuid)
    order by u.user_id
    limit ${limit}`.execute(db)
  return rows
}
