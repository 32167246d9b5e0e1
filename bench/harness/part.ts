// What each part of the scenario gives: its share of the figures and comparisons.

import type { Figure, ScenarioResult, Unit } from './scenario.ts'

export type Part = Pick<ScenarioResult, 'figures' | 'comparisons'>
export type Samples = ReadonlyMap<string, readonly number[]>

type Titles = Readonly<Record<string, readonly [unit: Unit, title: string]>>

/** A figure for each title, of the samples of that name. */
export function figuresOf(samples: Samples, titles: Titles): Readonly<Record<string, Figure>> {
  return Object.fromEntries(
    Object.entries(titles).map(([name, [unit, title]]) => [name, { title, unit, samples: samples.get(name) ?? [] }]),
  )
}

export function mergeParts(parts: readonly Part[]): Part {
  return {
    figures: Object.assign({}, ...parts.map(({ figures }) => figures)) as Part['figures'],
    comparisons: Object.assign({}, ...parts.map(({ comparisons }) => comparisons)) as Part['comparisons'],
  }
}
