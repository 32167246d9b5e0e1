// What each figure is, at the places where it could be something else: gaps, zeros, one price, a price that stands still.

import { describe, expect, test } from 'vitest'
import { correlate } from '../../../examples/wedefi/src/risk/correlations.ts'
import { riskOfPortfolios, riskOfTokens, type RiskOf } from '../../../examples/wedefi/src/risk/risk.ts'
import { spanOf, timeframeNames } from '../../../examples/wedefi/src/risk/timeframes.ts'
import { isClose } from './risk-oracle.ts'
import { addHoldings, addPrices, addTokens, addWallets, dayMs, hourMs, useRiskDatabase } from './risk-support.ts'

const risk = useRiskDatabase()

/** Half past an hour of yesterday: the hour that it cuts is not over. */
const asOf: Date = new Date(Math.floor(Date.now() / dayMs) * dayMs - 13.5 * hourMs)
const lastHour: number = spanOf('24h', asOf).until.getTime() - hourMs

/** The close of each hour up to the last whole one, the latest last; undefined: no price. */
async function addCloses(token: string, closes: readonly (number | undefined)[]): Promise<void> {
  const prices = closes.flatMap((close, index) => {
    const bucket = lastHour - (closes.length - 1 - index) * hourMs
    if (close === undefined) return []
    // The last price of the hour is its close, whatever came before it, and whatever is written first.
    return [
      { token, atMs: bucket + 50 * 60_000, price: String(close) },
      { token, atMs: bucket + 10 * 60_000, price: '7777' },
    ]
  })
  await addPrices(risk().db, prices)
}

async function ofToken(token: string): Promise<RiskOf> {
  const [found] = await riskOfTokens(risk().strata, [token], { timeframe: '24h', asOf })
  if (found === undefined) throw new Error('Expected a row for each token')
  return found
}

describe('a token', () => {
  test('has simple returns of neighbouring buckets, and figures of them', async () => {
    await addCloses('four', [100, 110, 99, 99])
    const found = await ofToken('four')
    expect(found).toMatchObject({
      subject: 'four',
      timeframe: '24h',
      closes: 4,
      returns: 3,
      var95: 0.09999999999999998,
    })
    const returns = [0.1, -0.1, 0]
    const deviation = Math.sqrt(returns.reduce((sum, value) => sum + value ** 2, 0) / 2)
    expect(isClose(found.volatility, deviation * Math.sqrt(8760))).toBe(true)
    expect(isClose(found.totalReturn, -0.01)).toBe(true)
    expect(isClose(found.maxDrawdown, 0.1)).toBe(true)
    expect(found.var99).toBe(found.var95)
  })

  test('has no return over a gap, nor behind it, and none is made up', async () => {
    await addCloses('gap', [100, 200, undefined, 800, 400])
    expect(await ofToken('gap')).toMatchObject({
      closes: 4,
      returns: 2,
      var95: 0.5,
      maxDrawdown: 0.5,
      totalReturn: 3,
    })
  })

  test('whose price stands still has a volatility of exactly 0', async () => {
    await addCloses('still', [0.1, 0.1, 0.1, 0.1])
    expect(await ofToken('still')).toMatchObject({ volatility: 0, var95: 0, var99: 0, maxDrawdown: 0, totalReturn: 0 })
  })

  test('that grows by the same share in every bucket has one of 0, too', async () => {
    await addCloses('steady', [0.3, 0.6, 1.2, 2.4, 4.8])
    expect(await ofToken('steady')).toMatchObject({ returns: 4, volatility: 0, maxDrawdown: 0 })
  })

  test('with one price has a drawdown of 0 and nothing else', async () => {
    await addCloses('single', [5])
    expect(await ofToken('single')).toMatchObject({
      closes: 1,
      returns: 0,
      totalReturn: null,
      volatility: null,
      var95: null,
      var99: null,
      maxDrawdown: 0,
    })
  })

  test('that falls to zero loses all, and has no return from there', async () => {
    await addCloses('fallen', [10, 0, 0, 5])
    expect(await ofToken('fallen')).toMatchObject({
      closes: 4,
      returns: 1,
      var95: 1,
      maxDrawdown: 1,
      totalReturn: -0.5,
    })
  })

  test('whose prices are all zero has neither return nor drawdown', async () => {
    await addCloses('nothing', [0, 0])
    expect(await ofToken('nothing')).toMatchObject({ closes: 2, returns: 0, totalReturn: null, maxDrawdown: null })
  })

  test('without prices has a row, with nothing in it', async () => {
    expect(await ofToken('unknown')).toMatchObject({ closes: 0, returns: 0, volatility: null, maxDrawdown: null })
  })

  test('takes the value at risk at a whole place, where a product of doubles would take the next one', async () => {
    // 0.05 × 140 is 7.000000000000001.
    const closes = [100]
    for (let n = 0; n < 140; n++) closes.push((closes.at(-1) ?? 0) * (n % 20 === 0 ? 0.5 : 1.1))
    await addPrices(
      risk().db,
      closes.map((close, n) => ({ token: 'places', atMs: lastHour - (140 - n) * hourMs, price: close.toFixed(12) })),
    )
    const [found] = await riskOfTokens(risk().strata, ['places'], { timeframe: '7d', asOf })
    expect(found?.returns).toBe(140)
    // Seven of 140 fall by half: the seventh worst is the last of them.
    expect(isClose(found?.var95 ?? null, 0.5)).toBe(true)
  })

  test('counts whole buckets only, as many as its timeframe has', async () => {
    await addPrices(risk().db, [
      { token: 'edges', atMs: lastHour + hourMs, price: '9' },
      { token: 'edges', atMs: lastHour + hourMs - 1, price: '1' },
      { token: 'edges', atMs: lastHour - 24 * hourMs, price: '2' },
      { token: 'edges', atMs: lastHour - 24 * hourMs - 1, price: '3' },
    ])
    expect(await ofToken('edges')).toMatchObject({ closes: 2, totalReturn: -0.5 })
    for (const timeframe of timeframeNames) {
      const [found] = await riskOfTokens(risk().strata, ['edges'], { timeframe, asOf })
      expect(found).toMatchObject(spanOf(timeframe, asOf))
    }
  })
})

