// One number for how well the servers are: 100 less what each category costs. Pure.
//
// What must be true: between 0 and 100; never better for one finding more or a graver one; a category of which nothing could be
// asked counts for nothing, and the weights of the others take its place. Of a check only its gravest finding counts, once:
// twenty unused indexes are not twenty times as bad as one. A critical finding of a check that caps (transaction numbers running
// out, autovacuum off, a sequence at its end, broken pages, a full disk) holds the score at 30 or below, whatever else is well.

import { categories, type Category, type Check, type Finding, type Gravity } from './model.ts'

/** Out of 100. */
export const categoryWeights: Readonly<Record<Category, number>> = {
  connections: 12,
  queries: 8,
  cache: 4,
  vacuum: 14,
  statistics: 6,
  updates: 3,
  bloat: 7,
  indexes: 10,
  schema: 8,
  wal: 5,
  replication: 8,
  storage: 9,
  settings: 2,
  security: 4,
}

export const cappedScore = 30

interface CategoryScore {
  readonly category: Category
  /** Of the weights of all that could be asked, so that they come to 100. */
  readonly weight: number
  /** From 0 (well) to 1. */
  readonly penalty: number
  readonly findings: number
}

export interface Score {
  /** 0 to 100; undefined: nothing could be asked. */
  readonly value: number | undefined
  readonly categories: readonly CategoryScore[]
  /** Those of which nothing could be asked. */
  readonly unknown: readonly Category[]
  /** What holds it down, by the names of the checks. */
  readonly cappedBy: readonly string[]
}

export interface Asked {
  readonly check: Pick<Check, 'name' | 'category' | 'penalty' | 'caps'>
  readonly findings: readonly Pick<Finding, 'gravity'>[]
}

/** `asked`: what was answered; a check may be there once for each node. */
export function scoreOf(asked: readonly Asked[]): Score {
  const known = categories.filter((category) => asked.some(({ check }) => check.category === category))
  const whole = known.reduce((sum, category) => sum + categoryWeights[category], 0)
  const scored = known.map((category): CategoryScore => {
    const own = asked.filter(({ check }) => check.category === category)
    return {
      category,
      weight: (categoryWeights[category] * 100) / whole,
      penalty: penaltyOf(own),
      findings: own.reduce((sum, { findings }) => sum + findings.length, 0),
    }
  })
  const cappedBy = [
    ...new Set(
      asked
        .filter(({ check, findings }) => check.caps && findings.some(({ gravity }) => gravity === 'critical'))
        .map(({ check }) => check.name),
    ),
  ]
  const full = 100 - scored.reduce((sum, { weight, penalty }) => sum + weight * penalty, 0)
  const value = Math.round(Math.min(Math.max(full, 0), cappedBy.length > 0 ? cappedScore : 100))
  return {
    value: known.length === 0 ? undefined : value,
    categories: scored,
    unknown: categories.filter((category) => !known.includes(category)),
    cappedBy,
  }
}

/** The gravest of each check, added up to 1 at the most. */
function penaltyOf(asked: readonly Asked[]): number {
  const gravest = new Map<string, number>()
  for (const { check, findings } of asked) {
    const most = Math.max(0, ...findings.map(({ gravity }) => penaltyFor(check.penalty, gravity)))
    gravest.set(check.name, Math.max(gravest.get(check.name) ?? 0, most))
  }
  return Math.min(
    1,
    [...gravest.values()].reduce((sum, one) => sum + one, 0),
  )
}

/** A graver finding never costs less, whatever a check says. */
function penaltyFor(penalty: Readonly<Record<Gravity, number>>, gravity: Gravity): number {
  if (gravity === 'note') return penalty.note
  const warn = Math.max(penalty.note, penalty.warn)
  return gravity === 'warn' ? warn : Math.max(warn, penalty.critical)
}
