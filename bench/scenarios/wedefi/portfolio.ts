// Portfolios of many wallets at the size that the app is made for: a batch of 200 beside one query for each wallet and token, and pages of
// all wallets, each asked for when it comes, whether or not the ones before are answered.

import { isDeepStrictEqual } from 'node:util'
import { openDatabase, type WedefiDatabase } from '../../../examples/wedefi/src/database.ts'
import { readOneByOne } from '../../../examples/wedefi/src/portfolio/n-plus-one.ts'
import { OptimizedPortfolioService } from '../../../examples/wedefi/src/portfolio/service.ts'
import { openWedefi, resolveWedefi, type WedefiStrata } from '../../../examples/wedefi/src/strata.ts'
import { measureRounds, type Variant } from '../../harness/rounds.ts'
import { figuresOf, type Part, type Samples } from '../../harness/part.ts'
import type { BenchContext } from '../../harness/scenario.ts'
import { createRandom, percentile, runOpenLoop } from '../../support/open-loop.ts'
import { drawPages, publishedPages, type DrawnPage } from './pages.ts'
import { fillPortfolios, type PortfolioCounts } from './portfolio-rows.ts'

export interface PortfolioSizes extends PortfolioCounts {
  readonly rounds: number
  /** Batches are repeated for so long. */
  readonly forMs: number
  readonly pagesPerSecond: number
  readonly warmUpMs: number
  readonly measuredMs: number
}

export interface MeasuredPortfolios {
  readonly samples: Samples
  /** Of 200 wallets, one by one. */
  readonly statements: number
  readonly balances: number
}

interface Measuring {
  readonly strata: WedefiStrata
  readonly db: WedefiDatabase
  readonly portfolios: OptimizedPortfolioService
}

const batched = 200

/** `url`: of a database that nothing was put into yet. */
export async function measurePortfolios(
  url: string,
  sizes: PortfolioSizes,
  { signal, progress }: BenchContext,
): Promise<MeasuredPortfolios> {
  const strata = openWedefi(resolveWedefi({ url, replicas: {} }))
  try {
    await strata.migrate.up({ signal })
    await strata.apply({ signal })
    const { wallets, balances } = await fillPortfolios(strata, sizes)
    progress(`${wallets} wallets with ${balances} balances`)
    const measuring = { strata, db: openDatabase(strata), portfolios: new OptimizedPortfolioService({ strata }) }
    const { ids, statements } = await checkSame(measuring, wallets)
    await checkPages(measuring, wallets)
    progress(
      `the same portfolios of ${ids.length} wallets by 1 statement as by ${statements}; the same pages by keyset`,
    )
    const variants = [...batchVariants(measuring, ids, sizes), pageVariant(measuring, { wallets, sizes, signal })]
    const samples = await measureRounds(variants, { rounds: sizes.rounds, signal, progress })
    return { samples, statements, balances }
  } finally {
    await strata.close()
  }
}

async function checkSame(
  { strata, db, portfolios }: Measuring,
  wallets: number,
): Promise<{ readonly ids: readonly string[]; readonly statements: number }> {
  const random = createRandom(11)
  const places = new Set<number>()
  while (places.size < Math.min(batched, wallets)) places.add(Math.floor(random() * wallets))
  const { rows } = await strata.query<{ id: string }>('select id from "Wallet" where address = any ($1) order by id', [
    [...places].map((place) => `0x${place.toString(16).padStart(40, '0')}`),
  ])
  const ids = rows.map(({ id }) => id)
  const oneByOne = await readOneByOne(db, ids)
  const inOne = await portfolios.getBatchedPortfolioData(ids)
  if (ids.length < places.size || !isDeepStrictEqual({ ...inOne }, { ...oneByOne.portfolios }))
    throw new Error('A batch: expected the portfolios that single queries give, and got others')
  return { ids, statements: oneByOne.statements }
}

