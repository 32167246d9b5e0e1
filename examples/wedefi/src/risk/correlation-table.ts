// Fills "AssetCorrelation" with the correlations of all pairs of tokens, timeframe by timeframe.
//
// Promises: run again for the same moment it writes the same rows, but for the last digit of a coefficient where batches differ; run at the same time for another one, the later moment stays. A run that is
// killed anywhere leaves rows of two moments, each true to its `computedAt`, and the next one puts all of them right. What has nothing in common
// any more within a timeframe goes once the timeframe is through. A batch is one transaction of at most about 20,000 pairs.

import { sql } from 'drizzle-orm'
import { transaction, type Db, type Queryable, type Session } from 'pgstrata'
import { ask } from '../ask.ts'
import { pairRows } from './correlations.ts'
import { timeframeNames, type Timeframe } from './timeframes.ts'

export interface FillChoice {
  readonly asOf: Date
  readonly timeframes?: readonly Timeframe[]
  readonly pairsABatch?: number
  readonly signal?: AbortSignal
  /** Last in the transaction of each batch: may refuse. A job confirms its lease here. */
  readonly confirm?: (tx: Queryable) => Promise<void>
}

export interface Filled {
  readonly timeframe: Timeframe
  readonly written: number
  readonly removed: number
  readonly batches: number
}

export async function fillCorrelations(on: Db | Session, choice: FillChoice): Promise<readonly Filled[]> {
  const { timeframes = timeframeNames, pairsABatch = 20_000, signal } = choice
  const tokens = (await ask<{ id: string }>(on, sql`select id from "Token" order by id`)).map(({ id }) => id)
  const size = Math.max(1, Math.floor(pairsABatch / Math.max(1, tokens.length)))
  const filled: Filled[] = []
  for (const timeframe of timeframes) {
    let [written, batches] = [0, 0]
    for (let start = 0; start < tokens.length; start += size) {
      signal?.throwIfAborted()
      // B comes behind A: what stands before this batch is in none of its pairs.
      const batch = { timeframe, all: tokens.slice(start), first: tokens.slice(start, start + size) }
      written += await inBatch(on, choice, (tx) => writePairs(tx, batch, choice.asOf))
      batches++
    }
    filled.push({ timeframe, written, removed: await removeOlder(on, timeframe, choice), batches })
  }
  return filled
}

async function inBatch(
  on: Db | Session,
  { confirm }: FillChoice,
  work: (tx: Queryable) => Promise<number>,
): Promise<number> {
  return await transaction(on, async (tx) => {
    const count = await work(tx)
    await confirm?.(tx)
    return count
  })
}

interface Batch {
  readonly timeframe: Timeframe
  readonly all: readonly string[]
  readonly first: readonly string[]
}

/** In the order of the key: two runs at once wait for each other, and never in a circle. */
async function writePairs(tx: Queryable, batch: Batch, asOf: Date): Promise<number> {
  const [row] = await ask<{ count: number }>(
    tx,
    sql`
    with ${pairRows({ ...batch, asOf })},
    written as (
      insert into "AssetCorrelation" as kept ("tokenAId", "tokenBId", timeframe, correlation, samples, "computedAt")
      select "tokenAId", "tokenBId", ${batch.timeframe}, correlation, samples, ${asOf.toISOString()}::timestamptz
      from pair
      order by "tokenAId", "tokenBId"
      on conflict ("tokenAId", "tokenBId", timeframe) do update
      set correlation = excluded.correlation,
        samples = excluded.samples,
        "computedAt" = excluded."computedAt"
      where kept."computedAt" <= excluded."computedAt"
      returning 1
    )
    select count(*)::integer as count
    from written`,
  )
  return row?.count ?? 0
}

const removedAtOnce = 10_000

async function removeOlder(on: Db | Session, timeframe: Timeframe, choice: FillChoice): Promise<number> {
  let removed = 0
  for (;;) {
    choice.signal?.throwIfAborted()
    const count = await inBatch(on, choice, async (tx) => {
      const [row] = await ask<{ count: number }>(
        tx,
        sql`
        with old as (
          select "tokenAId", "tokenBId"
          from "AssetCorrelation"
          where timeframe = ${timeframe}
            and "computedAt" < ${choice.asOf.toISOString()}::timestamptz
          order by "tokenAId", "tokenBId"
          limit ${removedAtOnce}
          for update
        ),
        removed as (
          delete from "AssetCorrelation" as kept
          using old
          where kept.timeframe = ${timeframe}
            and kept."tokenAId" = old."tokenAId"
            and kept."tokenBId" = old."tokenBId"
            and kept."computedAt" < ${choice.asOf.toISOString()}::timestamptz
          returning 1
        )
        select count(*)::integer as count
        from removed`,
      )
      return row?.count ?? 0
    })
    removed += count
    if (count < removedAtOnce) return removed
  }
}
