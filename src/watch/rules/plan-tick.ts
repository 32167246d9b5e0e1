// One look at all rules → what changes in the table of alerts. Pure.
//
// What must be true: of a rule and series there is at most one change, and it starts from what the table says, read under lock.
// Bounds: of one rule at most 100 alerts are open, the worst of them, and 1,000 in all; more begin when those are over.

import type { Rule, Severity } from '../model/rule.ts'
import { describeAlert } from './describe.ts'
import { fitsLabels, type Look, type SeenSeries } from './look.ts'
import { boundReport, numberOrNull } from './message.ts'
import { thresholdOf } from './rule-options.ts'
import { classify, noDataMs, step, type Observation, type Outcome, type Standing } from './step.ts'

export interface OpenAlert {
  readonly id: string
  readonly rule: string
  readonly node: string
  readonly series: string
  readonly summary: string
  readonly severity: Severity
  readonly standing: Standing
  readonly evidence: Readonly<Record<string, unknown>>
}

export interface AlertRow {
  readonly rule: string
  readonly node: string
  readonly series: string
  readonly severity: Severity
  readonly state: 'pending' | 'firing' | 'resolved'
  readonly standing: Standing
  readonly summary: string
  readonly evidence: Readonly<Record<string, unknown>>
  readonly resolvedMs: number | undefined
}

export interface ChangedAlert {
  readonly id: string
  readonly row: AlertRow
  readonly event: 'fired' | 'resolved' | undefined
}

export interface TickPlan {
  readonly begun: readonly AlertRow[]
  readonly changed: readonly ChangedAlert[]
  /** Pending ones that came to nothing. */
  readonly dropped: readonly string[]
  /** Not begun, for too many are open. */
  readonly leftOut: number
}

export interface TickInput {
  readonly rules: readonly Rule[]
  readonly open: readonly OpenAlert[]
  readonly look: Look
  readonly nowMs: number
}

export const mostOpenOfRule: number = 100
const mostOpen: number = 1_000
/** What only says when it was seen last is not written more often. */
const writeAfterMs = 60_000

export function planTick({ rules, open, look, nowMs }: TickInput): TickPlan {
  const known = new Map(rules.map((rule) => [rule.name, rule]))
  const changed: ChangedAlert[] = []
  const dropped: string[] = []
  for (const alert of open) {
    const rule = known.get(alert.rule)
    const why = whyNotLookedAt(rule, alert)
    const change =
      rule === undefined || why !== undefined ? withdraw(alert, why, nowMs) : follow(rule, alert, look, nowMs)
    if (change === 'dropped') dropped.push(alert.id)
    else if (change !== undefined) changed.push(change)
  }
  const taken = new Set(open.map(({ rule, node, series }) => keyOf(rule, node, series)))
  const counts = new Map<string, number>()
  for (const { rule } of open) counts.set(rule, (counts.get(rule) ?? 0) + 1)
  let room = mostOpen - open.length
  let leftOut = 0
  const begun = rules.flatMap((rule) => {
    const fresh = findBad(rule, look).filter(({ node, series }) => !taken.has(keyOf(rule.name, node, series)))
    const fitting = fresh.slice(0, Math.max(0, Math.min(room, mostOpenOfRule - (counts.get(rule.name) ?? 0))))
    room -= fitting.length
    leftOut += fresh.length - fitting.length
    return fitting.flatMap((seen) => begin(rule, seen, look, nowMs))
  })
  return { begun, changed, dropped, leftOut }
}

interface BadSeries extends SeenSeries {
  readonly value: number
}

/** The worst first. */
function findBad(rule: Rule, look: Look): readonly BadSeries[] {
  return look
    .seriesFor(rule)
    .flatMap((seen) => (seen.value === undefined ? [] : [{ ...seen, value: seen.value }]))
    .filter(({ value }) => classify(rule, { kind: 'value', value }) === 'bad')
    .toSorted((a, b) => (rule.over === undefined ? a.value - b.value : b.value - a.value))
}

function begin(rule: Rule, seen: BadSeries, look: Look, nowMs: number): AlertRow[] {
  const { node, series, labels, value } = seen
  const { state } = step(rule, undefined, { kind: 'value', value }, nowMs)
  if (state === undefined) return []
  const detail = state.phase === 'firing' ? look.detail(rule, node) : undefined
  return [
    {
      rule: rule.name,
      node,
      series,
      severity: rule.severity,
      state: state.phase,
      standing: state,
      summary: describeAlert(rule, { node, labels, value }),
      evidence: evidenceOf(rule, { labels }, state, detail),
      resolvedMs: undefined,
    },
  ]
}

