// The table of correlations: filled in batches, the same however often and wherever it is cut off, never older than it was.

import { beforeAll, expect, test } from 'vitest'
import { fillCorrelations } from '../../../examples/wedefi/src/risk/correlation-table.ts'
import { strongestCorrelations } from '../../../examples/wedefi/src/risk/stored-correlations.ts'
import { sql } from '../../../src/sql/sql.ts'
import { correlationOf, isClose, type RawPrice } from './risk-oracle.ts'
import { addPrices, addTokens, dayMs, hourMs, useRiskDatabase, type Price } from './risk-support.ts'

const risk = useRiskDatabase()
const names = ['x-0', 'x-1', 'x-2', 'x-3', 'x-4']
const asOf: Date = new Date(Math.floor(Date.now() / dayMs) * dayMs - 6 * hourMs)
const prices: readonly Price[] = names.slice(0, 4).flatMap((token, which) =>
  Array.from({ length: 40 }, (_, hour) => ({
    token,
    atMs: asOf.getTime() - hour * hourMs - 600_000,
    price: which === 3 ? '5' : (50 + 20 * Math.sin(hour / (2 + which)) + ((hour * (which + 3)) % 7)).toFixed(6),
  })),
)
const raw: readonly RawPrice[] = prices.map(({ token, atMs, price }) => ({ token, atMs, price: Number(price) }))

interface Stored {
  readonly a: string
  readonly b: string
  readonly timeframe: '24h' | '7d'
  readonly samples: number
  readonly correlation: number | null
  readonly at: Date
}

async function readTable(): Promise<readonly Stored[]> {
  const { rows } = await risk().db.query<Stored>(sql`
    select "tokenAId" as a, "tokenBId" as b, timeframe, samples, correlation, "computedAt" as at
    from "AssetCorrelation"
    order by timeframe, a, b`)
  return rows
}

const timeframes = ['24h', '7d'] as const

beforeAll(async () => {
  await addTokens(risk().db, names)
  await addPrices(risk().db, prices)
})

test('every pair has its row for each timeframe, true to the raw prices; a second run changes nothing', async () => {
  const { db } = risk()
  const filled = await fillCorrelations(db, { asOf, timeframes, pairsABatch: 7 })
  // Seven pairs for five tokens: one token a batch.
  expect(filled).toEqual(timeframes.map((timeframe) => ({ timeframe, written: 6, removed: 0, batches: 5 })))
  const rows = await readTable()
  expect(rows).toHaveLength(12)
  for (const { a, b, timeframe, samples, correlation } of rows) {
    const expected = correlationOf(raw, [a, b], { timeframe, asOfMs: asOf.getTime() })
    expect({ a, b, samples }).toEqual({ a, b, samples: expected.samples })
    expect(isClose(correlation, expected.correlation)).toBe(true)
    expect(correlation === null).toBe(b === 'x-3')
  }
  // In other batches: sums of the same numbers in another order.
  await fillCorrelations(db, { asOf, timeframes })
  const again = await readTable()
  const known = ({ a, b, timeframe, samples, at }: Stored): object => ({ a, b, timeframe, samples, at })
  expect(again.map(known)).toEqual(rows.map(known))
  expect(again.every(({ correlation }, index) => isClose(correlation, rows[index]?.correlation ?? null))).toBe(true)
  const strongest = await strongestCorrelations(db, { timeframe: '24h', limit: 2 })
  const sizes = again.filter(({ timeframe, correlation }) => timeframe === '24h' && correlation !== null)
  const expected = sizes.map(({ correlation }) => Math.abs(correlation ?? 0)).toSorted((one, other) => other - one)
  expect(strongest.map(({ correlation }) => Math.abs(correlation ?? 0))).toEqual(expected.slice(0, 2))
})

test('a run that is cut off leaves rows that are true, and the next one ends it; an older run takes nothing back', async () => {
  const { db } = risk()
  const later = new Date(asOf.getTime() + hourMs)
  let batches = 0
  const cut = fillCorrelations(db, {
    asOf: later,
    timeframes: ['24h'],
    pairsABatch: 5,
    confirm: async () => {
      await Promise.resolve()
      if (++batches === 3) throw new Error('the lease is lost')
    },
  })
  await expect(cut).rejects.toThrow('the lease is lost')
  const half = (await readTable()).filter(({ timeframe }) => timeframe === '24h')
  expect(half.filter(({ at }) => at.getTime() === later.getTime()).map(({ a }) => a)).toEqual([
    'x-0',
    'x-0',
    'x-0',
    'x-1',
    'x-1',
  ])
  for (const { a, b, samples, at, correlation } of half) {
    const expected = correlationOf(raw, [a, b], { timeframe: '24h', asOfMs: at.getTime() })
    expect({ a, b, samples }).toEqual({ a, b, samples: expected.samples })
    expect(isClose(correlation, expected.correlation)).toBe(true)
  }
  await fillCorrelations(db, { asOf: later, timeframes: ['24h'] })
  const whole = await readTable()
  expect(whole.filter(({ timeframe, at }) => timeframe === '24h' && at.getTime() !== later.getTime())).toEqual([])
  await fillCorrelations(db, { asOf, timeframes: ['24h'] })
  expect(await readTable()).toEqual(whole)
})

test('two runs at once, of different moments, end with the later one', async () => {
  const { db } = risk()
  const [one, other] = [2, 3].map((hours) => new Date(asOf.getTime() + hours * hourMs))
  if (one === undefined || other === undefined) throw new Error('There are two')
  await Promise.all(
    [one, other].map(
      async (moment) => await fillCorrelations(db, { asOf: moment, timeframes: ['24h'], pairsABatch: 5 }),
    ),
  )
  const found = (await readTable()).filter(({ timeframe }) => timeframe === '24h')
  expect(found.map(({ at }) => at.getTime())).toEqual(found.map(() => other.getTime()))
})

test('a pair that has nothing in common any more goes, and one of another timeframe stays', async () => {
  const { db, strata } = risk()
  await db.query(
    sql`delete from "PriceSnapshot" where "tokenId" = 'x-2' and "recordedAt" > ${new Date(asOf.getTime() - 26 * hourMs)}`,
  )
  await strata.rollup.merge()
  const [filled] = await fillCorrelations(db, { asOf: new Date(asOf.getTime() + 4 * hourMs), timeframes: ['24h'] })
  expect(filled).toMatchObject({ written: 3, removed: 3 })
  const rows = await readTable()
  expect(rows.filter(({ a, b, timeframe }) => timeframe === '24h' && [a, b].includes('x-2'))).toEqual([])
  expect(rows.filter(({ a, b, timeframe }) => timeframe === '7d' && [a, b].includes('x-2'))).toHaveLength(3)
})

test('the job of the configuration fills it', async () => {
  const { strata } = risk()
  const report = await strata.jobs.runNow('correlations')
  expect(report).toMatchObject({ state: 'done' })
  const rows = await readTable()
  expect(rows.some(({ at }) => at.getTime() > asOf.getTime() + 4 * hourMs)).toBe(true)
})
