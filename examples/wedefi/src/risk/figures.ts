// What risk figures are, as SQL over closes and returns. All of it is stated here, and holds for tokens and portfolios alike.
//
// - A return is simple: close / close of the bucket before − 1. It is there where both buckets have a close and the earlier one is above
//   zero. A gap has no return, and neither has the bucket behind it: a jump over a gap is no return of one bucket.
// - Total return: last close / first close − 1. Nothing where there are fewer than two closes, or the first is zero.
// - Volatility: standard deviation of the returns (n − 1 below the line) × √(buckets of a year), 8760 hours or 365 days. Nothing for fewer
//   than two returns. A deviation below 1e-12 is what rounding leaves of equal returns: it is told as 0.
// - Value at risk at 95 and 99: historical. Of n returns in order it is the one at place ⌈n × 5 / 100⌉ (or ⌈n × 1 / 100⌉), counted from the
//   worst: a loss that did happen. Told as a share that is lost, and 0 where that return is a gain. Nothing where there is no return.
// - Maximum drawdown: the largest share lost from the highest close before. One close has 0; while all are zero there is none.
//
// Computed in double precision: against exact arithmetic figures are off by less than 1e-9 of their value, or 1e-12 where they are nearer to zero.

import { sql, type SQL } from 'drizzle-orm'

/** Deviations below are rounding. */
export const leastDeviation = 1e-12

/** The common table expression `stepped`: `closing` with the return of each bucket. */
export const steppedRows: SQL = sql`
  stepped (timeframe, "tokenId", step, bucket, close, change) as (
    select timeframe, "tokenId", step, bucket, close,
      case when bucket_before = bucket - step and close_before > 0 then close / close_before - 1 end
    from closing
  )`

export interface Figures {
  readonly closes: number
  readonly returns: number
  readonly totalReturn: number | null
  readonly volatility: number | null
  readonly var95: number | null
  readonly var99: number | null
  readonly maxDrawdown: number | null
}

/**
 * The common table expressions `drawn` and `figure`, by timeframe and subject. `series`: a relation of timeframe, subject, bucket, level (what
 * closes are, or an index that moves like them) and change; `key`: its column of the subject.
 */
export function figureRows(series: SQL, key: SQL): SQL {
  return sql`
    drawn as (
      select timeframe, ${key} as subject, bucket, level, change,
        1 - level / nullif(max(level) over (partition by timeframe, ${key} order by bucket), 0) as drawdown
      from ${series}
    ),
    figure as (
      select drawn.timeframe,
        drawn.subject,
        count(drawn.level)::integer as closes,
        count(drawn.change)::integer as returns,
        case
          when count(drawn.level) > 1
          then (array_agg(drawn.level order by drawn.bucket))[count(*)::integer]
            / nullif((array_agg(drawn.level order by drawn.bucket))[1], 0) - 1
        end as "totalReturn",
        case
          when stddev_samp(drawn.change) < ${sql.raw(String(leastDeviation))} then 0
          else stddev_samp(drawn.change) * sqrt(min(frame.buckets_a_year))
        end as volatility,
        ${valueAtRisk(5)} as var95,
        ${valueAtRisk(1)} as var99,
        max(drawn.drawdown) as "maxDrawdown"
      from drawn
      join frame on frame.timeframe = drawn.timeframe
      group by drawn.timeframe, drawn.subject
    )`
}

/** Counted in whole numbers: 0.05 × 140 is a little over 7 in double precision, and would take the eighth. */
function valueAtRisk(percent: number): SQL {
  const place = sql`((count(drawn.change) * ${sql.raw(String(percent))} + 99) / 100)::integer`
  return sql`
    case
      when count(drawn.change) > 0
      then greatest(0, 0 - (array_agg(drawn.change order by drawn.change) filter (where drawn.change is not null))[${place}])
    end`
}

/** Of a row of `figure`, which may be missing: under the names of `Figures`. */
export const figureColumns: SQL = sql`
  coalesce(figure.closes, 0) as closes,
  coalesce(figure.returns, 0) as returns,
  figure."totalReturn",
  figure.volatility,
  figure.var95,
  figure.var99,
  figure."maxDrawdown"`
