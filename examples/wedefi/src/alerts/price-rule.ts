// What becomes of price alerts: all prices since each was looked at last, in one pass.
//
// A price beyond the threshold makes an alert fired whatever it was, one that is back makes it armed, and others change nothing. So its state behind
// a price is the last of these marks, and it fires with each mark 'fired' that follows none or 'armed': a comparison with the mark before.

import { sql, type SQL } from 'drizzle-orm'
import { unpackedDays } from '../growth/policy.ts'
import { markOf, type Batch } from './decision.ts'

export function priceDecisions({ prices, settleMs }: Batch): SQL {
  return sql`
    seen as (
      select alert.id, alert.status, price."priceUsd" as value, price."recordedAt" as at, ${markOf(sql`price."priceUsd"`)} as mark
      from alert
      cross join lateral (
        select recent."priceUsd", recent."recordedAt"
        from "PriceSnapshot" as recent
        where recent."tokenId" = alert."tokenId"
          and recent."recordedAt" > greatest(alert."seenAt", now() - interval '${sql.raw(String(unpackedDays))} days')
          and recent."recordedAt" <= now() - ${settleMs}::integer * interval '1 millisecond'
        order by recent."recordedAt"
        limit ${prices}
      ) as price
    ),
    turn as (
      select id, value, at, mark
      from (
        select id, value, at, mark, coalesce(lag(mark) over (partition by id order by at), status) as before
        from seen
        where mark is not null
      ) as marked
      where mark <> before
    ),
    fire as (
      select id, (row_number() over (partition by id order by at))::integer as nth, value, at
      from turn
      where mark = 'fired'
    ),
    decision as (
      select seen.id,
        coalesce((array_agg(seen.mark order by seen.at desc) filter (where seen.mark is not null))[1], min(seen.status)) as status,
        coalesce(max(fired.times), 0)::integer as fires,
        max(fired.last) as fired_at,
        max(seen.at) as seen_at,
        count(*) = ${prices} as is_unfinished
      from seen
      left join (
        select id, count(*) as times, max(at) as last
        from fire
        group by id
      ) as fired on fired.id = seen.id
      group by seen.id
    )`
}
