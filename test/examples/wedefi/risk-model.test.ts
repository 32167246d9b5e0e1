// Random prices, written in any order, some late, some taken away again, merged or not: figures and correlations are those that plain
// TypeScript computes from the raw rows, to nine digits.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { correlate } from '../../../examples/wedefi/src/risk/correlations.ts'
import type { Figures } from '../../../examples/wedefi/src/risk/figures.ts'
import { riskOfPortfolios, riskOfTokens } from '../../../examples/wedefi/src/risk/risk.ts'
import { timeframeNames, timeframes, type Timeframe } from '../../../examples/wedefi/src/risk/timeframes.ts'
import { sql } from '../../../src/sql/sql.ts'
import { checkProperty } from '../../support/property.ts'
import {
  correlationOf,
  isClose,
  portfolioFigures,
  tokenFigures,
  type Asked,
  type OracleFigures,
  type RawPrice,
} from './risk-oracle.ts'
import {
  addHoldings,
  addPrices,
  addTokens,
  addWallets,
  dayMs,
  hourMs,
  useRiskDatabase,
  type Price,
} from './risk-support.ts'

const risk = useRiskDatabase()

type Manner = 'dense' | 'gaps' | 'still' | 'zeros' | 'single' | 'none'

interface Series {
  readonly manner: Manner
  readonly seed: number
}

interface Case {
  readonly timeframe: Timeframe
  readonly series: readonly Series[]
  readonly weights: readonly number[]
  /** Minutes before yesterday's end. */
  readonly back: number
  /** In how many batches prices come, in what order, and behind which of them is merged. */
  readonly order: number
  readonly batches: number
  readonly mergedBehind: number
  /** Of a hundred prices, so many are deleted again. */
  readonly deleted: number
}

const series: fc.Arbitrary<Series> = fc.record({
  manner: fc.constantFrom<Manner>('dense', 'dense', 'gaps', 'gaps', 'still', 'zeros', 'single', 'none'),
  seed: fc.nat(1_000_000),
})

const someCase: fc.Arbitrary<Case> = fc.record({
  timeframe: fc.constantFrom(...timeframeNames),
  series: fc.array(series, { minLength: 2, maxLength: 5 }),
  weights: fc.array(fc.constantFrom(0, 1, 250, 1000.5, 1e6), { minLength: 5, maxLength: 5 }),
  back: fc.nat(3_000),
  order: fc.nat(1_000),
  batches: fc.integer({ min: 1, max: 4 }),
  mergedBehind: fc.nat(4),
  deleted: fc.constantFrom(0, 0, 3, 20),
})

