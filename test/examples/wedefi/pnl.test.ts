// Gains and losses over time: for any time and grain what a naive computation over all snapshots gives, those that are packed or archived
// among them; and the job that takes the snapshots, once a slot.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { resolveConfig } from 'pgstrata'
import config from '../../../examples/wedefi/pgstrata.config.ts'
import { toText } from '../../../examples/wedefi/src/portfolio/amounts.ts'
import { bucketOf, grains, type Grain } from '../../../examples/wedefi/src/portfolio/candles.ts'
import { readPnl, type Pnl } from '../../../examples/wedefi/src/portfolio/pnl.ts'
import { snapshotJob, takeSnapshots } from '../../../examples/wedefi/src/portfolio/snapshots.ts'
import { folder, openWedefi, type WedefiConfig, type WedefiStrata } from '../../../examples/wedefi/src/strata.ts'
import { sql } from '../../../src/sql/sql.ts'
import { testDatabase, type TestDatabase } from '../../support/postgres.ts'
import { checkProperty } from '../../support/property.ts'
import { archiveIn } from './archive-folder.ts'
import { putBalances, putTokens, putWallets } from './portfolio-support.ts'

const minuteMs = 60_000
const dayMs = 1_440 * minuteMs
const now = Math.floor(Date.now() / (5 * minuteMs)) * 5 * minuteMs
/** Months of which nothing is written any more: the first is archived, the second packed. */
const monthStart = (back: number): number => {
  const at = new Date(now)
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() - back)
}

const dayOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10)

let database: TestDatabase
let strata: WedefiStrata
let archive: string

function configOf(url: string): WedefiConfig {
  const { watch: _, alerts: __, expect: ___, ...rest } = config
  const given = {
    ...rest,
    database: { ...config.database, primary: { ...config.database.primary, url }, replicas: [] },
    tables: {
      ...config.tables,
      PriceSnapshot: { ...config.tables.PriceSnapshot, ahead: 1, from: dayOf(monthStart(1)) },
      PortfolioSnapshot: { ...config.tables.PortfolioSnapshot, ahead: 1, from: dayOf(monthStart(5)) },
      PositionSnapshot: { ...config.tables.PositionSnapshot, ahead: 1, from: dayOf(monthStart(1)) },
    },
    archive: archiveIn(archive),
    jobs: { ...config.jobs, own: {} },
  }
  return resolveConfig(given, { root: folder, name: 'pgstrata.config.ts' })
}

interface Snapshot {
  readonly walletId: string
  readonly atMs: number
  readonly units: bigint
}

const snapshots: Snapshot[] = []

beforeAll(async () => {
  archive = await mkdtemp(join(tmpdir(), 'wedefi-archive-'))
  database = await testDatabase(18)
  strata = openWedefi(configOf(database.url))
  await strata.migrate.up({ lint: false })
  await strata.apply()
  for (const [wallet, everyMinutes] of [
    ['w-0', 335],
    ['w-1', 2_885],
  ] as const) {
    let units = 100_000_000_000n
    for (let atMs = monthStart(5) + 17 * minuteMs; atMs < now; atMs += everyMinutes * minuteMs) {
      // It goes to nothing, and comes back.
      units = (units * 7_919n + BigInt(atMs)) % 300_000_000_001n
      snapshots.push({ walletId: wallet, atMs, units: units % 11n === 0n ? 0n : units })
    }
  }
  await database.db.query(sql`
    insert into "PortfolioSnapshot" ("walletId", "capturedAt", "totalUsd")
    select *
    from unnest(
      ${snapshots.map(({ walletId }) => walletId)}::text[],
      ${snapshots.map(({ atMs }) => new Date(atMs))}::timestamptz[],
      ${snapshots.map(({ units }) => toText(units))}::numeric[])`)
  await strata.rollup.merge()
})
afterAll(async () => {
  await strata.close()
  await database.close()
  await rm(archive, { recursive: true, force: true })
})

interface Asked {
  readonly walletId: string
  readonly from: Date
  readonly to: Date
  readonly grain: Grain
}

function naively({ walletId, from, to, grain }: Asked): Pick<Pnl, 'base' | 'points' | 'pnl'> {
  const own = snapshots.filter((one) => one.walletId === walletId).toSorted((a, b) => a.atMs - b.atMs)
  const base = own.findLast(({ atMs }) => atMs < from.getTime())
  const within = own.filter(({ atMs }) => atMs >= from.getTime() && atMs < to.getTime())
  const begun = base?.units ?? within[0]?.units ?? 0n
  const buckets = grouped(within, grain)
  let before = begun
  const points = [...buckets].map(([bucketMs, some]) => {
    const all = some.map(({ units }) => units)
    const open = all[0] ?? 0n
    const close = all.at(-1) ?? 0n
    const least = all.reduce((a, b) => (a < b ? a : b))
    const greatest = all.reduce((a, b) => (a > b ? a : b))
    const point = {
      bucket: new Date(bucketMs),
      open: toText(open),
      close: toText(close),
      low: toText(least),
      high: toText(greatest),
      samples: all.length,
      pnl: toText(close - before),
      total: toText(close - begun),
    }
    before = close
    return point
  })
  return {
    base: base === undefined ? null : toText(base.units),
    points,
    pnl: points.length === 0 ? null : toText(before - begun),
  }
}

function grouped(some: readonly Snapshot[], grain: Grain): ReadonlyMap<number, readonly Snapshot[]> {
  const buckets = new Map<number, Snapshot[]>()
  for (const one of some) {
    const bucketMs = bucketOf(new Date(one.atMs), grain).getTime()
    buckets.set(bucketMs, [...(buckets.get(bucketMs) ?? []), one])
  }
  return buckets
}

