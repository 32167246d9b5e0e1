// The close of a bucket is the last price in it. A bucket without prices has no close, and none is made up.
//
// What is read: `price_hourly` or `price_daily`, whose last price is exact to the last commit for prices that come, late ones included.
// Where the price that was last is deleted or changed, the close follows with the next merge, a second or so later.

import { sql, type SQL } from 'drizzle-orm'
import type { Grain } from './timeframes.ts'

/**
 * The common table expression `closing`: by timeframe, token and bucket, with the bucket before and its close. It reads `asked` (timeframe, "tokenId") and `frame`, for
 * each token by its index.
 */
export type ClosingRows = (grains: ReadonlySet<Grain>) => SQL

const rollupOf: Readonly<Record<Grain, string>> = { hour: 'price_hourly', day: 'price_daily' }

export const closingFromRollups: ClosingRows = (grains) =>
  closingFrom(grains, (grain) => {
    return sql`
    select kept.bucket, kept.close::double precision as close
    from ${sql.identifier(rollupOf[grain])} as kept
    where kept."tokenId" = asked."tokenId"
      and kept.bucket >= frame.since
      and kept.bucket < frame.until
    offset 0`
  })

/**
 * `select`: buckets and closes of `asked."tokenId"` from `frame.since` to `frame.until`. Of each token the bucket before is looked for here,
 * where its buckets are in order already: sorting all tokens together took half as long again.
 */
export function closingFrom(grains: ReadonlySet<Grain>, select: (grain: Grain) => SQL): SQL {
  const parts = [...grains].map(
    (grain) => sql`
      select asked.timeframe, asked."tokenId", frame.step, found.bucket, found.close, found.bucket_before, found.close_before
      from asked
      join frame on frame.timeframe = asked.timeframe
      cross join lateral (
        select priced.bucket, priced.close,
          lag(priced.bucket) over ordered as bucket_before,
          lag(priced.close) over ordered as close_before
        from (${select(grain)}) as priced
        window ordered as (order by priced.bucket)
      ) as found
      where frame.grain = ${sql.raw(`'${grain}'`)}`,
  )
  return sql`
    closing (timeframe, "tokenId", step, bucket, close, bucket_before, close_before) as (${sql.join(parts, sql` union all `)})`
}
