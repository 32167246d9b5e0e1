// What whoever asks has earned with their nodes, and their friends with theirs: exact to the last commit. The last run says at which rate
// it goes on, so that a page can count up until the next.

import { sql } from 'kysely'
import type { App } from 'pgstrata-example-kit'
import { friendIdsOf } from '../friends/friend-ids.ts'
import { requireUser, type ApiContext } from './context.ts'
import { readPaid } from './paid.ts'
import { query } from './schemas.ts'

interface Earned {
  readonly nodes: number
  readonly active: number
  /** Of all time, of the last 24 hours, and by the last run. */
  readonly amount: string
  readonly amount_1d: string
  readonly amount_last: string
}

const nothing: Earned = { nodes: 0, active: 0, amount: '0', amount_1d: '0', amount_last: '0' }

export function addEarnings(app: App, context: ApiContext): void {
  app.get('/earnings', { schema: { querystring: query({}) } }, async (request) => {
    const { user_id } = await requireUser(context, request)
    const [last, nodes] = await Promise.all([readLastRun(context), readCircle(context, user_id)])
    const earned = await Promise.all(
      [true, false].map((isOwn) =>
        readEarned(
          context,
          nodes.filter((node) => node.is_own === isOwn),
          last?.run_id ?? null,
        ),
      ),
    )
    return { as_of: last?.as_of ?? null, hours_back: last?.hours_back ?? 1, own: earned[0], friends: earned[1] }
  })
}

async function readLastRun({ db }: ApiContext) {
  return await db
    .selectFrom('payout_runs')
    .select(['run_id', 'as_of', 'hours_back'])
    .orderBy('as_of', 'desc')
    .orderBy('hours_back')
    .limit(1)
    .executeTakeFirst()
}

interface CircleNode {
  readonly node_id: string
  readonly status: string
  readonly is_own: boolean
}

async function readCircle({ db }: ApiContext, userId: string): Promise<readonly CircleNode[]> {
  return await db
    .selectFrom('nodes')
    .select(['node_id', 'status'])
    .select(sql<boolean>`user_id = ${userId}`.as('is_own'))
    .where((where) => where.or([where('user_id', '=', userId), where('user_id', 'in', friendIdsOf(db, userId))]))
    .execute()
}

async function readEarned({ db }: ApiContext, nodes: readonly CircleNode[], lastRunId: string | null): Promise<Earned> {
  if (nodes.length === 0) return nothing
  const ids = nodes.map(({ node_id }) => node_id)
  const [{ amount, amount_1d }, { amount: amount_last }] = await Promise.all([
    readPaid(db, ids),
    db
      .selectFrom('payout_lines')
      .select(sql<string>`coalesce(sum(amount), 0)::text`.as('amount'))
      .where('run_id', '=', lastRunId)
      .where('node_id', 'in', ids)
      .executeTakeFirstOrThrow(),
  ])
  const active = nodes.filter(({ status }) => status === 'ACTIVE').length
  return { nodes: nodes.length, active, amount, amount_1d, amount_last }
}