/** The same numbers for the same seed. */
function numbersFrom(seed: number): () => number {
  let state = seed + 1
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function pricesOf(token: string, { manner, seed }: Series, { timeframe, asOfMs }: Asked): readonly Price[] {
  const { grain, returns } = timeframes[timeframe]
  const bucketMs = grain === 'hour' ? hourMs : dayMs
  const next = numbersFrom(seed)
  const prices: Price[] = []
  let price = 0.01 + next() * 1000
  // Some before the timeframe, and some behind it.
  for (let back = returns + 3; back >= -1; back--) {
    const bucket = asOfMs - (asOfMs % bucketMs) - back * bucketMs
    if (manner === 'none' || (manner === 'single' && back !== 5)) continue
    if (manner === 'gaps' && next() < 0.3) continue
    for (let nth = Math.floor(next() * 2); nth >= 0; nth--) {
      if (manner !== 'still') price *= 0.8 + next() * 0.41
      const shown = manner === 'zeros' && next() < 0.15 ? 0 : price
      prices.push({ token, atMs: bucket + Math.floor(next() * bucketMs), price: shown.toFixed(12) })
    }
  }
  return prices
}

function shuffled<T>(values: readonly T[], seed: number): readonly T[] {
  const next = numbersFrom(seed)
  return values
    .map((value) => [next(), value] as const)
    .toSorted(([one], [other]) => one - other)
    .map(([, value]) => value)
}

let run = 0

async function write(given: Case, asked: Asked, names: readonly string[]): Promise<void> {
  const { db, strata } = risk()
  const all = shuffled(
    given.series.flatMap((one, index) => pricesOf(names[index] ?? '', one, asked)),
    given.order,
  )
  const size = Math.ceil(all.length / given.batches)
  for (let batch = 0; batch < given.batches; batch++) {
    await addPrices(db, all.slice(batch * size, (batch + 1) * size))
    if (batch === given.mergedBehind) await strata.rollup.merge()
  }
  if (given.deleted === 0) return
  await db.query(sql`
    delete from "PriceSnapshot"
    where "tokenId" = any (${names}::text[])
      and abs(hashtext("tokenId" || "recordedAt"::text)) % 100 < ${given.deleted}`)
  // A close that was taken away follows with the next merge.
  await strata.rollup.merge()
}

/** As they stand in the table. */
async function readRaw(names: readonly string[]): Promise<readonly RawPrice[]> {
  const { rows } = await risk().db.query<{ token: string; at: number; price: string }>(sql`
    select "tokenId" as token, (extract(epoch from "recordedAt") * 1000)::float8 as at, "priceUsd"::text as price
    from "PriceSnapshot"
    where "tokenId" = any (${names}::text[])`)
  return rows.map(({ token, at, price }) => ({ token, atMs: at, price: Number(price) }))
}

function expectFigures(found: Figures | undefined, expected: OracleFigures): void {
  if (found === undefined) throw new Error('Expected a row for each subject')
  const differing = (Object.keys(expected) as (keyof OracleFigures)[]).filter(
    (name) => !isClose(found[name], expected[name]),
  )
  expect({ differing, found }).toEqual({ differing: [], found })
}

async function checkCase(given: Case): Promise<void> {
  const { db, strata } = risk()
  const prefix = `m${++run}`
  const names = given.series.map((_, index) => `${prefix}-${index}`)
  const asOfMs = Math.floor(Date.now() / dayMs) * dayMs - given.back * 60_000
  const asked: Asked = { timeframe: given.timeframe, asOfMs }
  await write(given, asked, names)
  const choice = { timeframe: given.timeframe, asOf: new Date(asOfMs) }
  const raw = await readRaw(names)
  const tokens = await riskOfTokens(strata, names, choice)
  names.forEach((name, index) => expectFigures(tokens[index], tokenFigures(raw, name, asked)))

  const pairs = await correlate(strata, names, choice)
  for (const [index, a] of names.entries())
    for (const b of names.slice(index + 1)) {
      const expected = correlationOf(raw, [a, b], asked)
      const found = pairs.find(({ tokenAId, tokenBId }) => tokenAId === a && tokenBId === b)
      expect({ a, b, samples: found?.samples ?? 0 }).toEqual({ a, b, samples: expected.samples })
      if (found !== undefined && !isClose(found.correlation, expected.correlation))
        expect({ a, b, correlation: found.correlation }).toEqual({ a, b, correlation: expected.correlation })
    }

  const wallet = `${prefix}-wallet`
  const weights = names.map((token, index) => ({ wallet, token, usd: given.weights[index] ?? 0 }))
  await addTokens(db, names)
  await addWallets(db, [wallet])
  await addHoldings(
    db,
    weights.map(({ usd, ...held }) => ({ ...held, usd: String(usd) })),
  )
  const [portfolio] = await riskOfPortfolios(strata, [wallet], choice)
  const expected = portfolioFigures(raw, weights, asked)
  expectFigures(portfolio, expected)
  expect(isClose(portfolio?.covered ?? null, expected.covered)).toBe(true)
}

test('figures of random prices are those of plain arithmetic over the raw rows', { timeout: 120_000 }, async () => {
  await checkProperty('risk', someCase, checkCase, { runs: 12 })
})
