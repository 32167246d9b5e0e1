// Portfolios of many wallets: batches by one statement are what a query for each wallet and token gives, and pages are what a naive
// computation over all rows gives, whatever the page, its size, the filters, ties, and whatever was written before.

import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { bandMarks } from '../../../examples/wedefi/src/portfolio/bands.ts'
import { readOneByOne } from '../../../examples/wedefi/src/portfolio/n-plus-one.ts'
import type { PagedPortfolio } from '../../../examples/wedefi/src/portfolio/paged.ts'
import type { PortfolioFilters } from '../../../examples/wedefi/src/portfolio/service.ts'
import { toText, toUnits } from '../../../examples/wedefi/src/portfolio/amounts.ts'
import { sql } from '../../../src/sql/sql.ts'
import { checkProperty } from '../../support/property.ts'
import {
  answeredWhile,
  putBalances,
  putTokens,
  putWallets,
  usePortfolios,
  type GivenBalance,
} from './portfolio-support.ts'

const wedefi = usePortfolios()
const walletCount = 23
const tokenCount = 26

beforeAll(async () => {
  await putWallets(wedefi().past, walletCount)
  await putTokens(wedefi().past, tokenCount)
})

const wallet = fc.integer({ min: 0, max: walletCount - 1 }).map((n) => `w-${n}`)
const token = fc.integer({ min: 0, max: tokenCount - 1 }).map((n) => `t-${n}`)
/** Few of them, so that many are the same; marks of bands, and just beside. */
const usd = fc.constantFrom(
  '0',
  '0.5',
  '1',
  '1.99999999',
  '2',
  '9.99999999',
  '10',
  '10.00000001',
  '75.5',
  '100',
  '5000000000',
)
const balance = fc.record({ wallet, token, usd })

type Write =
  | { readonly kind: 'put'; readonly balances: readonly GivenBalance[] }
  | { readonly kind: 'remove'; readonly wallet: string; readonly token: string }
  | { readonly kind: 'move'; readonly token: string; readonly from: string; readonly to: string }
  | { readonly kind: 'scale'; readonly token: string }
  | { readonly kind: 'empty' }

const put: fc.Arbitrary<Write> = fc
  .array(balance, { minLength: 1, maxLength: 40 })
  .map((balances) => ({ kind: 'put' as const, balances }))
const write: fc.Arbitrary<Write> = fc.oneof(
  { weight: 8, arbitrary: put },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove' as const), wallet, token }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('move' as const), token, from: wallet, to: wallet }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('scale' as const), token }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'empty' as const }) },
)

async function carryOut(one: Write): Promise<void> {
  const { past } = wedefi()
  if (one.kind === 'put') await putBalances(past, one.balances)
  else if (one.kind === 'remove')
    await past.query(sql`delete from "TokenBalance" where "walletId" = ${one.wallet} and "tokenId" = ${one.token}`)
  else if (one.kind === 'scale')
    await past.query(
      sql`update "TokenBalance" set "usdValue" = round("usdValue" / 3, 8) where "tokenId" = ${one.token}`,
    )
  else if (one.kind === 'empty') await past.query(sql`truncate "TokenBalance"`)
  else
    await past.query(sql`
      update "TokenBalance" as moved
      set "walletId" = ${one.to}
      where "walletId" = ${one.from}
        and "tokenId" = ${one.token}
        and not exists (select from "TokenBalance" where "walletId" = ${one.to} and "tokenId" = ${one.token})`)
}

test('a batch is what one query for each wallet and each token gives, by one statement', async () => {
  const input = fc.record({
    writes: fc.array(write, { minLength: 1, maxLength: 4 }),
    ids: fc.array(fc.oneof(wallet, fc.constantFrom('nobody', '__proto__', "x'y")), { maxLength: 12 }),
  })
  await checkProperty(
    'batched portfolios',
    input,
    async ({ writes, ids }) => {
      for (const one of writes) await carryOut(one)
      const { db, portfolios } = wedefi()
      const truth = await readOneByOne(db, ids)
      let batched = {}
      const statements = await answeredWhile(async () => {
        batched = await portfolios.getBatchedPortfolioData(ids)
      })
      expect(batched).toEqual(truth.portfolios)
      expect(Object.keys(batched).toSorted()).toEqual(Object.keys(truth.portfolios).toSorted())
      expect(statements).toHaveLength(1)
    },
    { runs: 30 },
  )
})

interface Row {
  readonly id: string
  readonly address: string
  readonly label: string | null
  readonly chainId: number
  readonly createdAt: Date
  readonly exact: string
}

interface BalanceRow {
  readonly walletId: string
  readonly tokenId: string
  readonly quantity: string
  readonly usdValue: string
  readonly updatedAt: Date
}

