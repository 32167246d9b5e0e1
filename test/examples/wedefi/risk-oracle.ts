// Risk computed a second time, in plain TypeScript over raw prices: nothing of it is shared with the app, and no rollup is read.

import { dayMs, hourMs } from './risk-support.ts'

export interface RawPrice {
  readonly token: string
  readonly atMs: number
  readonly price: number
}

export interface OracleFigures {
  readonly closes: number
  readonly returns: number
  readonly totalReturn: number | null
  readonly volatility: number | null
  readonly var95: number | null
  readonly var99: number | null
  readonly maxDrawdown: number | null
}

const frames = {
  '24h': { bucketMs: hourMs, count: 24 },
  '7d': { bucketMs: hourMs, count: 168 },
  '30d': { bucketMs: dayMs, count: 30 },
  '90d': { bucketMs: dayMs, count: 90 },
  '1y': { bucketMs: dayMs, count: 365 },
} as const
type Named = keyof typeof frames

/** Closes by bucket, of one token. */
type Closes = ReadonlyMap<number, number>

function closesOf(prices: readonly RawPrice[], name: Named, asOfMs: number): Closes {
  const { bucketMs, count } = frames[name]
  const until = asOfMs - (asOfMs % bucketMs)
  const closes = new Map<number, number>()
  for (const { atMs, price } of prices.toSorted((one, other) => one.atMs - other.atMs)) {
    const bucket = atMs - (atMs % bucketMs)
    if (bucket < until && bucket >= until - (count + 1) * bucketMs) closes.set(bucket, price)
  }
  return closes
}

function returnsOf(closes: Closes, bucketMs: number): ReadonlyMap<number, number> {
  const returns = new Map<number, number>()
  for (const [bucket, close] of closes) {
    const before = closes.get(bucket - bucketMs)
    if (before !== undefined && before > 0) returns.set(bucket, (close - before) / before)
  }
  return returns
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** In two passes. */
function deviationOf(values: readonly number[]): number | null {
  if (values.length < 2) return null
  const center = mean(values)
  const squares = values.reduce((sum, value) => sum + (value - center) ** 2, 0)
  const deviation = Math.sqrt(squares / (values.length - 1))
  return deviation < 1e-12 ? 0 : deviation
}

function lossAt(values: readonly number[], percent: number): number | null {
  const sorted = values.toSorted((one, other) => one - other)
  const [whole, rest] = [Math.floor((sorted.length * percent) / 100), (sorted.length * percent) % 100]
  const found = sorted[rest === 0 ? whole - 1 : whole]
  return found === undefined ? null : found >= 0 ? 0 : -found
}

function drawdownOf(levels: readonly number[]): number | null {
  let [peak, worst] = [0, null as number | null]
  for (const level of levels) {
    peak = Math.max(peak, level)
    if (peak > 0) worst = Math.max(worst ?? 0, (peak - level) / peak)
  }
  return worst
}

function figuresOf(levels: readonly number[], returns: readonly number[], bucketMs: number): OracleFigures {
  const deviation = deviationOf(returns)
  const [first, last] = [levels[0], levels.at(-1)]
  const hasReturn = levels.length > 1 && first !== undefined && last !== undefined && first !== 0
  return {
    closes: levels.length,
    returns: returns.length,
    totalReturn: hasReturn ? (last - first) / first : null,
    volatility: deviation === null ? null : deviation * Math.sqrt((365 * dayMs) / bucketMs),
    var95: lossAt(returns, 5),
    var99: lossAt(returns, 1),
    maxDrawdown: drawdownOf(levels),
  }
}

export interface Asked {
  readonly timeframe: Named
  readonly asOfMs: number
}

const ofToken = (prices: readonly RawPrice[], token: string): readonly RawPrice[] =>
  prices.filter((price) => price.token === token)

const ordered = (values: ReadonlyMap<number, number>): readonly number[] =>
  [...values].toSorted(([one], [other]) => one - other).map(([, value]) => value)

export function tokenFigures(prices: readonly RawPrice[], token: string, { timeframe, asOfMs }: Asked): OracleFigures {
  const { bucketMs } = frames[timeframe]
  const closes = closesOf(ofToken(prices, token), timeframe, asOfMs)
  return figuresOf(ordered(closes), ordered(returnsOf(closes, bucketMs)), bucketMs)
}

export interface Weight {
  readonly token: string
  readonly usd: number
}

export function portfolioFigures(
  prices: readonly RawPrice[],
  weights: readonly Weight[],
  { timeframe, asOfMs }: Asked,
): OracleFigures & { readonly covered: number | null } {
  const { bucketMs } = frames[timeframe]
  const held = weights.filter(({ usd }) => usd > 0)
  const moved = held.map(({ token, usd }) => ({
    usd,
    returns: returnsOf(closesOf(ofToken(prices, token), timeframe, asOfMs), bucketMs),
  }))
  const buckets = [...new Set(moved.flatMap(({ returns }) => [...returns.keys()]))].toSorted(
    (one, other) => one - other,
  )
  const returns = buckets.map((bucket) => {
    const here = moved.filter((one) => one.returns.has(bucket))
    const total = here.reduce((sum, { usd }) => sum + usd, 0)
    return here.reduce((sum, one) => sum + (one.usd / total) * (one.returns.get(bucket) ?? 0), 0)
  })
  const levels = returns.length === 0 ? [] : [1]
  for (const change of returns) levels.push((levels.at(-1) ?? 1) * (1 + change))
  const worth = held.reduce((sum, { usd }) => sum + usd, 0)
  const known = moved.reduce((sum, one) => sum + (one.returns.size > 0 ? one.usd : 0), 0)
  return { ...figuresOf(levels, returns, bucketMs), covered: worth === 0 ? null : known / worth }
}

export interface OracleCorrelation {
  readonly samples: number
  readonly correlation: number | null
}

export function correlationOf(
  prices: readonly RawPrice[],
  [a, b]: readonly [string, string],
  { timeframe, asOfMs }: Asked,
): OracleCorrelation {
  const { bucketMs } = frames[timeframe]
  const [ofA, ofB] = [a, b].map((token) => returnsOf(closesOf(ofToken(prices, token), timeframe, asOfMs), bucketMs))
  const common = [...(ofA ?? [])].flatMap(([bucket, x]) => {
    const y = ofB?.get(bucket)
    return y === undefined ? [] : [[x, y] as const]
  })
  const [xs, ys] = [common.map(([x]) => x), common.map(([, y]) => y)]
  const samples = common.length
  if (samples < 3 || deviationOf(xs) === 0 || deviationOf(ys) === 0) return { samples, correlation: null }
  const [mx, my] = [mean(xs), mean(ys)]
  const along = common.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0)
  const spread = (values: readonly number[], center: number): number =>
    Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0))
  return { samples, correlation: along / (spread(xs, mx) * spread(ys, my)) }
}

/** To nine digits, or to 1e-12 where they are nearer to zero than that. */
export function isClose(found: number | null, expected: number | null): boolean {
  if (found === null || expected === null) return found === expected
  return Math.abs(found - expected) <= Math.max(1e-12, 1e-9 * Math.max(Math.abs(found), Math.abs(expected)))
}
