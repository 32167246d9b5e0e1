// A rule as somebody writes it → a rule with everything said. What is left out follows from what is said: the way back is a
// tenth of the threshold, and an alert has to be well for as long as it had to last.

import type { Rule, Severity } from '../model/rule.ts'

export interface RuleOptions {
  readonly metric: string
  readonly severity?: Severity | undefined
  readonly where?: Rule['where'] | undefined
  readonly over?: number | undefined
  readonly under?: number | undefined
  readonly clear?: number | undefined
  readonly forMs?: number | undefined
  readonly keepMs?: number | undefined
  readonly actions?: readonly string[] | undefined
  readonly summary?: string | undefined
  readonly group?: string | undefined
}

/** How long a value must be well again where a rule does not say: less, and one good reading in bad times ends an alert. */
const shortestKeepMs = 60_000
const clearShare = 0.1

export function completeRule(name: string, options: RuleOptions): Rule {
  const { metric, severity = 'warning', where = {}, over, under, forMs = 0, actions = [] } = options
  return {
    name,
    severity,
    metric,
    where,
    over,
    under,
    clear: options.clear ?? defaultClear(over, under),
    forMs,
    keepMs: options.keepMs ?? Math.max(forMs, shortestKeepMs),
    actions,
    summary:
      options.summary ??
      `${metric} of {node} {labels} is {value}, ${over === undefined ? 'under' : 'over'} {threshold}`,
    group: options.group ?? name,
  }
}

/** Over 0 is over as soon as it is 0 again, and so is what cannot become better than 1. */
function defaultClear(over: number | undefined, under: number | undefined): number {
  if (over !== undefined) return over - Math.abs(over) * clearShare
  const threshold = under ?? 0
  const back = threshold + Math.abs(threshold) * clearShare
  return threshold <= 1 && back > 1 ? Math.max(threshold, (1 + threshold) / 2) : back
}

export function thresholdOf({ over, under }: Pick<Rule, 'over' | 'under'>): number {
  return over ?? under ?? Number.NaN
}
