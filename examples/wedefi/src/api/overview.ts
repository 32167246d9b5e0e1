// What the page begins with: how much there is of everything, and the portfolios that are worth most.

import { sql } from 'drizzle-orm'
import { query, type App } from 'pgstrata-example-kit'
import type { Queryable } from 'pgstrata'
import { ask } from '../ask.ts'
import type { QueryClass } from '../routing.ts'
import type { ApiContext } from './context.ts'

interface Numbers {
  readonly wallets: string
  readonly holdings: string
  readonly totalUsd: string
  readonly tokens: string
  readonly alerts: string
  readonly alertsFired: string
}

interface Largest {
  readonly id: string
  readonly address: string
  readonly label: string | null
  readonly totalUsd: string
  readonly holdings: number
}

const route: QueryClass = 'portfolio_queries'
const mostLargest = 8

export function addOverview(app: App, { strata, answer }: ApiContext): void {
  const reads: Queryable = { query: async (statement) => await strata.query(statement, { route }) }
  app.get('/overview', { schema: { querystring: query({}) } }, async (request, reply) => {
    return await answer({ request, reply }, { namespace: 'pages' }, async () => {
      const [numbers, largest] = await Promise.all([readNumbers(reads), readLargest(reads)])
      return { ...numbers, largest }
    })
  })
}

async function readNumbers(on: Queryable): Promise<object> {
  const [row] = await ask<Numbers>(
    on,
    sql`
      select
        (select coalesce(sum(wallets), 0) from wallets_by_value)::text as wallets,
        coalesce(sum(holdings), 0)::text as holdings,
        coalesce(sum("totalUsd"), 0)::text as "totalUsd",
        (select count(*) from "Token")::text as tokens,
        (select count(*) from "Alert")::text as alerts,
        (select count(*) from "Alert" where status = 'fired')::text as "alertsFired"
      from wallet_holdings_parts`,
  )
  if (row === undefined) throw new Error('Expected one row of numbers, and got none')
  const { totalUsd, ...counts } = row
  return { totalUsd, ...Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, Number(count)])) }
}

/** By totals, a merge behind the newest balance; what is shown of them is the same. */
async function readLargest(on: Queryable): Promise<readonly Largest[]> {
  return await ask<Largest>(
    on,
    sql`
      select wallet.id, wallet.address, wallet.label, largest."totalUsd"::text as "totalUsd", largest.holdings::integer as holdings
      from (
        select "walletId", "totalUsd", holdings
        from wallet_holdings_totals
        where "totalUsd" > 0
        order by "totalUsd" desc nulls last, "walletId"
        limit ${mostLargest}
      ) as largest
      join "Wallet" as wallet on wallet.id = largest."walletId"
      order by largest."totalUsd" desc, wallet.id`,
  )
}