test('many are answered by one statement, in the order that was asked for, twice where one is named twice', async () => {
  await addCloses('many-a', [1, 2])
  await addCloses('many-b', [2, 1])
  const { db } = risk()
  const sent: string[] = []
  const counting = {
    query: async (statement: Parameters<(typeof db)['query']>[0]) => {
      sent.push(statement.text)
      return await db.query(statement)
    },
  }
  const found = await riskOfTokens(counting as typeof db, ['many-b', 'none', 'many-a', 'many-b'], {
    timeframe: '24h',
    asOf,
  })
  expect(found.map(({ subject, totalReturn }) => [subject, totalReturn])).toEqual([
    ['many-b', -0.5],
    ['none', null],
    ['many-a', 1],
    ['many-b', -0.5],
  ])
  expect(sent).toHaveLength(1)
})

describe('a portfolio', () => {
  test('weighs returns by what its tokens are worth now, and leaves out what has none', async () => {
    const { db, strata } = risk()
    await addTokens(db, ['t-0', 't-1', 't-2', 't-3'])
    await addWallets(db, ['p', 'q'])
    await addCloses('t-0', [100, 110, 110])
    await addCloses('t-1', [100, 90, 180])
    await addCloses('t-2', [undefined, 50, 25])
    await addHoldings(db, [
      { wallet: 'p', token: 't-0', usd: '300' },
      { wallet: 'p', token: 't-1', usd: '100' },
      { wallet: 'p', token: 't-2', usd: '100' },
      { wallet: 'p', token: 't-3', usd: '500' },
      { wallet: 'q', token: 't-0', usd: '0' },
    ])
    const [p, q, none] = await riskOfPortfolios(strata, ['p', 'q', 'nobody'], { timeframe: '24h', asOf })
    // (300 × 0.1 − 100 × 0.1) / 400, then (300 × 0 + 100 × 1 − 100 × 0.5) / 500.
    const returns = [0.05, 0.1]
    expect(p).toMatchObject({
      valueUsd: '1000.00000000',
      covered: 0.5,
      closes: 3,
      returns: 2,
      var95: 0,
      maxDrawdown: 0,
    })
    expect(isClose(p?.totalReturn ?? null, 1.05 * 1.1 - 1)).toBe(true)
    expect(
      isClose(p?.volatility ?? null, (((returns[1] ?? 0) - (returns[0] ?? 0)) / Math.SQRT2) * Math.sqrt(8760)),
    ).toBe(true)
    expect(q).toMatchObject({ valueUsd: '0', covered: null, returns: 0, volatility: null, maxDrawdown: null })
    expect(none).toMatchObject({ subject: 'nobody', valueUsd: '0', closes: 0 })
  })

  test('of which nothing is left stays at nothing', async () => {
    const { db, strata } = risk()
    await addWallets(db, ['ruin'])
    await addTokens(db, ['t-5'])
    await addCloses('t-5', [10, 5, 0, undefined, 4, 8])
    await addHoldings(db, [{ wallet: 'ruin', token: 't-5', usd: '1' }])
    const [ruin] = await riskOfPortfolios(strata, ['ruin'], { timeframe: '24h', asOf })
    expect(ruin).toMatchObject({ returns: 3, totalReturn: -1, var95: 1, maxDrawdown: 1 })
  })
})

test('correlation: 1, −1, and undefined for too few, for a price that stands still, and for nothing in common', async () => {
  const { strata } = risk()
  await addCloses('c-up', [100, 110, 99, 108.9])
  await addCloses('c-same', [10, 11, 9.9, 10.89])
  await addCloses('c-down', [100, 90, 99, 89.1])
  await addCloses('c-still', [5, 5, 5, 5])
  await addCloses('c-short', [undefined, 1, 2, 3])
  const found = await correlate(strata, ['c-up', 'c-same', 'c-down', 'c-still', 'c-short', 'c-none'], {
    timeframe: '24h',
    asOf,
  })
  const of = (a: string, b: string): { samples: number; correlation: number | null } | undefined =>
    found.find(({ tokenAId, tokenBId }) => tokenAId === a && tokenBId === b)
  expect(of('c-same', 'c-up')?.samples).toBe(3)
  expect(isClose(of('c-same', 'c-up')?.correlation ?? null, 1)).toBe(true)
  expect(isClose(of('c-down', 'c-up')?.correlation ?? null, -1)).toBe(true)
  expect(of('c-still', 'c-up')).toMatchObject({ samples: 3, correlation: null })
  expect(of('c-short', 'c-up')).toMatchObject({ samples: 2, correlation: null })
  expect(found.some(({ tokenAId, tokenBId }) => [tokenAId, tokenBId].includes('c-none'))).toBe(false)
  // Each pair once, the lesser id first.
  expect(found.every(({ tokenAId, tokenBId }) => tokenAId < tokenBId)).toBe(true)
  expect(new Set(found.map(({ tokenAId, tokenBId }) => `${tokenAId} ${tokenBId}`)).size).toBe(10)
})
