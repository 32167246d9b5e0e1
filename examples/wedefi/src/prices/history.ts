// What a token cost over time: by hours, days, weeks or months out of rollups, which keep what is packed or archived; or each price by itself,
// from wherever it is.

import { badInput } from 'pgstrata-example-kit'
import { readInTurn } from '../archive-turns.ts'
import { grainMs, type Candle, type Grain } from '../portfolio/candles.ts'
import type { WedefiStrata } from '../strata.ts'

interface Asked {
  readonly tokenId: string
  readonly from: Date
  /** Excluded. */
  readonly to: Date
}

const mostPoints = 2_000

/**
 * Buckets of UTC. Hours and days are whole ones: the first and the last are widened to it. A week or a month that the time begins or ends within
 * is of its days within the time.
 */
export async function readHistory(
  { rollups }: Pick<WedefiStrata, 'rollups'>,
  { tokenId, from, to, grain }: Asked & { readonly grain: Grain },
): Promise<readonly Candle[]> {
  if ((to.getTime() - from.getTime()) / grainMs[grain] > mostPoints)
    throw badInput({ where: 'query.grain', expected: `one by which the time has at most ${mostPoints} points` })
  const [since, until] = [floorTo(from, grain), ceilTo(to, grain)]
  const rollup = grain === 'hour' ? rollups.price_hourly : rollups.price_daily
  const rows = await rollup.where({ tokenId }).between(since, until).by(grain).orderBy(grain).rows()
  return rows.map((row) => ({
    bucket: row[grain],
    open: String(row.open),
    close: String(row.close),
    low: String(row.low),
    high: String(row.high),
    samples: Number(row.samples),
  }))
}

/** No instant is cut off for which rows would be needed that may be archived: days are enough for what is made of days. */
const edgeMs = (grain: Grain): number => grainMs[grain === 'hour' ? 'hour' : 'day']

function floorTo(at: Date, grain: Grain): Date {
  return new Date(Math.floor(at.getTime() / edgeMs(grain)) * edgeMs(grain))
}

function ceilTo(at: Date, grain: Grain): Date {
  return new Date(Math.ceil(at.getTime() / edgeMs(grain)) * edgeMs(grain))
}

interface RawPrice {
  readonly priceUsd: string
  readonly recordedAt: string
}

/** Behind the last one that is known: a Date has no microseconds, so several may be of one millisecond. */
export interface RawKey {
  readonly recordedAt: string
  /** How many of that millisecond are known: 1 to `mostOfOneMs`. */
  readonly known: number
}

interface RawAsked extends Asked {
  readonly after: RawKey | undefined
  readonly limit: number
}

interface RawPage {
  readonly prices: readonly RawPrice[]
  /** undefined: this is the last page. */
  readonly next: RawKey | undefined
}

/** A token has one price of a microsecond. */
export const mostOfOneMs = 1_000

/** In order of time. */
export async function readRawHistory(strata: Pick<WedefiStrata, 'tiers'>, asked: RawAsked): Promise<RawPage> {
  const { from, to, after } = asked
  // Whatever a cursor says, only what is asked for is read.
  const begin = new Date(Math.max(from.getTime(), after === undefined ? 0 : Date.parse(after.recordedAt)))
  if (begin >= to) return { prices: [], next: undefined }
  return await readInTurn(begin, () => readPrices(strata, { ...asked, begin }))
}

async function readPrices(
  { tiers }: Pick<WedefiStrata, 'tiers'>,
  { tokenId, begin, to, after, limit }: RawAsked & { readonly begin: Date },
): Promise<RawPage> {
  const prices: RawPrice[] = []
  const batch = limit + 1 + (after?.known ?? 0)
  const reader = tiers.reader('PriceSnapshot').between(begin, to).where({ tokenId })
  let last: RawKey | undefined
  for await (const { priceUsd, recordedAt } of reader.columns(['priceUsd', 'recordedAt']).rows({ batch })) {
    if (prices.length === limit) return { prices, next: last }
    const at = new Date(String(recordedAt instanceof Date ? recordedAt.toISOString() : recordedAt)).toISOString()
    last = { recordedAt: at, known: last?.recordedAt === at ? last.known + 1 : 1 }
    if (after?.recordedAt !== at || last.known > after.known)
      prices.push({ priceUsd: String(priceUsd), recordedAt: at })
  }
  return { prices, next: undefined }
}
