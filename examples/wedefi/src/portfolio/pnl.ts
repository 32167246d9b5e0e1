// What a portfolio gained or lost over time, from the rollup of its snapshots: for any time and grain, exact also where the time begins or
// ends within an hour, and however old it is. Buckets are those of UTC. A gain is a change of value; what was paid in or out counts as one.
//
// Hours are kept when snapshots are packed or archived. The hours that a time cuts off need the snapshots themselves: from the table and its
// packs the rollup's reader takes them in the same statement; what is old enough to be in the archive comes by the reader of tiers.

import { badInput } from 'pgstrata-example-kit'
import { isLongAgo, readInTurn } from '../archive-turns.ts'
import type { QueryClass } from '../routing.ts'
import type { WedefiStrata } from '../strata.ts'
import { toText, toUnits } from './amounts.ts'
import { bucketOf, grainMs, mergeCandles, type Candle, type Grain } from './candles.ts'

export interface PnlQuestion {
  readonly walletId: string
  readonly from: Date
  /** Excluded. */
  readonly to: Date
  readonly grain: Grain
}

interface PnlPoint extends Candle {
  /** Since the close before. */
  readonly pnl: string
  /** Since the beginning. */
  readonly total: string
}

export interface Pnl extends PnlQuestion {
  /** The last value before the time; null: there was none, and gains count from the first one within. */
  readonly base: string | null
  readonly points: readonly PnlPoint[]
  /** null: there is no value in the time. */
  readonly pnl: string | null
  /** Of what it begins with; null: that is nothing. */
  readonly percent: number | null
}

export type PnlSource = Pick<WedefiStrata, 'rollups' | 'tiers' | 'pool'>

const mostPoints = 2_000
const hourMs = 3_600_000
const dayMs = 24 * hourMs
const route: QueryClass = 'portfolio_queries'

export async function readPnl(strata: PnlSource, question: PnlQuestion): Promise<Pnl> {
  const { walletId, from, to, grain } = question
  if (!(from.getTime() < to.getTime())) throw badInput({ where: 'to', expected: 'a time behind `from`' })
  if ((to.getTime() - from.getTime()) / grainMs[grain] > mostPoints)
    throw badInput({ where: 'grain', expected: `one by which the time has at most ${mostPoints} points` })
  return await strata.pool.routed(route, async () => {
    const [base, candles] = await Promise.all([
      readBase(strata, walletId, from),
      readCandles(strata, { walletId, since: from, until: to, grain }),
    ])
    return { ...question, base: base ?? null, ...gainsOf(candles, base) }
  })
}

function gainsOf(candles: readonly Candle[], base: string | undefined): Pick<Pnl, 'points' | 'pnl' | 'percent'> {
  const [first] = candles
  const begun = toUnits(base ?? first?.open ?? '0')
  let before = begun
  const points = candles.map((candle) => {
    const close = toUnits(candle.close)
    const point = { ...candle, pnl: toText(close - before), total: toText(close - begun) }
    before = close
    return point
  })
  const pnl = points.at(-1)?.total ?? null
  const isTold = pnl !== null && begun !== 0n
  return { points, pnl, percent: isTold ? Number((toUnits(pnl) * 1_000_000n) / begun) / 10_000 : null }
}

/** Snapshots come every five minutes: nearly always the day before has one. */
async function readBase(strata: PnlSource, walletId: string, before: Date): Promise<string | undefined> {
  const read = async (since: Date): Promise<string | undefined> => {
    const candles = await readCandles(strata, { walletId, since, until: before, grain: 'month' })
    return candles.at(-1)?.close
  }
  return (await read(new Date(before.getTime() - dayMs))) ?? (await read(new Date(0)))
}

interface Span {
  readonly walletId: string
  readonly since: Date
  readonly until: Date
  readonly grain: Grain
}

async function readCandles(strata: PnlSource, span: Span): Promise<readonly Candle[]> {
  const { walletId, since, until, grain } = span
  const [headEnd, tailBegin] = [wholeFrom(since), wholeUntil(until)]
  if (!isCutLongAgo(since, headEnd) && !isCutLongAgo(until, tailBegin)) return await fromRollup(strata, span)
  if (tailBegin <= headEnd) return await fromSnapshots(strata, span)
  const parts = await Promise.all([
    fromSnapshots(strata, { walletId, since, until: headEnd, grain }),
    fromRollup(strata, { walletId, since: headEnd, until: tailBegin, grain }),
    fromSnapshots(strata, { walletId, since: tailBegin, until, grain }),
  ])
  return mergeCandles(parts.flat())
}

/** The first whole hour that begins then or later. */
const wholeFrom = (at: Date): Date => new Date(Math.ceil(at.getTime() / hourMs) * hourMs)
const wholeUntil = (at: Date): Date => new Date(Math.floor(at.getTime() / hourMs) * hourMs)

/** Within an hour whose snapshots may be in the archive. */
function isCutLongAgo(at: Date, edge: Date): boolean {
  return at.getTime() !== edge.getTime() && isLongAgo(at)
}

async function fromRollup({ rollups }: PnlSource, { walletId, since, until, grain }: Span): Promise<readonly Candle[]> {
  const rows = await rollups.portfolio_hourly.where({ walletId }).between(since, until).by(grain).orderBy(grain).rows()
  return rows.map((row) => ({
    bucket: row[grain],
    open: String(row.open),
    close: String(row.close),
    low: String(row.low),
    high: String(row.high),
    samples: Number(row.samples),
  }))
}

/** Hot, packed and archived ones, in order of time. */
async function fromSnapshots(strata: PnlSource, span: Span): Promise<readonly Candle[]> {
  if (span.until <= span.since) return []
  return await readInTurn(span.since, () => readSnapshots(strata, span))
}

async function readSnapshots(
  { tiers }: PnlSource,
  { walletId, since, until, grain }: Span,
): Promise<readonly Candle[]> {
  const candles: Candle[] = []
  const snapshots = tiers.reader('PortfolioSnapshot').between(since, until).where({ walletId })
  for await (const { capturedAt, totalUsd } of snapshots.columns(['capturedAt', 'totalUsd']).rows()) {
    const value = String(totalUsd)
    const bucket = bucketOf(capturedAt instanceof Date ? capturedAt : new Date(String(capturedAt)), grain)
    candles.push({ bucket, open: value, close: value, low: value, high: value, samples: 1 })
  }
  return mergeCandles(candles)
}
