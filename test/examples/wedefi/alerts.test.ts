// When alerts of each kind fire, and when they are armed again.

import { beforeAll, expect, test } from 'vitest'
import { evaluateAlerts } from '../../../examples/wedefi/src/alerts/evaluate.ts'
import { sql } from '../../../src/sql/sql.ts'
import { addAlert, readAlert, readEvents } from './alerts-support.ts'
import { addHoldings, addPrices, addTokens, addWallets, hourMs, useRiskDatabase } from './risk-support.ts'

const risk = useRiskDatabase()
const beganMs: number = Date.now() - 2 * hourMs
let tokens = 0

beforeAll(async () => {
  await addTokens(risk().db, ['shared'])
})

async function someToken(): Promise<string> {
  const token = `alerted-${++tokens}`
  await addTokens(risk().db, [token])
  return token
}

/** A second apart, from two hours ago on. */
async function addSeconds(token: string, values: readonly number[], from = 0): Promise<void> {
  await addPrices(
    risk().db,
    values.map((value, index) => ({ token, atMs: beganMs + (from + index) * 1_000, price: String(value) })),
  )
}

const evaluate = async (): Promise<unknown> => await evaluateAlerts(risk().db)
const episodes = async (id: string): Promise<unknown> =>
  (await readEvents(risk().db, id)).map(({ episode, value }) => [episode, value])

test('a price alert fires once for each episode, however many prices it is beyond the threshold for', async () => {
  const { db } = risk()
  const token = await someToken()
  const id = await addAlert(db, { token, threshold: 100, rearm: 90 })
  await addSeconds(token, [50, 100])
  await evaluate()
  expect(await readAlert(db, id)).toMatchObject({ status: 'armed', episode: 0, firedAt: null })
  await addSeconds(token, [101, 150, 95], 2)
  expect(await evaluate()).toMatchObject({ fired: 1, rearmed: 0 })
  expect(await readAlert(db, id)).toEqual({ status: 'fired', episode: 1, firedAt: new Date(beganMs + 2_000) })
  // On its way back, and away again, without having been at 90.
  await addSeconds(token, [91, 130], 5)
  expect(await evaluate()).toMatchObject({ fired: 0, rearmed: 0 })
  await addSeconds(token, [90], 7)
  expect(await evaluate()).toMatchObject({ fired: 0, rearmed: 1 })
  await addSeconds(token, [100.000000000001], 8)
  await evaluate()
  expect(await episodes(id)).toEqual([
    [1, '101'],
    [2, '100.000000000001'],
  ])
})

test('what happened between two looks is not lost: a moment beyond the threshold, and several episodes', async () => {
  const { db } = risk()
  const token = await someToken()
  const above = await addAlert(db, { token, threshold: 10, rearm: 8 })
  const below = await addAlert(db, { token, direction: 'below', threshold: 5, rearm: 6 })
  await addSeconds(token, [7, 11, 7, 12, 4, 5.5, 3, 6, 9])
  await evaluate()
  expect(await episodes(above)).toEqual([
    [1, '11'],
    [2, '12'],
  ])
  expect(await readAlert(db, above)).toMatchObject({ status: 'armed', episode: 2 })
  expect(await episodes(below)).toEqual([[1, '4']])
  expect(await readAlert(db, below)).toMatchObject({ status: 'armed', episode: 1 })
})

test('prices in pieces of one come to the same', async () => {
  const { db } = risk()
  const token = await someToken()
  const id = await addAlert(db, { token, threshold: 10, rearm: 8 })
  await addSeconds(token, [7, 11, 9, 7, 12, 4, 11])
  await evaluateAlerts(db, { kinds: ['price'], alertsAtOnce: 1, pricesAtOnce: 1 })
  expect(await episodes(id)).toEqual([
    [1, '11'],
    [2, '12'],
    [3, '11'],
  ])
})

test('a price that comes late neither fires nor arms; one dated ahead waits for its time, a young one until it has settled', async () => {
  const { db } = risk()
  const token = await someToken()
  const id = await addAlert(db, { token, threshold: 10, rearm: 8 })
  await addSeconds(token, [5, 5], 10)
  await evaluate()
  await addSeconds(token, [20], 3)
  await evaluate()
  expect(await readAlert(db, id)).toMatchObject({ status: 'armed', episode: 0 })
  await addPrices(db, [{ token, atMs: Date.now() + 6 * hourMs, price: '20' }])
  await evaluate()
  expect(await readAlert(db, id)).toMatchObject({ status: 'armed', episode: 0 })
  await addPrices(db, [{ token, atMs: Date.now() - 10_000, price: '30' }])
  await evaluateAlerts(db, { settleMs: 60_000 })
  expect(await readAlert(db, id)).toMatchObject({ status: 'armed', episode: 0 })
  await evaluate()
  expect(await episodes(id)).toEqual([[1, '30']])
})

test('an alert that is paused sees nothing', async () => {
  const { db } = risk()
  const token = await someToken()
  const id = await addAlert(db, { token, threshold: 10 })
  await db.query(sql`update "Alert" set status = 'paused' where id = ${id}`)
  await addSeconds(token, [20])
  await evaluate()
  expect(await episodes(id)).toEqual([])
})

