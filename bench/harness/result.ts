// From samples to what is published: medians, ratios, goals met or not. Pure.

import type { Goal, Scenario, ScenarioResult, Unit } from './scenario.ts'
import { round, summarize, summarizeRatio, type Summary } from './statistics.ts'

export interface PublishedFigure extends Summary {
  readonly title: string
  readonly unit: Unit
}

interface PublishedComparison extends Summary {
  readonly title: string
  readonly ours: string
  readonly theirs: string
}

export interface PublishedGoal {
  /** '>= 1' */
  readonly goal: string
  readonly value: number
  readonly met: boolean
}

/** How it was measured: without it no number means anything. */
export interface Circumstances {
  /** ISO day. */
  readonly date: string
  readonly node: string
  readonly cores: number
  readonly quick: boolean
}

/** A file of bench/results. */
export interface Published extends Circumstances {
  readonly scenario: string
  readonly title: string
  readonly against: string
  readonly postgres: string
  /** Rounds; each figure is the median of as many. */
  readonly runs: number
  readonly ratios: Readonly<Record<string, number>>
  readonly figures: Readonly<Record<string, PublishedFigure>>
  readonly goals: Readonly<Record<string, PublishedGoal>>
  readonly comparisons: Readonly<Record<string, PublishedComparison>>
  readonly notes: readonly string[]
}

export function publish(scenario: Scenario, result: ScenarioResult, circumstances: Circumstances): Published {
  const figures = mapValues(result.figures, ({ title, unit, samples }) => ({
    title,
    unit,
    ...rounded(summarize(samples)),
  }))
  const comparisons = mapValues(result.comparisons, ({ title, ours, theirs }) => ({
    title,
    ours,
    theirs,
    ...rounded(summarizeRatio(samplesOf(result, ours), samplesOf(result, theirs))),
  }))
  const ratios = mapValues(comparisons, ({ value }) => value)
  const goals = Object.entries(scenario.goals).map(([name, goal]) => {
    const value = ratios[name] ?? figures[name]?.value
    if (value === undefined) throw new Error(`${scenario.name} has a goal ${name}, and measured nothing of that name`)
    return [name, judge(goal, value)] as const
  })
  return {
    scenario: scenario.name,
    title: scenario.title,
    against: scenario.against,
    ...circumstances,
    postgres: result.postgres,
    runs: Math.min(...Object.values(result.figures).map(({ samples }) => samples.length)),
    ratios,
    figures,
    goals: Object.fromEntries(goals),
    comparisons,
    notes: result.notes,
  }
}

/** What --json prints: one line. */
export function toJsonLine(published: Published): string {
  const { scenario, ratios, figures, goals } = published
  return JSON.stringify({
    scenario,
    ratios,
    figures: mapValues(figures, ({ value, unit }) => ({ value, unit })),
    goals,
  })
}

function judge(goal: Goal, value: number): PublishedGoal {
  return 'atLeast' in goal
    ? { goal: `>= ${goal.atLeast}`, value, met: value >= goal.atLeast }
    : { goal: `<= ${goal.atMost}`, value, met: value <= goal.atMost }
}

function samplesOf(result: ScenarioResult, name: string): readonly number[] {
  const figure = result.figures[name]
  if (figure === undefined) throw new Error(`A comparison names the figure ${name}, and there is none`)
  return figure.samples
}

function rounded(summary: Summary): Summary {
  return { value: round(summary.value), low: round(summary.low), high: round(summary.high) }
}

function mapValues<In, Out>(record: Readonly<Record<string, In>>, map: (value: In) => Out): Record<string, Out> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]))
}
