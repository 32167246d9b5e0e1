// Risk over HTTP: figures of a token and of a portfolio, correlations by name and from the table, and what is refused.

import { beforeAll, expect, test } from 'vitest'
import { fillCorrelations } from '../../../examples/wedefi/src/risk/correlation-table.ts'
import { riskOfPortfolios, riskOfTokens } from '../../../examples/wedefi/src/risk/risk.ts'
import { openService } from '../../../examples/wedefi/src/service.ts'
import { ask } from '../support/ask.ts'
import { useServed } from '../support/served.ts'
import {
  addHoldings,
  addPrices,
  addTokens,
  addWallets,
  dayMs,
  riskConfig,
  riskTemplate,
  type Price,
} from './risk-support.ts'

const served = useServed({
  template: riskTemplate,
  open: async ({ url, log }) => await openService({ config: riskConfig(url), port: 0, background: false, log }),
})

const names = ['a-coin', 'b-coin', 'c-coin']

beforeAll(async () => {
  const { db } = served().database
  const today = Math.floor(Date.now() / dayMs) * dayMs
  await addTokens(db, [...names, 'silent'])
  await addWallets(db, ['purse', 'empty'])
  const prices = names.flatMap((token, which) =>
    Array.from({ length: 40 }, (_, day): Price => {
      const price = (100 + 30 * Math.sin(day / (2 + which)) + ((day * (which + 5)) % 9)).toFixed(6)
      return { token, atMs: today - day * dayMs - 1_000, price }
    }),
  )
  await addPrices(db, prices)
  await addHoldings(db, [
    { wallet: 'purse', token: 'a-coin', usd: '30' },
    { wallet: 'purse', token: 'b-coin', usd: '10' },
    { wallet: 'purse', token: 'silent', usd: '60' },
  ])
})

const shown = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown

test('a token and a portfolio are told as they are computed, by default of thirty days', async () => {
  const { strata } = served()
  const [token] = await riskOfTokens(strata, ['a-coin'], { timeframe: '30d' })
  const { subject, ...figures } = token ?? {}
  expect(figures).toMatchObject({ closes: 31, returns: 30 })
  const answer = await ask(served(), '/risk/tokens/a-coin')
  expect([answer.status, answer.body]).toEqual([200, shown({ tokenId: subject, ...figures })])

  const [portfolio] = await riskOfPortfolios(strata, ['purse'], { timeframe: '90d' })
  const { subject: wallet, ...risk } = portfolio ?? {}
  expect(risk).toMatchObject({ valueUsd: '100.00000000', covered: 0.4, returns: 39 })
  expect((await ask(served(), '/risk/portfolios/purse?timeframe=90d')).body).toEqual(
    shown({ walletId: wallet, ...risk }),
  )
})

test('what has no prices, or nothing in it, is told with nothing; what there is not, as that', async () => {
  expect((await ask(served(), '/risk/tokens/silent?timeframe=1y')).body).toMatchObject({ closes: 0, volatility: null })
  expect((await ask(served(), '/risk/portfolios/empty')).body).toMatchObject({
    valueUsd: '0',
    covered: null,
    var99: null,
  })
  for (const path of ['/risk/tokens/none', '/risk/portfolios/none'])
    expect((await ask(served(), path)).status).toBe(404)
})

test('correlations of tokens that are named, and of the table without names', async () => {
  const { database } = served()
  const named = await ask(served(), `/risk/correlations?timeframe=90d&tokens=${names.join(',')},a-coin,%20silent`)
  expect(named.body).toMatchObject({ timeframe: '90d' })
  const pairs = named.body['pairs'] as readonly {
    readonly tokenAId: string
    readonly tokenBId: string
    readonly samples: number
  }[]
  expect(pairs.map(({ tokenAId, tokenBId, samples }) => [tokenAId, tokenBId, samples])).toEqual([
    ['a-coin', 'b-coin', 39],
    ['a-coin', 'c-coin', 39],
    ['b-coin', 'c-coin', 39],
  ])
  expect((await ask(served(), '/risk/correlations?timeframe=90d')).body['pairs']).toEqual([])
  await fillCorrelations(database.db, { asOf: new Date(), timeframes: ['90d'] })
  const stored = await ask(served(), '/risk/correlations?timeframe=90d&')
  expect((stored.body['pairs'] as readonly object[]).length).toBe(3)
  expect(stored.body['pairs']).toEqual(
    expect.arrayContaining(pairs.map((pair) => expect.objectContaining(pair) as unknown)),
  )
})

test.each([
  '/risk/tokens/a-coin?timeframe=2y',
  '/risk/tokens/a-coin?window=1',
  '/risk/portfolios/purse?timeframe=',
  '/risk/correlations?tokens=a-coin',
  '/risk/correlations?tokens=a-coin,a-coin',
  '/risk/correlations?tokens=',
  `/risk/correlations?tokens=${Array.from({ length: 51 }, (_, n) => `t${n}`).join(',')}`,
])('is refused: %s', async (path) => {
  expect((await ask(served(), path)).body.error).toMatchObject({ code: 'BAD_INPUT' })
})
