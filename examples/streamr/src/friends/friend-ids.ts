// Who is friends with whom: a friendship is one row, written by the one who asked.

import { sql, type Kysely, type SelectQueryBuilder } from 'kysely'
import type { Database } from '../database.ts'

/** Ids of accepted friends, as a subquery; each side is found by an index. */
export function friendIdsOf(
  db: Kysely<Database>,
  userId: string,
): SelectQueryBuilder<Database, 'friendships', { user_id: string }> {
  return db
    .selectFrom('friendships')
    .select('friendships.friend_id as user_id')
    .where('friendships.user_id', '=', userId)
    .where('friendships.status', '=', 'ACCEPTED')
    .unionAll(
      db
        .selectFrom('friendships')
        .select('friendships.user_id as user_id')
        .where('friendships.friend_id', '=', userId)
        .where('friendships.status', '=', 'ACCEPTED'),
    )
}

/** Those of `others` who are friends of somebody. */
export async function friendsAmong(
  db: Kysely<Database>,
  { userId, others }: { readonly userId: string; readonly others: readonly string[] },
): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ user_id: string }>`
    select friend.user_id
    from (${friendIdsOf(db, userId)}) as friend
    where friend.user_id = any(${others}::uuid[])`.execute(db)
  return new Set(rows.map(({ user_id }) => user_id))
}