/** Pages behind each other are those by number, in the middle of all and at their end. */
async function checkPages({ portfolios }: Measuring, wallets: number): Promise<void> {
  const limit = 50
  for (const filters of [{}, { minValue: 5_000 }]) {
    const { pagination } = await portfolios.getPagedPortfolioData(1, limit, filters)
    if (pagination.total === 0 || pagination.total > wallets) throw new Error('Expected pages, and there are none')
    for (const page of [Math.ceil(pagination.pages / 2), Math.max(1, pagination.pages - 1)]) {
      const [one, second] = [
        await portfolios.getPagedPortfolioData(page, limit, filters),
        await portfolios.getPagedPortfolioData(page + 1, limit, filters),
      ]
      if (one.next === undefined) continue
      const { data } = await portfolios.getPortfolioDataAfter(one.next, limit, filters)
      if (!isDeepStrictEqual(data, second.data)) throw new Error('Expected the page behind a page, and got another one')
    }
  }
}

function batchVariants(
  { db, portfolios }: Measuring,
  ids: readonly string[],
  { forMs }: PortfolioSizes,
): readonly Variant[] {
  return [
    { name: 'n1', run: async () => ({ batch_n1_ms: await meanMs(0, () => readOneByOne(db, ids)) }) },
    {
      name: 'batched',
      run: async () => ({ batch_one_ms: await meanMs(forMs, () => portfolios.getBatchedPortfolioData(ids)) }),
    },
  ]
}

/** As often as it fits; once at least. */
async function meanMs(forMs: number, work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  let times = 0
  do {
    await work()
    times++
  } while (performance.now() - begun < forMs)
  return (performance.now() - begun) / times
}

interface PageLoad {
  readonly wallets: number
  readonly sizes: PortfolioSizes
  readonly signal: AbortSignal
}

/** From when a page is asked for to when it is there. Pages are asked for when they come, whether or not those before are there. */
function pageVariant({ portfolios }: Measuring, { wallets, sizes, signal }: PageLoad): Variant {
  const { pagesPerSecond: perSecond, warmUpMs, measuredMs } = sizes
  return {
    name: 'pages',
    run: async () => {
      const draw = drawPages(wallets)
      const requests = await runOpenLoop({ perSecond, warmUpMs, measuredMs, signal }, async () => {
        const begun = performance.now()
        await readPage(portfolios, draw())
        const heldMs = performance.now() - begun
        return { waitMs: 0, heldMs, busyMs: heldMs, failed: false }
      })
      const tookMs = requests.map(({ heldMs }) => heldMs)
      return { paged_p50_ms: percentile(tookMs, 0.5), paged_p95_ms: percentile(tookMs, 0.95) }
    },
  }
}

async function readPage(
  portfolios: OptimizedPortfolioService,
  { page, limit, filters, isNext }: DrawnPage,
): Promise<void> {
  const { next } = await portfolios.getPagedPortfolioData(page, limit, filters)
  if (isNext && next !== undefined) await portfolios.getPortfolioDataAfter(next, limit, filters)
}

/** What stands in the table of the scenario. */
export function describePortfolios({ samples }: MeasuredPortfolios): Part {
  return {
    figures: figuresOf(samples, {
      batch_one_ms: ['ms', `portfolios of ${batched} wallets, by one statement`],
      batch_n1_ms: ['ms', '… by a query for each wallet, its balances, and the token of each'],
      paged_p95_ms: ['ms', 'a page of portfolios, p95 over a mix of pages and filters'],
      paged_p50_ms: ['ms', '… p50'],
    }),
    comparisons: {
      batched_vs_n1: {
        title: `portfolios of ${batched} wallets`,
        ours: 'batch_one_ms',
        theirs: 'batch_n1_ms',
      },
    },
  }
}

export function portfolioNotes({ statements, balances }: MeasuredPortfolios, sizes: PortfolioSizes): readonly string[] {
  const shown = (count: number): string => count.toLocaleString('en-US')
  return [
    `Batches: ${batched} wallets drawn out of ${shown(sizes.wallets)}, with all of their balances, tokens included. One by one that is ${shown(statements)} statements, one after the other over the same pool: a query for each wallet, one for its balances, one for the token of each balance, each served by a primary key. An ORM that gathers what it includes sends fewer. Both give the same portfolios, compared before anything is timed.`,
    `Pages: ${shown(sizes.wallets)} wallets with ${shown(balances)} balances, 50 wallets to a page with totals, counts and the 20 largest holdings of each, nothing kept by a cache. ${sizes.pagesPerSecond} requests a second, come when they come: ${publishedPages}. Values to filter by: a balance of 100, 2,500, 20,000 or 250,000 dollars or more.`,
  ]
}
