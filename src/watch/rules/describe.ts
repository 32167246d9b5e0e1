// A rule and its alerts in words.

import type { Rule } from '../model/rule.ts'
import { thresholdOf } from './rule-options.ts'
import { formatValue, shortDuration } from './values.ts'

/** What stands between braces in a summary, besides the labels of the metric. */
export const placeholders: readonly string[] = ['value', 'node', 'threshold', 'labels', 'rule']

export function placeholdersIn(summary: string): readonly string[] {
  return [...summary.matchAll(/\{(\w+)\}/g)].flatMap(([, name]) => name ?? [])
}

export interface Described {
  readonly node: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  /** The text of the statement that a label names; undefined: it is about none, or its text is not known. */
  readonly statement?: string | undefined
}

export function describeAlert(rule: Rule, { node, value, statement, ...of }: Described): string {
  const labels = statement === undefined ? of.labels : withStatement(of.labels, statement)
  const words: Readonly<Record<string, string>> = {
    ...labels,
    value: formatValue(rule.metric, value),
    threshold: formatValue(rule.metric, thresholdOf(rule)),
    labels: describeLabels(labels),
    node,
    rule: rule.name,
  }
  return rule.summary
    .replaceAll(/\{(\w+)\}/g, (_, name: string) => words[name] ?? '')
    .replaceAll(/\p{Cc}/gu, ' ')
    .replaceAll(/ {2,}/g, ' ')
    .slice(0, mostCharacters)
    .replaceAll(/\p{Surrogate}/gu, '')
}

/** A shape of a query can be long. */
const mostCharacters = 500

/** A backtick is no part of SQL. */
function withStatement(labels: Described['labels'], statement: string): Described['labels'] {
  const isName = (name: string): boolean => name === 'shape' || name === 'queryid'
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [name, isName(name) ? `\`${statement}\`` : value]),
  )
}

export function describeLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ')
}

/** 'pgstrata_connections{state=active} over 80 for 1 min 0 s' */
export function describeCondition(rule: Rule): string {
  const { metric, where, over, forMs } = rule
  const only = Object.entries(where).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : value.join('|')}`,
  )
  const series = only.length === 0 ? metric : `${metric}{${only.join(', ')}}`
  const threshold = formatValue(metric, thresholdOf(rule))
  const lasting = forMs === 0 ? '' : ` for ${shortDuration(forMs)}`
  return `${series} ${over === undefined ? 'under' : 'over'} ${threshold}${lasting}`
}
