// A few months of the app as they would have come, small: the moves that the policy asks for, and every number of the report, are those of an
// independent count; no row is lost or changed on its way through the tiers; and the questions have the same answers whatever is packed.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createMarket, dayMs } from '../../../examples/wedefi/src/generator/market.ts'
import { daysBetween } from '../../../examples/wedefi/src/generator/fill.ts'
import { rowsOfDay } from '../../../examples/wedefi/src/generator/snapshots.ts'
import { makeTokens } from '../../../examples/wedefi/src/generator/tokens.ts'
import { makeWallets } from '../../../examples/wedefi/src/generator/wallets.ts'
import { grow, type GrownMonth } from '../../../examples/wedefi/src/growth/grow.ts'
import { beginOf, monthsFor, monthsUntil } from '../../../examples/wedefi/src/growth/months.ts'
import { movedTables, planMoves, type MonthTier } from '../../../examples/wedefi/src/growth/moves.ts'
import { policy as usual, type Policy } from '../../../examples/wedefi/src/growth/policy.ts'
import { documentOf, headOf, ratiosOf, rowOf } from '../../../examples/wedefi/src/growth/report.ts'
import { resolveWedefi } from '../../../examples/wedefi/src/strata.ts'
import { sql } from '../../../src/sql/sql.ts'
import { checkProperty } from '../../support/property.ts'
import { useDeployed } from './service-support.ts'

const pace = { pricesADay: 4, snapshotsADay: 6 }
const counts = { tokens: 5, wallets: 4, months: 3, asked: 2 }
const policy: Policy = { packAfterDays: 20, archiveAfterMonths: 2, graceDays: 0 }

const today = new Date()
/** The middle of the first day of this month: it has the same months whenever it runs. */
const now = new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth()) + dayMs / 2)
const months = monthsUntil({ now, months: counts.months })

test('there are partitions from the first month on, however long the time', () => {
  for (const days of [1, 30, 365, 400, 730]) {
    const count = monthsFor(days)
    const [first] = monthsUntil({ now, months: count })
    expect(first?.fromMs).toBeLessThanOrEqual(now.getTime() - days * dayMs)
    const { tables } = resolveWedefi({ replicas: {}, from: beginOf({ now, months: count }) })
    const begins = tables.filter(({ key }) => key.endsWith('Snapshot')).map(({ from }) => from)
    expect([days, begins]).toEqual([days, [1, 2, 3].map(() => `${first?.name}-01`)])
  }
})

describe('what the policy asks for', () => {
  const tiers = ['hot', 'packed', 'cold'] as const
  const month = fc.record({
    ago: fc.integer({ min: 0, max: 800 }),
    tier: fc.constantFrom(...tiers),
    isArchived: fc.boolean(),
    isEmpty: fc.boolean(),
  })

  test('by age alone: nothing young, packed from 30 days on, archived at a year, dropped behind its grace', async () => {
    await checkProperty('moves by age', fc.tuple(month, fc.integer({ min: 0, max: 400 })), ([given, more]) => {
      const nowMs = Date.UTC(2026, 5, 1) + more * dayMs
      const one: MonthTier = { ...given, name: 'p', untilMs: nowMs - given.ago * dayMs }
      const moves = planMoves([one], { policy: usual, nowMs }).map(({ move }) => move)
      const isMovable = given.tier !== 'cold' && !given.isEmpty
      expect(moves.includes('pack')).toBe(isMovable && given.tier === 'hot' && given.ago >= 30 && given.ago < 365)
      if (given.ago > 366) expect(moves.includes('archive')).toBe(isMovable && !given.isArchived)
      if (given.ago > 373) expect(moves.includes('drop')).toBe(isMovable)
      if (given.ago < 365) expect(moves.filter((move) => move !== 'pack')).toEqual([])
    })
  })

  test('the oldest first', () => {
    const made = [5, 2, 9].map((index): MonthTier => {
      const untilMs = Date.UTC(2025, index)
      return { name: `p${index}`, untilMs, tier: 'hot', isArchived: false, isEmpty: false }
    })
    expect(planMoves(made, { policy: usual, nowMs: Date.UTC(2025, 11) }).map(({ partition }) => partition)).toEqual([
      'p2',
      'p5',
      'p9',
    ])
  })
})

