// The generator of wedefi: what it promises of a seed, the shape of its markets and wallets, and a database that it fills: everything agrees with
// everything, and what is there is left alone.

import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { generate } from '../../../examples/wedefi/src/generator/generate.ts'
import { createMarket, dayMs, epochMs } from '../../../examples/wedefi/src/generator/market.ts'
import { sizesOf } from '../../../examples/wedefi/src/generator/sizes.ts'
import { rowsOfDay } from '../../../examples/wedefi/src/generator/snapshots.ts'
import { makeTokens } from '../../../examples/wedefi/src/generator/tokens.ts'
import { makeWallets } from '../../../examples/wedefi/src/generator/wallets.ts'
import { sql } from '../../../src/sql/sql.ts'
import { checkProperty } from '../../support/property.ts'
import { useDeployed } from './service-support.ts'

const now = new Date('2026-03-18T17:20:00.000Z')
const untilMs = now.getTime()

const marketOf = (count: number, seed = 1) => createMarket(makeTokens(count, seed), { seed, untilMs })

describe('what a seed gives', () => {
  test('the same tokens, wallets and days again, and others for another', () => {
    const digest = (seed: number): string => {
      const market = marketOf(30, seed)
      const wallets = [...makeWallets({ count: 20, tokens: market.tokens, seed, now })]
      const pace = { pricesADay: 10, snapshotsADay: 12 }
      const day = rowsOfDay({ market, wallets, fromMs: untilMs - (untilMs % dayMs), untilMs, pace })
      return createHash('sha256')
        .update(JSON.stringify([market.tokens, wallets, [...day.prices], [...day.portfolios], [...day.positions]]))
        .digest('hex')
    }
    expect(digest(7)).toBe(digest(7))
    expect(digest(7)).not.toBe(digest(8))
  })

  test('a token the same prices of a day, whichever tokens and days are made besides', async () => {
    const day = fc.integer({ min: 0, max: Math.floor((untilMs - epochMs) / dayMs) })
    const many = createMarket(makeTokens(41, 1), { seed: 1, untilMs: untilMs + 90 * dayMs })
    await checkProperty(
      'prices of a day',
      fc.tuple(day, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 200 })),
      ([at, count, steps]) => {
        const fromMs = epochMs + at * dayMs
        const [one, other] = [marketOf(count).day(fromMs, steps), many.day(fromMs, steps)]
        for (let step = 0; step < steps; step += 7)
          for (let token = 0; token < count; token++) expect(one.price(step, token)).toBe(other.price(step, token))
      },
      { runs: 30 },
    )
  })
})

describe('the shape', () => {
  const market = marketOf(60)
  const [weth, usdc, wbtc] = [0, 1, 2]

  const changesOf = (token: number): readonly number[] => {
    const closes = Array.from({ length: 700 }, (_, day) => market.day(epochMs + day * dayMs, 1).value(0, token))
    return closes.slice(1).map((close, index) => Math.log(close / (closes[index] ?? Number.NaN)))
  }

  const correlationOf = (one: readonly number[], other: readonly number[]): number => {
    const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length
    const [a, b] = [mean(one), mean(other)]
    const product = mean(one.map((value, index) => (value - a) * ((other[index] ?? 0) - b)))
    const spread = (list: readonly number[], of: number): number =>
      Math.sqrt(mean(list.map((value) => (value - of) ** 2)))
    return product / (spread(one, a) * spread(other, b))
  }

  test('large coins move together, stablecoins hardly move', () => {
    expect(correlationOf(changesOf(weth), changesOf(wbtc))).toBeGreaterThan(0.35)
    expect(Math.max(...changesOf(usdc).map(Math.abs))).toBeLessThan(0.01)
    expect(Math.max(...changesOf(weth).map(Math.abs))).toBeGreaterThan(0.04)
  })

  test('a day goes on where the one before ended, and no price is zero or below', () => {
    for (let day = 500; day < 520; day++) {
      const [one, next] = [market.day(epochMs + day * dayMs, 100), market.day(epochMs + (day + 1) * dayMs, 100)]
      for (let token = 0; token < market.tokens.length; token++) {
        const change = Math.abs(Math.log(next.value(0, token) / one.value(99, token)))
        expect(change).toBeLessThan(0.08)
        expect(one.value(50, token)).toBeGreaterThan(0)
      }
    }
  })

  test('few wallets are rich, most hold a few tokens, each once', () => {
    const { tokens } = market
    const wallets = [...makeWallets({ count: 3_000, tokens, seed: 1, now })]
    const day = market.day(untilMs, 1)
    const values = wallets
      .map(({ holdings }) =>
        holdings.reduce((sum, { token, quantity }) => sum + Number(quantity) * day.value(0, token), 0),
      )
      .toSorted((one, other) => other - one)
    const whole = values.reduce((sum, value) => sum + value, 0)
    const richest = values.slice(0, 30).reduce((sum, value) => sum + value, 0)
    expect(richest / whole).toBeGreaterThan(0.5)
    for (const { holdings } of wallets) {
      expect(holdings.length).toBeGreaterThanOrEqual(1)
      expect(new Set(holdings.map(({ token }) => token)).size).toBe(holdings.length)
    }
    expect(wallets.filter(({ holdings }) => holdings.length <= 4).length).toBeGreaterThan(1_500)
    expect(new Set(wallets.map(({ id }) => id)).size).toBe(3_000)
  })

  test('a scale that makes no sense is refused', () => {
    expect(() => sizesOf(0)).toThrow('above 0 and at most 10, got 0')
    expect(() => sizesOf(Number.NaN)).toThrow('above 0')
  })
})