test('a portfolio alert follows what the wallet is worth, and how that changed in a day', async () => {
  const { db } = risk()
  const token = await someToken()
  await addWallets(db, ['worth', 'bare'])
  const total = await addAlert(db, {
    kind: 'portfolio',
    metric: 'totalUsd',
    wallet: 'worth',
    threshold: '1000.5',
    rearm: 900,
  })
  const change = await addAlert(db, {
    kind: 'portfolio',
    metric: 'change24h',
    wallet: 'worth',
    direction: 'below',
    threshold: -0.1,
    rearm: 0,
  })
  const bare = await addAlert(db, { kind: 'portfolio', metric: 'change24h', wallet: 'bare', threshold: 0 })
  const hold = async (usd: string): Promise<void> => {
    await addHoldings(db, [{ wallet: 'worth', token, usd }])
    await evaluate()
  }
  await hold('1000.5')
  expect([await readAlert(db, total), await readAlert(db, change)]).toMatchObject([{ episode: 0 }, { episode: 0 }])
  await db.query(sql`
    insert into "PortfolioSnapshot" ("walletId", "capturedAt", "totalUsd")
    values ('worth', now() - interval '24 hours 5 minutes', 1250),
      ('worth', now() - interval '23 hours', 5),
      ('bare', now() - interval '24 hours 5 minutes', 0)`)
  await hold('1000.50000001')
  expect(await episodes(total)).toEqual([[1, '1000.50000001']])
  expect(await readAlert(db, change)).toMatchObject({ status: 'fired', episode: 1 })
  await hold('1200')
  expect(await readAlert(db, change)).toMatchObject({ status: 'fired' })
  await hold('1250')
  expect(await readAlert(db, change)).toMatchObject({ status: 'armed' })
  await hold('900')
  expect([await readAlert(db, total), await readAlert(db, change)]).toMatchObject([
    { status: 'armed', episode: 1 },
    { status: 'fired', episode: 2 },
  ])
  expect(await readAlert(db, bare)).toMatchObject({ status: 'armed', episode: 0 })
})

test('a risk alert follows the figure of its token or wallet, and stays silent where there is none', async () => {
  const { db } = risk()
  const token = await someToken()
  const quiet = await someToken()
  await addWallets(db, ['risky'])
  await addHoldings(db, [{ wallet: 'risky', token, usd: '10' }])
  const hour = Math.floor(Date.now() / hourMs) * hourMs
  const ofToken = await addAlert(db, { kind: 'risk', metric: 'maxDrawdown:24h', token, threshold: 0.2, rearm: 0.1 })
  const ofWallet = await addAlert(db, {
    kind: 'risk',
    metric: 'var95:24h',
    wallet: 'risky',
    threshold: 0.2,
    rearm: 0.1,
  })
  const ofWeek = await addAlert(db, {
    kind: 'risk',
    metric: 'volatility:7d',
    token,
    direction: 'below',
    threshold: 100,
    rearm: 200,
  })
  const ofNone = await addAlert(db, {
    kind: 'risk',
    metric: 'var95:24h',
    token: quiet,
    direction: 'below',
    threshold: 1,
  })
  const closing = async (hoursAgo: number, price: string): Promise<void> => {
    await addPrices(db, [{ token, atMs: hour - hoursAgo * hourMs + 60_000, price }])
    await evaluate()
  }
  await closing(6, '100')
  await closing(5, '90')
  expect([await readAlert(db, ofToken), await readAlert(db, ofWallet)]).toMatchObject([{ episode: 0 }, { episode: 0 }])
  // A deviation of one return is none; of two it is far below 100.
  expect(await readAlert(db, ofWeek)).toMatchObject({ episode: 0 })
  await closing(4, '60')
  expect([await readAlert(db, ofToken), await readAlert(db, ofWallet), await readAlert(db, ofWeek)]).toMatchObject([
    { status: 'fired', episode: 1 },
    { status: 'fired', episode: 1 },
    { status: 'fired', episode: 1 },
  ])
  const [event] = await readEvents(db, ofToken)
  expect(Number(event?.value)).toBeCloseTo(0.4, 12)
  // The close of the hour that fell was another one, as it turns out.
  await addPrices(db, [{ token, atMs: hour - 4 * hourMs + 120_000, price: '85' }])
  await evaluate()
  expect([await readAlert(db, ofToken), await readAlert(db, ofWallet)]).toMatchObject([
    { status: 'fired', episode: 1 },
    { status: 'armed', episode: 1 },
  ])
  expect(await readAlert(db, ofNone)).toMatchObject({ status: 'armed', episode: 0 })
})

test('batches miss no alert, and a second look adds nothing', async () => {
  const { db } = risk()
  const token = await someToken()
  await addSeconds(token, [50])
  const ids = await Promise.all(
    Array.from({ length: 25 }, async (_, index) => await addAlert(db, { token, threshold: index % 2 === 0 ? 40 : 60 })),
  )
  await db.query(sql`update "Alert" set status = 'paused' where not id = any (${ids}::bigint[])`)
  const counts = await evaluateAlerts(db, { alertsAtOnce: 4 })
  expect(counts).toEqual({ looked: 25, fired: 13, rearmed: 0 })
  expect(await evaluateAlerts(db)).toEqual({ looked: 25, fired: 0, rearmed: 0 })
})