/** Whole hours and days among them, and the moments of snapshots themselves. */
const moment = fc.oneof(
  fc.integer({ min: monthStart(5) - dayMs, max: now }),
  fc
    .integer({ min: Math.floor(monthStart(5) / 3_600_000), max: Math.floor(now / 3_600_000) })
    .map((hour) => hour * 3_600_000),
  fc.nat({ max: 600 }).map((place) => snapshots[place % snapshots.length]?.atMs ?? now),
)

async function checkAll(name: string, runs: number): Promise<void> {
  const input = fc.record({
    walletId: fc.constantFrom('w-0', 'w-1', 'nobody'),
    ends: fc.uniqueArray(moment, { minLength: 2, maxLength: 2 }),
    grain: fc.constantFrom(...grains),
  })
  await checkProperty(
    name,
    input,
    async ({ walletId, ends, grain }) => {
      const [from = now, to = now] = ends.toSorted((a, b) => a - b)
      const asked: Asked = { walletId, grain, from: new Date(from), to: new Date(to) }
      if (grain === 'hour') fc.pre(asked.to.getTime() - asked.from.getTime() <= 80 * dayMs)
      const found = await readPnl(strata, asked)
      const { base, points, pnl } = found
      expect({ base, points, pnl }).toEqual(naively(asked))
    },
    { runs },
  )
}

test('any time and grain, all of it in the table', async () => {
  await checkAll('gains of hot snapshots', 25)
})

test('the same when one month is packed and one is in the archive alone', async () => {
  // As if processes that know nothing of packs had been told two minutes ago.
  await database.db.query(
    sql`update pgstrata.rollup set shape = shape || jsonb_build_object('tieredAt', now() - interval '1 hour')`,
  )
  const month = (back: number): string => {
    const at = new Date(monthStart(back))
    return `PortfolioSnapshot_${at.getUTCFullYear()}_${String(at.getUTCMonth() + 1).padStart(2, '0')}`
  }
  const [status] = await strata.tiers.status('PortfolioSnapshot')
  const names = (status?.partitions ?? []).map(({ name }) => name)
  const partsOf = (of: string): readonly string[] => names.filter((name) => name.startsWith(of))
  expect([partsOf(month(4)).length, partsOf(month(5)).length]).toEqual([1, 1])
  for (const part of partsOf(month(4))) await strata.tiers.move('PortfolioSnapshot', part, 'pack')
  for (const part of partsOf(month(5))) {
    await strata.tiers.move('PortfolioSnapshot', part, 'archive')
    await strata.tiers.move('PortfolioSnapshot', part, 'drop')
  }
  const left = await database.db.query<{ n: number }>(sql`
    select count(*)::int as n
    from "PortfolioSnapshot_history"
    where "capturedAt" < ${new Date(monthStart(4))}`)
  expect(left.rows).toEqual([{ n: 0 }])
  await checkAll('gains of packed and archived snapshots', 20)
})

test('what cannot be a time, or would be too many points, is refused', async () => {
  const asked = { walletId: 'w-0', from: new Date(now - dayMs), to: new Date(now), grain: 'hour' } as const
  await expect(readPnl(strata, { ...asked, to: asked.from })).rejects.toMatchObject({ details: { where: 'to' } })
  await expect(readPnl(strata, { ...asked, from: new Date(now - 84 * dayMs) })).rejects.toMatchObject({
    details: { where: 'grain' },
  })
})

test('snapshots of all wallets are taken in one statement, once a slot, and a portfolio is the sum of its positions', async () => {
  const { db } = database
  await putWallets(db, 3)
  await putTokens(db, 3)
  await putBalances(db, [
    { wallet: 'w-0', token: 't-0', usd: '10.5' },
    { wallet: 'w-0', token: 't-1', usd: '0.25' },
    { wallet: 'w-1', token: 't-2', usd: '7' },
    { wallet: 'w-1', token: 't-0', quantity: '0', usd: '0' },
  ])
  const at = new Date(now + 2 * minuteMs)
  expect(snapshotJob.every).toBe('5 min')
  const written = await Promise.all([takeSnapshots(db, at), takeSnapshots(db, at)])
  expect(written.reduce((sum, one) => sum + one)).toBe(3)
  await putBalances(db, [{ wallet: 'w-2', token: 't-0', usd: '99' }])
  expect(await takeSnapshots(db, new Date(now + 4 * minuteMs))).toBe(0)
  const { rows } = await db.query(sql`
    select p."walletId", p."capturedAt", p."totalUsd", coalesce(sum(s."usdValue"), 0)::text as positions, count(s."walletId")::int as n
    from "PortfolioSnapshot" as p
    left join "PositionSnapshot" as s on (s."walletId", s."capturedAt") = (p."walletId", p."capturedAt")
    where p."capturedAt" = ${new Date(now)}
    group by p."walletId", p."capturedAt", p."totalUsd"
    order by p."walletId"`)
  const capturedAt = new Date(now)
  expect(rows).toEqual([
    { walletId: 'w-0', capturedAt, totalUsd: '10.75000000', positions: '10.75000000', n: 2 },
    { walletId: 'w-1', capturedAt, totalUsd: '7.00000000', positions: '7.00000000', n: 1 },
    { walletId: 'w-2', capturedAt, totalUsd: '0.00000000', positions: '0', n: 0 },
  ])
  expect(await takeSnapshots(db, new Date(now + 5 * minuteMs))).toBe(3)
})
