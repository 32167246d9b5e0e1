// The correlations that the job has computed last, as "AssetCorrelation" has them.

import { sql } from 'drizzle-orm'
import type { Queryable } from 'pgstrata'
import { ask } from '../ask.ts'
import type { Correlation } from './correlations.ts'
import type { Timeframe } from './timeframes.ts'

export interface StoredCorrelation extends Correlation {
  readonly computedAt: Date
}

/** Those that go together most, or against each other most. */
export async function strongestCorrelations(
  on: Queryable,
  { timeframe, limit }: { readonly timeframe: Timeframe; readonly limit: number },
): Promise<readonly StoredCorrelation[]> {
  return await ask<StoredCorrelation>(
    on,
    sql`
    select "tokenAId", "tokenBId", samples, correlation, "computedAt"
    from "AssetCorrelation"
    where timeframe = ${timeframe}
      and correlation is not null
    order by abs(correlation) desc, "tokenAId", "tokenBId"
    limit ${limit}`,
  )
}
