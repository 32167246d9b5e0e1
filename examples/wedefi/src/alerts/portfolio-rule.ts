// What becomes of portfolio alerts. `totalUsd`: what the balances of the wallet are worth together, 0 where there are none. `change24h`: against the
// last snapshot that is a day old, as a share of it; none where that one is older than 25 hours, is missing, or had nothing in it.

import { sql, type SQL } from 'drizzle-orm'
import { sampledDecisions } from './decision.ts'

export function portfolioDecisions(): SQL {
  return sql`
    valued as (
      select alert.id,
        case alert.metric
          when 'totalUsd' then total.usd
          when 'change24h' then total.usd / nullif(before.usd, 0) - 1
        end as value
      from alert
      cross join lateral (
        select coalesce(sum(balance."usdValue"), 0) as usd
        from "TokenBalance" as balance
        where balance."walletId" = alert."walletId"
      ) as total
      left join lateral (
        select snapshot."totalUsd" as usd
        from "PortfolioSnapshot" as snapshot
        where alert.metric = 'change24h'
          and snapshot."walletId" = alert."walletId"
          and snapshot."capturedAt" > now() - interval '25 hours'
          and snapshot."capturedAt" <= now() - interval '24 hours'
        order by snapshot."capturedAt" desc
        limit 1
      ) as before on true
    ),
    ${sampledDecisions}`
}
