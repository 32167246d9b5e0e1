// Something to see on the embedded server: every few seconds new prices of some tokens, around their last ones, and what wallets have in
// them. Without any prices it does nothing.
//
// Prices and balances are two statements: PostgreSQL 18.4 can end with a segmentation fault where one statement updates rows that another
// session is just changing, and finds partitions to look at only while it runs.

import { sql } from 'drizzle-orm'
import type { JobContext, JobOutcome } from 'pgstrata'
import { ask } from '../ask.ts'

interface Moved {
  readonly tokenId: string
  readonly priceUsd: string
}

export const marketJob = { every: '5s', run: moveMarket }

export async function moveMarket({ db }: Pick<JobContext, 'db'>): Promise<JobOutcome> {
  const moved = await ask<Moved>(
    db,
    sql`
    insert into "PriceSnapshot" ("tokenId", "priceUsd", "recordedAt")
    select chosen.id, (last."priceUsd" * exp((random() + random() + random() - 1.5) * 0.004))::numeric(30, 12), now()
    from (
      select id
      from "Token"
      order by random()
      limit 15
    ) as chosen
    cross join lateral (
      select p."priceUsd"
      from "PriceSnapshot" as p
      where p."tokenId" = chosen.id
        and p."recordedAt" >= now() - interval '40 days'
      order by p."recordedAt" desc
      limit 1
    ) as last
    on conflict do nothing
    returning "tokenId", "priceUsd"`,
  )
  if (moved.length === 0) return { did: '' }
  await ask(
    db,
    sql`
    update "TokenBalance" as b
    set "usdValue" = round(b.quantity * moved.price, 8),
      "updatedAt" = now()
    from unnest(${sql.param(moved.map(({ tokenId }) => tokenId))}::text[], ${sql.param(moved.map(({ priceUsd }) => priceUsd))}::numeric[])
      as moved (token, price)
    where b."tokenId" = moved.token
      and b."updatedAt" <= now()`,
  )
  return { did: '' }
}
