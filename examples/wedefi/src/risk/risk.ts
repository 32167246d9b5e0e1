// Risk of tokens and of portfolios: one statement for any number of either, over the rollups of prices.
//
// A portfolio is what a wallet holds now, by value: its return in a bucket is the mean of the returns of its tokens, weighted by what each is
// worth now, as if it were brought back to these weights in every bucket. A token without a return in a bucket is left out of that bucket's mean, so
// the others stand for it. `covered` is the share of the value that has any return at all. What is worth nothing weighs nothing.

import { sql, type SQL } from 'drizzle-orm'
import type { Queryable } from 'pgstrata'
import { ask } from '../ask.ts'
import { closingFromRollups, type ClosingRows } from './closes.ts'
import { figureColumns, figureRows, steppedRows, type Figures } from './figures.ts'
import { frameRows, timeframes, type Grain, type Timeframe } from './timeframes.ts'

export interface RiskOf extends Figures {
  readonly subject: string
  readonly timeframe: Timeframe
  readonly since: Date
  /** Excluded. */
  readonly until: Date
}

export interface PortfolioRisk extends RiskOf {
  readonly valueUsd: string
  /** null: it is worth nothing. */
  readonly covered: number | null
}

export interface RiskChoice {
  readonly timeframe: Timeframe
  /** Default: now. */
  readonly asOf?: Date | undefined
  /** Where closes come from. Default: the rollups. */
  readonly closing?: ClosingRows
}

export const grainsOf = (names: readonly Timeframe[]): ReadonlySet<Grain> =>
  new Set(names.map((name) => timeframes[name].grain))

export const momentOf = (asOf: Date | undefined): SQL =>
  asOf === undefined ? sql`now()` : sql`${asOf.toISOString()}::timestamptz`

/** Ids as one parameter, however many: Drizzle would make one of each. */
export const listOf = (ids: readonly string[]): SQL => sql`${sql.param([...ids])}::text[]`

/** Each id once, in the order that ids have in tables: of a pair, the lesser one comes first. */
export const eachOf = (timeframe: Timeframe, ids: readonly string[]): SQL =>
  sql`select distinct ${timeframe}::text, id collate "C" from unnest(${listOf(ids)}) as id`

/** A row for each id, in their order, of those without prices too. */
export async function riskOfTokens(
  on: Queryable,
  ids: readonly string[],
  choice: RiskChoice,
): Promise<readonly RiskOf[]> {
  return await ask<RiskOf>(on, tokenStatement(ids, choice))
}

export function tokenStatement(
  ids: readonly string[],
  { timeframe, asOf, closing = closingFromRollups }: RiskChoice,
): SQL {
  const names = [timeframe]
  return sql`
    with ${frameRows(names, momentOf(asOf))},
    asked (timeframe, "tokenId") as (${eachOf(timeframe, ids)}),
    ${closing(grainsOf(names))},
    ${steppedRows},
    ${figureRows(tokenSeries, sql`"tokenId"`)}
    select named.id as subject, frame.timeframe, frame.since, frame.until, ${figureColumns}
    from unnest(${listOf(ids)}) with ordinality as named (id, place)
    cross join frame
    left join figure on figure.subject = named.id
    order by named.place`
}

const tokenSeries: SQL = sql`(select timeframe, "tokenId", bucket, close as level, change from stepped) as series`

export async function riskOfPortfolios(
  on: Queryable,
  ids: readonly string[],
  choice: RiskChoice,
): Promise<readonly PortfolioRisk[]> {
  return await ask<PortfolioRisk>(on, portfolioStatement(ids, choice))
}

export function portfolioStatement(
  ids: readonly string[],
  { timeframe, asOf, closing = closingFromRollups }: RiskChoice,
): SQL {
  const names = [timeframe]
  return sql`
    with ${frameRows(names, momentOf(asOf))},
    wanted (timeframe, "walletId") as (${eachOf(timeframe, ids)}),
    ${holdingRows},
    asked (timeframe, "tokenId") as (select distinct timeframe, "tokenId" from holding),
    ${closing(grainsOf(names))},
    ${steppedRows},
    ${portfolioRows},
    ${figureRows(sql`portfolio`, sql`"walletId"`)},
    worth as (
      select holding."walletId",
        sum(holding."usdValue") as usd,
        sum(holding."usdValue") filter (
          where holding."tokenId" in (select "tokenId" from stepped where change is not null)
        ) as known_usd
      from holding
      group by holding."walletId"
    )
    select named.id as subject, frame.timeframe, frame.since, frame.until, ${figureColumns},
      coalesce(worth.usd, 0)::text as "valueUsd",
      (coalesce(worth.known_usd, 0) / nullif(worth.usd, 0))::double precision as covered
    from unnest(${listOf(ids)}) with ordinality as named (id, place)
    cross join frame
    left join figure on figure.subject = named.id
    left join worth on worth."walletId" = named.id
    order by named.place`
}

/** What the portfolios of `wanted` (timeframe, "walletId") are made of. */
export const holdingRows: SQL = sql`
  holding as (
    select wanted.timeframe, balance."walletId", balance."tokenId", balance."usdValue",
      balance."usdValue"::double precision as weight
    from wanted
    join "TokenBalance" as balance on balance."walletId" = wanted."walletId"
    where balance."usdValue" > 0
  )`

/**
 * The common table expressions `mixed` and `portfolio`. Its level is 1 in the bucket before its first return, and moves with each: the product
 * of (1 + return), taken by logarithms, and zero from the first return on that leaves nothing.
 */
export const portfolioRows: SQL = sql`
  mixed as (
    select holding.timeframe,
      holding."walletId",
      stepped.bucket,
      min(stepped.step) as step,
      sum(holding.weight * stepped.change) / sum(holding.weight) as change
    from holding
    join stepped on stepped.timeframe = holding.timeframe and stepped."tokenId" = holding."tokenId"
    where stepped.change is not null
    group by holding.timeframe, holding."walletId", stepped.bucket
  ),
  portfolio as (
    select timeframe, "walletId", min(bucket - step) as bucket, 1::double precision as level, null::double precision as change
    from mixed
    group by timeframe, "walletId"
    union all
    select timeframe, "walletId", bucket,
      case
        when bool_or(change <= -1) over ordered then 0
        else exp(least(700, greatest(-700, sum(ln(1 + change)) filter (where change > -1) over ordered)))
      end,
      change
    from mixed
    window ordered as (partition by timeframe, "walletId" order by bucket)
  )`
