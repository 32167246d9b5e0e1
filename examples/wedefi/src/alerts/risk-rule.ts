// What becomes of risk alerts: the figures of their tokens and wallets, each in the timeframe of its metric, by the same expressions that answer
// for them over HTTP. Figures are of whole buckets, so a risk alert moves with the end of an hour or a day, or with prices that come late.

import { sql, type SQL } from 'drizzle-orm'
import { closingFromRollups } from '../risk/closes.ts'
import { figureRows, steppedRows } from '../risk/figures.ts'
import { grainsOf, holdingRows, portfolioRows } from '../risk/risk.ts'
import { frameRows, timeframeNames } from '../risk/timeframes.ts'
import { sampledDecisions } from './decision.ts'
import { riskFigures } from './kinds.ts'

const timeframeOfMetric = sql`split_part(alert.metric, ':', 2)`

const columns = sql.join(
  riskFigures.map((name) => sql`when ${sql.raw(`'${name}'`)} then figure.${sql.identifier(name)}`),
  sql` `,
)

export function riskDecisions(): SQL {
  return sql`
    ${frameRows(timeframeNames, sql`now()`)},
    wanted (timeframe, "walletId") as (
      select distinct ${timeframeOfMetric}, "walletId"
      from alert
      where "walletId" is not null
    ),
    ${holdingRows},
    asked (timeframe, "tokenId") as (
      select ${timeframeOfMetric}, "tokenId"
      from alert
      where "tokenId" is not null
      union
      select timeframe, "tokenId"
      from holding
    ),
    ${closingFromRollups(grainsOf(timeframeNames))},
    ${steppedRows},
    ${portfolioRows},
    ${figureRows(subjects, sql`subject`)},
    valued as (
      select alert.id, (case split_part(alert.metric, ':', 1) ${columns} end)::numeric as value
      from alert
      join figure on figure.timeframe = ${timeframeOfMetric}
        and figure.subject = coalesce('token ' || alert."tokenId", 'wallet ' || alert."walletId")
    ),
    ${sampledDecisions}`
}

/** Both kinds at once; no token has the id of a wallet. */
const subjects = sql`(
  select timeframe, 'token ' || "tokenId" as subject, bucket, close as level, change
  from stepped
  union all
  select timeframe, 'wallet ' || "walletId", bucket, level, change
  from portfolio
) as series`