describe('three months', () => {
  let base: string
  const deployed = useDeployed(18, async () => {
    base = await mkdtemp(join(tmpdir(), 'pgstrata-test-'))
    const archive = { to: join(base, 'cold'), work: join(base, 'work'), cache: { dir: join(base, 'cache') } }
    return { months: counts.months, archive }
  })
  afterAll(async () => await rm(base, { recursive: true, force: true }))

  const tokens = makeTokens(counts.tokens, 1)
  const market = createMarket(tokens, { seed: 1, untilMs: now.getTime() })
  const wallets = [...makeWallets({ count: counts.wallets, tokens, seed: 1, now })]
  const truth = daysBetween(months[0]?.fromMs ?? 0, now.getTime()).map((fromMs) => {
    const { prices, portfolios, positions } = rowsOfDay({ market, wallets, fromMs, untilMs: now.getTime(), pace })
    return { fromMs, PriceSnapshot: [...prices], PortfolioSnapshot: [...portfolios], PositionSnapshot: [...positions] }
  })
  const countUntil = (untilMs: number, table: (typeof movedTables)[number]): number =>
    truth.filter(({ fromMs }) => fromMs < untilMs).reduce((sum, day) => sum + day[table].length, 0)

  let grown: readonly GrownMonth[]
  beforeAll(async () => {
    grown = await grow(deployed().strata, { ...counts, pace, policy, now })
  })

  test('move as the policy says, each month once', () => {
    const moved = grown.map(({ moved: moves }) => moves.map(({ partition, move }) => `${partition}: ${move}`))
    const [first = '', second = '', third = ''] = months.map(({ name }) => name.replace('-', '_'))
    const each = (name: string, ...moves: readonly string[]): readonly string[] =>
      movedTables.flatMap((table) => moves.map((move) => `${table}_${name}: ${move}`))
    const sorted = (list: readonly string[]): readonly string[] => list.toSorted()
    expect(moved[0]).toEqual([])
    expect(moved[1]).toEqual(each(first, 'pack'))
    expect(sorted(moved[2] ?? [])).toEqual(sorted([...each(first, 'archive', 'drop'), ...each(second, 'pack')]))
    expect(moved[3]).toEqual([])
    expect(third).not.toBe('')
  })

  test('have as many rows as were made, after each month, and say where they are', () => {
    for (const { month, storage } of grown)
      for (const table of movedTables) expect(storage[table].rows).toBe(countUntil(month.untilMs, table))
    const bytes = grown.map(({ storage }) => storage.PriceSnapshot)
    expect(bytes.map(({ warmBytes }) => warmBytes > 0)).toEqual([false, true, true, true])
    expect(bytes.map(({ coldBytes }) => coldBytes > 0)).toEqual([false, false, true, true])
  })

  test('tell of hot bytes what the server says', async () => {
    const { rows } = await deployed().db.query<{ bytes: number }>(sql`
      select sum(pg_total_relation_size(relid))::float8 as bytes
      from pg_partition_tree('"PriceSnapshot"')
      where isleaf
        and relid::regclass::text !~ ${`_(${months[0]?.name.replace('-', '_')}|${months[1]?.name.replace('-', '_')})`}`)
    expect(grown.at(-1)?.storage.PriceSnapshot.hotBytes).toBe(rows[0]?.bytes)
  })

  test('lose no row and change none, in whatever tier it is', async () => {
    const { strata } = deployed()
    for (const [table, columns] of [
      ['PriceSnapshot', ['tokenId', 'priceUsd', 'recordedAt']],
      ['PortfolioSnapshot', ['walletId', 'capturedAt', 'totalUsd']],
      ['PositionSnapshot', ['walletId', 'tokenId', 'capturedAt', 'quantity', 'usdValue']],
    ] as const) {
      const found: string[] = []
      for await (const row of strata.tiers.reader(table).rows()) found.push(shown(columns.map((column) => row[column])))
      const made = truth.flatMap((day) => day[table].map((row) => shown(row)))
      expect(found.toSorted()).toEqual(made.toSorted())
    }
    expect(await strata.tiers.reader('PriceSnapshot').in('cold').count()).toBe(
      countUntil(months[0]?.untilMs ?? 0, 'PriceSnapshot'),
    )
  })

  test('keep rollups of all of it, also of what is archived', async () => {
    const { strata, db } = deployed()
    const { rows } = await db.query(sql`
      select "tokenId", sum(samples)::int as samples, min(low)::float8 as low, max(high)::float8 as high
      from price_daily
      group by 1
      order by 1`)
    const expected = tokens
      .map(({ id }) => {
        const prices = truth.flatMap((day) =>
          day.PriceSnapshot.filter(([token]) => token === id).map(([, price]) => Number(price)),
        )
        return { tokenId: id, samples: prices.length, low: Math.min(...prices), high: Math.max(...prices) }
      })
      .toSorted((one, other) => (one.tokenId < other.tokenId ? -1 : 1))
    expect(rows).toEqual(expected)
    const { rows: hourly } = await db.query(sql`select sum(samples)::int as samples from portfolio_hourly`)
    expect(hourly).toEqual([{ samples: countUntil(now.getTime(), 'PortfolioSnapshot') }])
    for (const name of ['price_hourly', 'price_daily', 'portfolio_hourly'])
      expect(await strata.rollup.verify(name)).toMatchObject({ different: 0 })
  })

  test('answer each question as the rows do', () => {
    const last = grown.at(-1)
    const pricesOf = (id: string): readonly string[] =>
      truth.flatMap((day) => day.PriceSnapshot.filter(([token]) => token === id).map(([, price]) => String(price)))
    const asked = tokens.slice(0, counts.asked)
    expect(last?.asked.price.answers.map(Number)).toEqual(asked.map(({ id }) => Number(pricesOf(id).at(-1))))
    const histories = last?.asked.history.answers as readonly (readonly { readonly close: string }[])[]
    const untilMs = Math.floor(now.getTime() / 3_600_000) * 3_600_000
    const inside = truth
      .flatMap((day) => day.PriceSnapshot.filter(([token]) => token === asked[0]?.id))
      .filter(([, , at]) => Date.parse(String(at)) >= untilMs - 30 * dayMs && Date.parse(String(at)) < untilMs)
    expect(histories[0]?.map(({ close }) => Number(close))).toEqual(inside.map(([, price]) => Number(price)))
    const pnl = last?.asked.pnl.answers as readonly { readonly pnl: string; readonly base: string }[]
    const values = truth
      .flatMap((day) => day.PortfolioSnapshot.filter(([wallet]) => wallet === wallets[0]?.id))
      .map(([, at, usd]) => ({ atMs: Date.parse(String(at)), cents: Math.round(Number(usd) * 100) }))
    const before = values.findLast(({ atMs }) => atMs < untilMs - 30 * dayMs)
    const end = values.findLast(({ atMs }) => atMs < untilMs)
    expect(Math.round(Number(pnl[0]?.base) * 100)).toBe(before?.cents)
    expect(Math.round(Number(pnl[0]?.pnl) * 100)).toBe((end?.cents ?? 0) - (before?.cents ?? 0))
  })

  test('are told as a table, and as one document', () => {
    expect(headOf()).toMatch(/^month\s+rows\s+hot\s+warm\s+cold\s+latest price/)
    const rows = grown.map((month) => rowOf(month))
    expect(rows).toHaveLength(4)
    expect(rows[2]).toMatch(new RegExp(`^${months[2]?.name} .* ms$`))
    expect(rows[3]).toContain(`${months[3]?.name}…`)
    const document = documentOf(grown)
    expect(document.map(({ month }) => month)).toEqual(months.map(({ name }) => name))
    expect(document.at(-1)?.rows).toBe(movedTables.reduce((sum, table) => sum + countUntil(now.getTime(), table), 0))
    expect(Object.keys(ratiosOf(grown))).toEqual(['price', 'history', 'summary', 'pnl', 'risk'])
  })
})

/** Moments and numbers as one text, however they were written. */
function shown(row: readonly unknown[]): string {
  return row
    .map((value) => {
      if (value instanceof Date) return value.toISOString()
      const text = String(value)
      if (/^\d+(\.\d+)?$/.test(text)) return text.includes('.') ? text.replace(/\.?0+$/, '') : text
      return /^\d{4}-\d\d-\d\d[T ]/.test(text) ? new Date(text).toISOString() : text
    })
    .join('|')
}
