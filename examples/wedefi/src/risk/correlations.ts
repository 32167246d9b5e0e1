// How the returns of two tokens move together: Pearson's coefficient over the buckets in which both have a return.
//
// Undefined, and null, for fewer than three such buckets (two points always lie on a line), and where one of the two moved by the same share in
// all of them (a deviation below 1e-12): constant prices have no correlation. Rounding takes none beyond −1 and 1.

import { sql, type SQL } from 'drizzle-orm'
import type { Queryable } from 'pgstrata'
import { ask } from '../ask.ts'
import { closingFromRollups, type ClosingRows } from './closes.ts'
import { leastDeviation, steppedRows } from './figures.ts'
import { eachOf, grainsOf, listOf, momentOf, type RiskChoice } from './risk.ts'
import { frameRows, type Timeframe } from './timeframes.ts'

export interface Correlation {
  readonly tokenAId: string
  readonly tokenBId: string
  /** Buckets in which both have a return: at least one. */
  readonly samples: number
  readonly correlation: number | null
}

const leastSamples = 3

/** Of each pair of these tokens that have a bucket in common, once: the one that comes first to the database is A. */
export async function correlate(
  on: Queryable,
  ids: readonly string[],
  choice: RiskChoice,
): Promise<readonly Correlation[]> {
  return await ask<Correlation>(on, correlationStatement(ids, choice))
}

export function correlationStatement(
  ids: readonly string[],
  { timeframe, asOf, closing = closingFromRollups }: RiskChoice,
): SQL {
  return sql`
    with ${pairRows({ timeframe, asOf, closing, all: ids, first: ids })}
    select "tokenAId", "tokenBId", samples, correlation
    from pair
    order by "tokenAId", "tokenBId"`
}

export interface Pairs {
  readonly timeframe: Timeframe
  readonly asOf: Date | undefined
  readonly closing?: ClosingRows
  readonly all: readonly string[]
  /** Of those, what A may be. */
  readonly first: readonly string[]
}

/** The common table expression `pair`, and what it stands on. */
export function pairRows({ timeframe, asOf, closing = closingFromRollups, all, first }: Pairs): SQL {
  const names = [timeframe]
  const deviation = sql.raw(String(leastDeviation))
  return sql`
    ${frameRows(names, momentOf(asOf))},
    asked (timeframe, "tokenId") as (${eachOf(timeframe, all)}),
    ${closing(grainsOf(names))},
    ${steppedRows},
    moved as materialized (select "tokenId", bucket, change from stepped where change is not null),
    pair as (
      select a."tokenId" as "tokenAId",
        b."tokenId" as "tokenBId",
        count(*)::integer as samples,
        case
          when count(*) >= ${sql.raw(String(leastSamples))}
            and stddev_samp(a.change) >= ${deviation}
            and stddev_samp(b.change) >= ${deviation}
          then greatest(-1, least(1, corr(a.change, b.change)))
        end as correlation
      from moved as a
      join moved as b on b.bucket = a.bucket and b."tokenId" > a."tokenId"
      where a."tokenId" = any (${listOf(first)})
      group by a."tokenId", b."tokenId"
    )`
}
