// The times that risk is told of, and the buckets they are made of. A timeframe of n buckets ends with the last whole bucket before the
// moment that is asked for, and has one close more than it has returns: the one that the first return starts from. Buckets are those of
// UTC. Prices of the hour, or the day, that is not over yet are in no figure.

import { sql, type SQL } from 'drizzle-orm'

export type Timeframe = '24h' | '7d' | '30d' | '90d' | '1y'
export type Grain = 'hour' | 'day'

interface Frame {
  readonly grain: Grain
  readonly returns: number
}

export const timeframes: Readonly<Record<Timeframe, Frame>> = {
  '24h': { grain: 'hour', returns: 24 },
  '7d': { grain: 'hour', returns: 168 },
  '30d': { grain: 'day', returns: 30 },
  '90d': { grain: 'day', returns: 90 },
  '1y': { grain: 'day', returns: 365 },
}

export const timeframeNames: readonly Timeframe[] = Object.keys(timeframes) as Timeframe[]

const hoursOf: Readonly<Record<Grain, number>> = { hour: 1, day: 24 }

/** Of a year, all days of which are traded. */
const hoursAYear = 8760

/** Where a timeframe begins and ends, the end excluded. */
export function spanOf(timeframe: Timeframe, asOf: Date): { readonly since: Date; readonly until: Date } {
  const { grain, returns } = timeframes[timeframe]
  const bucketMs = hoursOf[grain] * 3_600_000
  const untilMs = Math.floor(asOf.getTime() / bucketMs) * bucketMs
  return { since: new Date(untilMs - (returns + 1) * bucketMs), until: new Date(untilMs) }
}

/**
 * The common table expression `frame` of these timeframes. Its steps are hours: `- interval '1 day'` would follow the zone of the session
 * where clocks change. `asOf`: a timestamptz.
 */
export function frameRows(names: readonly Timeframe[], asOf: SQL): SQL {
  const rows = names.map((name) => {
    const { grain, returns } = timeframes[name]
    return sql`(${sql.raw(`'${name}', '${grain}', ${returns}, ${hoursOf[grain]}, ${hoursAYear / hoursOf[grain]}.0`)})`
  })
  return sql`
    frame (timeframe, grain, step, since, until, buckets_a_year) as (
      select named.timeframe,
        named.grain,
        make_interval(hours => named.hours),
        ends.until - make_interval(hours => (named.returns + 1) * named.hours),
        ends.until,
        named.buckets_a_year::double precision
      from (values ${sql.join(rows, sql`, `)}) as named (timeframe, grain, returns, hours, buckets_a_year)
      cross join lateral (select date_trunc(named.grain, ${asOf}, 'UTC') as until) as ends
    )`
}
