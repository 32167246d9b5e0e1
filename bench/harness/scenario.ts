// The one shape of a scenario: what it claims (goals), and how it measures (run). A scenario gives samples; medians,
// ratios and whether a goal is met are worked out in result.ts, the same way for all.

/** 'us': microseconds. */
export type Unit = 'us' | 'ms' | 's' | 'percent' | 'count'

/** One measured thing. What is compared is a duration: less is better. */
export interface Figure {
  readonly title: string
  readonly unit: Unit
  /** One per round, in the order of the rounds. */
  readonly samples: readonly number[]
}

/** Two figures measured in the same rounds. The ratio is theirs / ours: above 1 we are faster. */
export interface Comparison {
  readonly title: string
  /** Names of figures. */
  readonly ours: string
  readonly theirs: string
}

export type Goal = { readonly atLeast: number } | { readonly atMost: number }

export interface ScenarioResult {
  /** '18.4' */
  readonly postgres: string
  readonly figures: Readonly<Record<string, Figure>>
  readonly comparisons: Readonly<Record<string, Comparison>>
  /** What a reader has to know: what was left out, and why. */
  readonly notes: readonly string[]
}

export interface BenchContext {
  /** Under a minute, for a first look; a full run may take 25 minutes. */
  readonly quick: boolean
  readonly signal: AbortSignal
  readonly progress: (line: string) => void
}

export interface Scenario {
  readonly name: string
  readonly title: string
  /** What stands beside us: the heading of its column. */
  readonly against: string
  /** By the name of the comparison, or of the figure outside any comparison, that they are about. */
  readonly goals: Readonly<Record<string, Goal>>
  /** How often each figure is measured at least, where a round of some takes minutes. Default: 5. */
  readonly fewestRounds?: number
  run(context: BenchContext): Promise<ScenarioResult>
}
