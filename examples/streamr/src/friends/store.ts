// Carries out what somebody does about somebody else, by the table of states.
//
// Invariant: of a pair there is one row, or two where each has blocked the other. Both users' rows are locked, in the order of their
// ids, before the pair is read: of two who act at once the second sees what the first did.

import type { Kysely, Transaction } from 'kysely'
import type { Database } from '../database.ts'
import { rowsOf, stateOf, transitions, type Action, type PairRows, type Refusal, type State } from './states.ts'

export type Acted = { readonly state: State } | { readonly refused: Refusal | 'unknown-user' | 'oneself' }

export interface Act {
  readonly action: Action
  readonly by: string
  readonly to: string
}

export async function act(db: Kysely<Database>, { action, by, to }: Act): Promise<Acted> {
  if (by === to) return { refused: 'oneself' }
  return await db.transaction().execute(async (tx) => {
    const { length: known } = await tx
      .selectFrom('users')
      .select('user_id')
      .where('user_id', 'in', [by, to])
      .orderBy('user_id')
      .forNoKeyUpdate()
      .execute()
    if (known < 2) return { refused: 'unknown-user' }
    const rows = await readPair(tx, by, to)
    const outcome = transitions[stateOf(rows)][action]
    if ('refused' in outcome) return outcome
    const next = rowsOf(outcome.next, rows)
    await write(tx, { from: by, to, before: rows.mine, after: next.mine })
    await write(tx, { from: to, to: by, before: rows.theirs, after: next.theirs })
    return { state: outcome.next }
  })
}

async function readPair(tx: Transaction<Database>, me: string, other: string): Promise<PairRows> {
  const rows = await tx
    .selectFrom('friendships')
    .select(['user_id', 'status'])
    .where((where) =>
      where.or([where.and({ user_id: me, friend_id: other }), where.and({ user_id: other, friend_id: me })]),
    )
    .execute()
  const statusBy = (author: string): PairRows['mine'] => rows.find(({ user_id }) => user_id === author)?.status
  return { mine: statusBy(me), theirs: statusBy(other) }
}

interface Written {
  readonly from: string
  readonly to: string
  readonly before: PairRows['mine']
  readonly after: PairRows['mine']
}

async function write(tx: Transaction<Database>, { from, to, before, after }: Written): Promise<void> {
  if (before === after) return
  if (after === undefined) {
    await tx.deleteFrom('friendships').where('user_id', '=', from).where('friend_id', '=', to).execute()
    return
  }
  await tx
    .insertInto('friendships')
    .values({ user_id: from, friend_id: to, status: after })
    .onConflict((conflict) => conflict.columns(['user_id', 'friend_id']).doUpdateSet({ status: after }))
    .execute()
}