/** The original design's two queries, over all rows. */
async function naively(filters: PortfolioFilters): Promise<readonly PagedPortfolio[]> {
  const { past } = wedefi()
  const { rows: wallets } = await past.query<Row>(sql`
    select id, address, label, "chainId", "createdAt", to_char("createdAt" at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') as exact
    from "Wallet"`)
  const { rows: balances } = await past.query<BalanceRow>(sql`select * from "TokenBalance"`)
  const least = toUnits(String(filters.minValue ?? 0))
  return wallets
    .toSorted((a, b) => (a.exact === b.exact ? compare(a.id, b.id) : compare(a.exact, b.exact)))
    .map(({ id, address, label, chainId, createdAt }) => {
      const own = balances
        .filter(({ walletId }) => walletId === id)
        .toSorted((one, other) => {
          const more = toUnits(other.usdValue) - toUnits(one.usdValue)
          return more === 0n ? compare(one.tokenId, other.tokenId) : Number(more)
        })
      const worth = own.filter(({ usdValue }) => toUnits(usdValue) > 0n)
      const portfolio = {
        id,
        address,
        label,
        chainId,
        createdAt,
        balances: worth.slice(0, 20).map((one) => ({ ...one, token: tokenOf(one.tokenId) })),
        totalUsd: toText(own.reduce((sum, { usdValue }) => sum + toUnits(usdValue), 0n)),
        holdings: worth.length,
        _count: { balances: own.length },
      }
      return { portfolio, top: own[0] === undefined ? undefined : toUnits(own[0].usdValue) }
    })
    .filter(({ portfolio: { id } }) => (filters.walletId ?? id) === id)
    .filter(({ top }) => least === 0n || (top !== undefined && top >= least))
    .map(({ portfolio }) => portfolio)
}

function tokenOf(id: string): PagedPortfolio['balances'][number]['token'] {
  return { id, symbol: id.replace('t-', 'T'), name: id.replace('t-', 'Token '), decimals: 18 }
}

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)

const filters: fc.Arbitrary<PortfolioFilters> = fc.record(
  {
    minValue: fc.oneof(
      fc.constantFrom<number | string>(0, 0.5, 1, 2, 9.99999999, 10, '10.00000001', 76, 100, 5e9, 6e9, '0.00000001'),
      fc.double({ min: 0, max: 200, noNaN: true }).map((value) => Math.round(value * 1e8) / 1e8),
    ),
    walletId: fc.oneof(wallet, fc.constant('nobody')),
  },
  { requiredKeys: [] },
)

test('a page, its totals and the pages behind it are what a naive computation gives', async () => {
  const input = fc.record({
    writes: fc.array(write, { minLength: 1, maxLength: 3 }),
    page: fc.integer({ min: 1, max: 9 }),
    limit: fc.integer({ min: 1, max: 12 }),
    filters,
  })
  await checkProperty(
    'paged portfolios',
    input,
    async ({ writes, page, limit, filters: asked }) => {
      for (const one of writes) await carryOut(one)
      const { portfolios } = wedefi()
      const truth = await naively(asked)
      const pagination = { limit, total: truth.length, pages: Math.ceil(truth.length / limit) }
      const found = await portfolios.getPagedPortfolioData(page, limit, asked)
      expect(found.data).toEqual(truth.slice((page - 1) * limit, page * limit))
      expect(found.pagination).toEqual({ page, ...pagination })
      const walked: PagedPortfolio[] = []
      for (
        let after = undefined as typeof found.next, isFirst = true;
        isFirst || after !== undefined;
        isFirst = false
      ) {
        const next = await portfolios.getPortfolioDataAfter(after, limit, asked)
        expect(next.pagination).toEqual(pagination)
        walked.push(...next.data)
        after = next.next
      }
      expect(walked).toEqual(truth)
    },
    { runs: 40 },
  )
})

test('the largest balance and its band are kept with each wallet, by the marks that the app counts by', async () => {
  const { past } = wedefi()
  const around = bandMarks.flatMap((mark) => [String(mark - 0.5), String(mark), String(mark + 0.5)])
  const { rows } = await past.query<{ value: string; band: number }>(sql`
    select value::text, wallet_band(value) as band
    from unnest(${around}::numeric[]) as value`)
  for (const { value, band } of rows)
    expect([value, band]).toEqual([value, bandMarks.filter((mark) => mark <= Number(value)).length])
  const { rows: wrong } = await past.query(sql`
    select id
    from "Wallet"
    where "topUsd" is distinct from (select max("usdValue") from "TokenBalance" where "walletId" = id)
      or "topBand" is distinct from wallet_band("topUsd")`)
  expect(wrong).toEqual([])
})

test('what is asked for as no page can be is refused, with what was expected', async () => {
  const { portfolios } = wedefi()
  const refused = async (work: () => Promise<unknown>, where: string): Promise<void> =>
    await expect(work()).rejects.toMatchObject({ statusCode: 400, details: { where } })
  await refused(() => portfolios.getPagedPortfolioData(0), 'page')
  await refused(() => portfolios.getPagedPortfolioData(1.5), 'page')
  await refused(() => portfolios.getPagedPortfolioData(1, 0), 'limit')
  await refused(() => portfolios.getPagedPortfolioData(1, 201), 'limit')
  for (const minValue of [-1, Number.NaN, Infinity, '-1', '1e3', 'much', '1.2.3', ''])
    await refused(() => portfolios.getPagedPortfolioData(1, 10, { minValue }), 'minValue')
  await refused(() => portfolios.getPagedPortfolioData(1, 10, { walletId: 'a\0b' }), 'walletId')
  await refused(() => portfolios.getBatchedPortfolioData(Array.from({ length: 10_001 }, (_, n) => `${n}`)), 'walletIds')
})
