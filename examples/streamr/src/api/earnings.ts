// What whoever asks has earned with their nodes, and their friends with theirs: exact to the last commit. The last run says at which rate
// it goes on, so that a page can count up until the next. One statement: each further one would cost more than it computes.

import { query } from 'pgstrata-example-kit'
import { sql } from 'kysely'
import type { App } from 'pgstrata-example-kit'
import { friendIdsOf } from '../friends/friend-ids.ts'
import { requireUser, requireUserId, type ApiContext } from './context.ts'

interface Earned {
  readonly nodes: number
  readonly active: number
  /** Of all time, of the last 24 hours, and by the last run. */
  readonly amount: string
  readonly amount_1d: string
  readonly amount_last: string
}

const nothing: Earned = { nodes: 0, active: 0, amount: '0', amount_1d: '0', amount_last: '0' }

interface LastRun {
  readonly as_of: Date | null
  readonly hours_back: number | null
}

/** Of the nodes that are one's own, or are not; null: there are none at all, and of the last run it tells all the same. */
type Found = Earned & LastRun & { readonly is_own: boolean | null }

export function addEarnings(app: App, context: ApiContext): void {
  app.get('/earnings', { schema: { querystring: query({}) } }, async (request) => {
    const rows = await readEarned(context, await requireUserId(context, request))
    if (!rows.some(({ is_own }) => is_own === true)) await requireUser(context, request)
    const [last] = rows
    const earned = (isOwn: boolean): Earned => {
      const found = rows.find(({ is_own }) => is_own === isOwn)
      if (found === undefined) return nothing
      const { nodes, active, amount, amount_1d, amount_last } = found
      return { nodes, active, amount, amount_1d, amount_last }
    }
    return { as_of: last?.as_of ?? null, hours_back: last?.hours_back ?? 1, own: earned(true), friends: earned(false) }
  })
}

async function readEarned({ prepared: db }: ApiContext, userId: string): Promise<readonly Found[]> {
  const { rows } = await sql<Found>`
    with last as (
      select run_id, as_of, hours_back
      from payout_runs
      order by as_of desc, hours_back
      limit 1
    ),
    circle as materialized (
      select node_id, status, user_id = ${userId} as is_own
      from nodes
      where user_id = any(array(
        select ${userId}::uuid
        union all
        ${friendIdsOf(db, userId)}
      ))
    ),
    ids as materialized (
      select coalesce(array_agg(node_id), '{}') as ids
      from circle
    ),
    ever as (
      select node_id, sum(amount) as amount
      from node_payouts_ever
      where node_id = any((select ids from ids)::text[])
      group by node_id
    ),
    day as (
      select node_id, sum(amount) as amount
      from node_payouts
      where node_id = any((select ids from ids)::text[])
        and bucket > now() - interval '24 hours'
      group by node_id
    ),
    line as (
      select node_id, sum(amount) as amount
      from payout_lines
      where run_id = (select run_id from last)
        and node_id = any((select ids from ids)::text[])
      group by node_id
    ),
    earned as (
      select
        c.is_own,
        count(*)::int as nodes,
        (count(*) filter (where c.status = 'ACTIVE'))::int as active,
        coalesce(sum(e.amount), 0)::text as amount,
        coalesce(sum(d.amount), 0)::text as amount_1d,
        coalesce(sum(l.amount), 0)::text as amount_last
      from circle c
      left join ever e on e.node_id = c.node_id
      left join day d on d.node_id = c.node_id
      left join line l on l.node_id = c.node_id
      group by c.is_own
    )
    select earned.*, last.as_of, last.hours_back
    from (values (1)) as one (row)
    left join last on true
    left join earned on true`.execute(db)
  return rows
}