function follow(rule: Rule, alert: OpenAlert, look: Look, nowMs: number): ChangedAlert | 'dropped' | undefined {
  const { node, series, standing } = alert
  const observation = look.observe(rule, node, series)
  const outcome = step(rule, standing, observation, nowMs)
  const { happening } = outcome
  if (happening === 'dropped') return 'dropped'
  if (happening === 'resolved' || happening === 'forgotten') return end(rule, alert, { outcome, observation, nowMs })
  const state = outcome.state ?? standing
  const detail = happening === 'fired' ? look.detail(rule, node) : undefined
  const evidence = evidenceOf(rule, alert.evidence, state, detail)
  const isQuiet = nowMs - state.seenMs > noDataMs
  const said = isQuiet ? { ...evidence, noDataSince: isoOf(state.seenMs) } : evidence
  if (happening === 'nothing' && !isWorthWriting(alert, state, isQuiet)) return undefined
  const labels = labelsIn(alert.evidence)
  const summary = describeAlert(rule, { node, labels, value: state.value, statement: statementIn(alert.evidence) })
  const row = { ...alert, severity: rule.severity, state: state.phase, standing: state, summary, evidence: said }
  return { id: alert.id, row: { ...row, resolvedMs: undefined }, event: happening === 'fired' ? 'fired' : undefined }
}

interface Ending {
  readonly outcome: Outcome
  readonly observation: Observation
  readonly nowMs: number
}

function end(rule: Rule, alert: OpenAlert, { outcome, observation, nowMs }: Ending): ChangedAlert {
  const { standing } = alert
  const value = observation.kind === 'value' ? observation.value : standing.value
  const why =
    outcome.happening === 'forgotten'
      ? 'nothing has been known of it for a week'
      : observation.kind === 'value'
        ? 'it is well again'
        : observation.kind === 'quiet'
          ? 'there is too little of it to tell'
          : 'it is not there any more'
  return {
    id: alert.id,
    row: {
      ...alert,
      state: 'resolved',
      standing: { ...standing, value, seenMs: nowMs },
      evidence: { ...evidenceOf(rule, alert.evidence, standing, undefined), why },
      resolvedMs: nowMs,
    },
    event: 'resolved',
  }
}

/** The configuration is another one than when it began: whatever is measured, nobody is to be told of that any more. */
function whyNotLookedAt(rule: Rule | undefined, { node, evidence }: OpenAlert): string | undefined {
  if (rule === undefined) return 'its rule is not declared any more'
  if (evidence['metric'] !== rule.metric) return 'its rule is about another metric now'
  return fitsLabels(rule, node, labelsIn(evidence)) ? undefined : 'its rule is not about it any more'
}

function withdraw(alert: OpenAlert, why: string | undefined, nowMs: number): ChangedAlert | 'dropped' {
  if (alert.standing.phase === 'pending') return 'dropped'
  const { noDataSince: _, ...known } = alert.evidence
  const evidence = { ...known, why }
  return { id: alert.id, row: { ...alert, state: 'resolved', evidence, resolvedMs: nowMs }, event: 'resolved' }
}

function isWorthWriting({ standing, evidence }: OpenAlert, next: Standing, isQuiet: boolean): boolean {
  return (
    next.seenMs - standing.seenMs >= writeAfterMs ||
    next.worst !== standing.worst ||
    next.wellSinceMs !== standing.wellSinceMs ||
    next.beganMs !== standing.beganMs ||
    isQuiet !== (evidence['noDataSince'] !== undefined)
  )
}

export function evidenceOf(
  rule: Rule,
  before: Readonly<Record<string, unknown>>,
  standing: Standing,
  detail: unknown,
): Readonly<Record<string, unknown>> {
  const { noDataSince: _, ...rest } = before
  const told = boundReport(detail)
  return {
    ...rest,
    metric: rule.metric,
    comparison: rule.over === undefined ? 'under' : 'over',
    threshold: numberOrNull(thresholdOf(rule)),
    clear: numberOrNull(rule.clear),
    worst: Number.isFinite(standing.worst) ? standing.worst : String(standing.worst),
    ...(told === null ? {} : { detail: JSON.parse(told) as unknown }),
  }
}

export function labelsIn(evidence: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return (evidence['labels'] ?? {}) as Readonly<Record<string, string>>
}

export function statementIn(evidence: Readonly<Record<string, unknown>>): string | undefined {
  return typeof evidence['statement'] === 'string' ? evidence['statement'] : undefined
}

function keyOf(...parts: readonly string[]): string {
  return JSON.stringify(parts)
}

function isoOf(atMs: number): string {
  return new Date(atMs).toISOString()
}
