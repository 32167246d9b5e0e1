// The example app wedefi: portfolios of many wallets beside one query for each, pages of all of them, risk over a year of prices beside the raw
// prices, and what becomes of the app's questions while a database grows for a year. Each part has a database of its own.

import type { BenchContext, Scenario, ScenarioResult } from '../harness/scenario.ts'
import { inTemporaryFolder } from '../support/temporary-folder.ts'
import { deploy, withServer } from './wedefi/database.ts'
import { measureGrowth, type GrowthSizes } from './wedefi/growth.ts'
import { measurePortfolios, type PortfolioSizes } from './wedefi/portfolio.ts'
import { measureRisk, type RiskSizes } from './wedefi/risk.ts'
import { describe } from './wedefi/table.ts'

interface Sizes {
  readonly portfolios: PortfolioSizes
  readonly risk: RiskSizes
  readonly growth: GrowthSizes
}

const sizes: { readonly full: Sizes; readonly quick: Sizes } = {
  full: {
    portfolios: {
      wallets: 100_000,
      balances: 20,
      tokens: 500,
      rounds: 5,
      forMs: 1_500,
      pagesPerSecond: 25,
      warmUpMs: 3_000,
      measuredMs: 10_000,
    },
    risk: { tokens: 100, pricesADay: 100, rounds: 5, forMs: 1_000 },
    growth: { tokens: 500, wallets: 50, pace: { pricesADay: 20, snapshotsADay: 58 }, rounds: 7, asked: 30 },
  },
  quick: {
    portfolios: {
      wallets: 5_000,
      balances: 10,
      tokens: 100,
      rounds: 2,
      forMs: 300,
      pagesPerSecond: 25,
      warmUpMs: 500,
      measuredMs: 2_000,
    },
    risk: { tokens: 25, pricesADay: 24, rounds: 2, forMs: 200 },
    growth: { tokens: 30, wallets: 10, pace: { pricesADay: 6, snapshotsADay: 12 }, rounds: 2, asked: 10 },
  },
}

export const wedefiScenario: Scenario = {
  name: 'wedefi',
  title: 'The example app wedefi',
  against: 'the original design',
  goals: {
    batched_vs_n1: { atLeast: 50 },
    paged_p95_ms: { atMost: 50 },
    risk_vs_raw: { atLeast: 50 },
    month12_vs_month1: { atMost: 1.3 },
  },
  run: async (context) => await inTemporaryFolder(async (folder) => await measure(folder, context)),
}

async function measure(folder: string, context: BenchContext): Promise<ScenarioResult> {
  const chosen = context.quick ? sizes.quick : sizes.full
  return await withServer(context.signal, async (cluster) => {
    const portfolios = await measurePortfolios(await cluster.createDatabase('portfolios'), chosen.portfolios, context)
    const url = await cluster.createDatabase('risk')
    await deploy(url, context.signal)
    const risk = await measureRisk({ url }, chosen.risk, context)
    const growth = await measureGrowth(
      {
        month: { url: await cluster.createDatabase('month'), folder: `${folder}/month` },
        year: { url: await cluster.createDatabase('year'), folder: `${folder}/year` },
      },
      chosen.growth,
      context,
    )
    return describe({ postgres: cluster.version, portfolios, risk, growth }, chosen)
  })
}
