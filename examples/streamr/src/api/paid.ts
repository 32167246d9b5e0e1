// What nodes were paid, exact to the last commit: totals of the rollup are a merge behind, and whoever heard of a payout asks at once.

import { sql, type Kysely } from 'kysely'
import type { Database } from '../database.ts'

export interface Paid {
  /** Of all time, and of the last 24 hours. */
  readonly amount: string
  readonly amount_1d: string
  /** How many lines of payouts. */
  readonly payouts: string
}

export async function readPaid(db: Kysely<Database>, nodeIds: readonly string[]): Promise<Paid> {
  const { rows } = await sql<Paid>`
    select
      coalesce(sum(amount), 0)::text as amount,
      coalesce(sum(payouts), 0)::text as payouts,
      (
        select coalesce(sum(amount), 0)::text
        from node_payouts
        where node_id = any(${nodeIds}::text[])
          and bucket > now() - interval '24 hours'
      ) as amount_1d
    from node_payouts_ever
    where node_id = any(${nodeIds}::text[])`.execute(db)
  return rows[0] ?? { amount: '0', amount_1d: '0', payouts: '0' }
}