describe('a generated database', () => {
  const deployed = useDeployed(18)

  test('agrees with itself, and is left alone by a second call', async () => {
    const { strata, db } = deployed()
    const sizes = { tokens: 20, wallets: 40, followed: 5, months: 1 }
    const bars: string[] = []
    const progress = ({ label }: { label: string }): { add(): void; set(): void; finish(): void } => ({
      add: () => undefined,
      set: () => undefined,
      finish: () => void bars.push(label),
    })
    const report = await generate(strata, { scale: 0.01, sizes, progress })
    expect(report).toMatchObject({ tokens: 20, wallets: 40 })
    expect(bars).toEqual(['Wallets', 'Days'])
    const { rows } = await db.query(sql`
      select (select count(*)::int from "PriceSnapshot") as prices,
        (select count(*)::int from "PortfolioSnapshot") as portfolios,
        (select count(*)::int from "PositionSnapshot") as positions,
        (select count(*)::int from "TokenBalance") as balances,
        (select sum(samples)::int from price_hourly) as hourly,
        (select sum(samples)::int from price_daily) as daily,
        (select sum(samples)::int from portfolio_hourly) as followed,
        (select sum("totalUsd") from wallet_holdings) = (select sum("usdValue") from "TokenBalance") as held`)
    const { prices, portfolios, positions, balances } = report
    expect(rows).toEqual([
      { prices, portfolios, positions, balances, hourly: prices, daily: prices, followed: portfolios, held: true },
    ])
    // Of a day the value of a portfolio is that of its positions, but for cents.
    const { rows: apart } = await db.query(sql`
      select count(*)::int as compared, max(abs(p."totalUsd" - summed.usd) / greatest(1, p."totalUsd"))::float8 as most
      from "PortfolioSnapshot" as p
      join (
        select "walletId", "capturedAt", sum("usdValue") as usd
        from "PositionSnapshot"
        group by 1, 2
      ) as summed using ("walletId", "capturedAt")`)
    expect(apart[0]?.['compared']).toBeGreaterThan(100)
    expect(apart[0]?.['most']).toBeLessThan(0.2)

    await expect(generate(strata, { scale: 0.01, sizes })).rejects.toThrow('say --reset to begin anew')
    const anew = await generate(strata, { scale: 0.01, sizes: { ...sizes, wallets: 30, months: 0 }, existing: 'reset' })
    const { rows: left } = await db.query(sql`
      select (select count(*)::int from "Wallet") as wallets,
        (select count(*)::int from "PriceSnapshot") as prices,
        (select sum(samples)::int from price_hourly) as hourly`)
    expect(left).toEqual([{ wallets: 30, prices: anew.prices, hourly: anew.prices }])
  })
})
