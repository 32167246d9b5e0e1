// Prices that come in: a batch is stored as a whole or refused as a whole. A price has its token and its moment; the first one of a moment stays, so a
// batch whose prices say their moments stores nothing twice when it comes again.

import { inArray } from 'drizzle-orm'
import { badInput } from 'pgstrata-example-kit'
import type { WedefiDatabase } from '../database.ts'
import { withServerErrors } from '../drizzle-errors.ts'
import { priceSnapshots, tokens } from '../schema.ts'

export interface GivenPrice {
  readonly tokenId: string
  readonly priceUsd: string
  /** Default: now, which is another moment each time. */
  readonly recordedAt?: string
}

/** Older ones may be packed by now, and would have to be looked for there. */
const longestAgoMs = 7 * 86_400_000
const mostAheadMs = 60_000

/** How many of them were new. */
export async function storePrices(db: WedefiDatabase, prices: readonly GivenPrice[]): Promise<number> {
  const nowMs = Date.now()
  const rows = prices.map(({ tokenId, priceUsd, recordedAt }) => {
    const at = recordedAt === undefined ? new Date(nowMs) : new Date(recordedAt)
    if (at.getTime() >= nowMs - longestAgoMs && at.getTime() <= nowMs + mostAheadMs)
      return { tokenId, priceUsd, recordedAt: at }
    throw badInput({ where: 'body.prices.recordedAt', expected: 'a time of the last seven days' })
  })
  if (new Set(rows.map(({ tokenId, recordedAt }) => `${recordedAt.getTime()} ${tokenId}`)).size < rows.length)
    throw badInput({ where: 'body.prices', expected: 'one price of a token for each moment, by recordedAt' })
  const ids = [...new Set(rows.map(({ tokenId }) => tokenId))]
  return await withServerErrors(async () => {
    const known = await db.select({ id: tokens.id }).from(tokens).where(inArray(tokens.id, ids))
    if (known.length < ids.length)
      throw badInput({ where: 'body.prices.tokenId', expected: 'ids of tokens that are known' })
    const stored = await db
      .insert(priceSnapshots)
      .values(rows)
      .onConflictDoNothing()
      .returning({ tokenId: priceSnapshots.tokenId })
    return stored.length
  })
}
