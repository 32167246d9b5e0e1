// What rules of all kinds share: which side of its alert a value is on, and what follows for one that has a single value now.

import { sql, type SQL } from 'drizzle-orm'

/** What a rule of a kind is given, and makes of it. */
export interface Batch {
  /** Of the alerts, which are locked. */
  readonly ids: readonly string[]
  readonly prices: number
  readonly settleMs: number
}

/** 'fired' beyond the threshold, 'armed' at `rearm` or back beyond it, null between them and where there is no value. */
export function markOf(value: SQL): SQL {
  return sql`
    case alert.direction
      when 'above' then case when ${value} > alert.threshold then 'fired' when ${value} <= alert.rearm then 'armed' end
      when 'below' then case when ${value} < alert.threshold then 'fired' when ${value} >= alert.rearm then 'armed' end
    end`
}

/** Of what has one value now: `valued` (id, value). */
export const sampledDecisions: SQL = sql`
  marked as (
    select alert.id, valued.value, ${markOf(sql`valued.value`)} as mark, alert.status
    from alert
    join valued on valued.id = alert.id
  ),
  decision as (
    select id,
      mark as status,
      case mark when 'fired' then 1 else 0 end as fires,
      case mark when 'fired' then now() end as fired_at,
      null::timestamptz as seen_at,
      false as is_unfinished
    from marked
    where mark <> status
  ),
  fire as (
    select id, 1 as nth, value, now() as at
    from marked
    where mark = 'fired'
      and status <> 'fired'
  )`
