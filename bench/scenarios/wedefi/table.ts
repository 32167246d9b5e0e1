// What of the scenario stands in its table, and what a reader has to know.

import { mergeParts, type Samples } from '../../harness/part.ts'
import type { ScenarioResult } from '../../harness/scenario.ts'
import { describeGrowth, growthNote, type GrowthSizes, type MeasuredGrowth } from './growth.ts'
import { describePortfolios, portfolioNotes, type MeasuredPortfolios, type PortfolioSizes } from './portfolio.ts'
import { describeRisk, riskNote } from './risk.ts'

export interface Measured {
  readonly postgres: string
  readonly portfolios: MeasuredPortfolios
  readonly risk: Samples
  readonly growth: MeasuredGrowth
}

export interface MeasuredSizes {
  readonly portfolios: PortfolioSizes
  readonly growth: GrowthSizes
}

export function describe({ postgres, portfolios, risk, growth }: Measured, sizes: MeasuredSizes): ScenarioResult {
  return {
    postgres,
    ...mergeParts([describePortfolios(portfolios), describeRisk(risk), describeGrowth(growth)]),
    notes: [...portfolioNotes(portfolios, sizes.portfolios), riskNote, growthNote(growth, sizes.growth)],
  }
}
