// Rules as a configuration declares them, over those that pgstrata comes with → rules, and every mistake with its place. Pure.

import { messageOf } from '../../base/errors.ts'
import { parseDurationMs } from '../../base/units.ts'
import type { Rule, Severity } from '../model/rule.ts'
import { defaultRuleOptions } from './defaults/defaults.ts'
import { placeholders, placeholdersIn } from './describe.ts'
import { knownMetrics } from './known-metrics.ts'
import { hintOf } from './nearest.ts'
import { completeRule, type RuleOptions } from './rule-options.ts'
import { parseValue } from './values.ts'

/** As it is written: values may have units. */
export interface WrittenRule {
  readonly metric?: string | undefined
  readonly where?: Readonly<Record<string, string | readonly string[]>> | undefined
  readonly over?: number | string | undefined
  readonly under?: number | string | undefined
  readonly clear?: number | string | undefined
  readonly for?: string | number | undefined
  readonly keep?: string | number | undefined
  readonly severity?: Severity | undefined
  readonly actions?: readonly string[] | undefined
  readonly summary?: string | undefined
  readonly group?: string | undefined
}

export interface DeclaredRules {
  readonly written: Readonly<Record<string, WrittenRule | false>>
  /** Names of all that may be done. */
  readonly actions: readonly string[]
  /** What is done besides about every alert of a severity. */
  readonly tell: Readonly<Partial<Record<Severity, readonly string[]>>>
  /** Jobs of the configuration's own, which have to be quick; none: the rule about them is left out. */
  readonly ownJobs: readonly string[]
  /** What `log_and_alert` tells: every declared webhook and channel. */
  readonly everybody: readonly string[]
}

interface RuleFault {
  /** From the rule on: ['SlowQueryDetected', 'over']. */
  readonly path: readonly string[]
  readonly message: string
}

export interface RuleDeclaration {
  readonly rules: readonly Rule[]
  readonly faults: readonly RuleFault[]
}

/** About jobs of the configuration alone: its own maintenance takes as long as it takes. */
const jobRule = 'JobSlow'

export function declareRules(declared: DeclaredRules): RuleDeclaration {
  const names = [...new Set([...Object.keys(defaultRuleOptions), ...Object.keys(declared.written)])]
  const each = names.map((name) => declareRule(name, declared))
  return { rules: each.flatMap(({ rules }) => rules), faults: each.flatMap(({ faults }) => faults) }
}

function declareRule(name: string, declared: DeclaredRules): RuleDeclaration {
  const written = declared.written[name]
  const usual = defaultRuleOptions[name]
  if (written === false) {
    if (usual !== undefined) return { rules: [], faults: [] }
    return { rules: [], faults: [{ path: [name], message: `expected the name of a rule that there is${hint(name)}` }] }
  }
  const faults: RuleFault[] = []
  const fault = (message: string, ...path: readonly string[]): void =>
    void faults.push({ path: [name, ...path], message })
  const options = read(name, { written: written ?? {}, usual, fault })
  if (options === undefined) return { rules: [], faults }
  checkWords(options, declared.actions, fault)
  const isOfOwnJobs = name === jobRule && options.where?.['job_name'] === undefined
  if (isOfOwnJobs && declared.ownJobs.length === 0) return { rules: [], faults }
  const jobs = isOfOwnJobs ? { job_name: declared.ownJobs } : {}
  const rule = completeRule(name, { ...options, where: { ...options.where, ...jobs } })
  checkClear(rule, fault)
  return { rules: [{ ...rule, actions: actionsOf(rule, declared) }], faults }
}

function actionsOf(
  { actions, severity }: Rule,
  { tell, everybody }: Pick<DeclaredRules, 'tell' | 'everybody'>,
): readonly string[] {
  const told = [...actions, ...(tell[severity] ?? [])]
  return [...new Set([...told, ...(told.includes('log_and_alert') ? everybody : [])])]
}

interface Reading {
  readonly written: WrittenRule
  readonly usual: RuleOptions | undefined
  readonly fault: (message: string, ...path: readonly string[]) => void
}

function read(name: string, { written, usual, fault }: Reading): RuleOptions | undefined {
  const { metric: _, where: __, over: ___, under, clear, for: lasting, keep, ...words } = written
  const metric = written.metric ?? usual?.metric
  if (metric === undefined) {
    fault(`expected \`metric\`, for there is no rule of that name to change${hint(name)}`, 'metric')
    return undefined
  }
  if (knownMetrics[metric] === undefined) {
    fault(`expected a metric that is measured, got "${metric}"${hintOf(metric, Object.keys(knownMetrics))}`, 'metric')
    return undefined
  }
  if (written.over !== undefined && under !== undefined) {
    fault('expected `over` or `under`, got both', 'under')
    return undefined
  }
  const isOther = written.over !== undefined || under !== undefined
  if (!isOther && (usual === undefined || written.metric !== undefined))
    fault('expected `over` or `under`, got neither', 'over')
  const value = (key: 'over' | 'under' | 'clear'): number | undefined =>
    attempt(
      written[key],
      (text) => parseValue(metric, text),
      (message) => fault(message, key),
    )
  const durationMs = (key: 'for' | 'keep'): number | undefined =>
    attempt(key === 'for' ? lasting : keep, parseLasting, (message) => fault(message, key))
  const base: Partial<RuleOptions> = usual ?? {}
  return {
    ...base,
    ...words,
    metric,
    where: written.where ?? (written.metric === undefined ? base.where : undefined),
    over: isOther ? value('over') : base.over,
    under: isOther ? value('under') : base.under,
    clear: clear === undefined ? (isOther ? undefined : base.clear) : value('clear'),
    forMs: durationMs('for') ?? base.forMs,
    keepMs: durationMs('keep') ?? base.keepMs,
  }
}

function attempt<Given, Got>(
  given: Given | undefined,
  parse: (given: Given) => Got,
  complain: (message: string) => void,
): Got | undefined {
  if (given === undefined) return undefined
  try {
    return parse(given)
  } catch (error) {
    complain(messageOf(error))
    return undefined
  }
}

const longestMs = 7 * 86_400_000

function parseLasting(given: string | number): number {
  const lengthMs = parseDurationMs(given)
  if (lengthMs <= longestMs) return lengthMs
  throw new RangeError('expected at most 7 days')
}

function checkWords(
  { metric, where = {}, actions = [], summary = '' }: RuleOptions,
  known: readonly string[],
  fault: Reading['fault'],
): void {
  const labels = [...(knownMetrics[metric] ?? []), 'node']
  for (const label of Object.keys(where)) {
    if (labels.includes(label)) continue
    fault(`expected a label of ${metric}: ${labels.join(', ')}${hintOf(label, labels)}`, 'where', label)
  }
  actions.forEach((action, index) => {
    if (known.includes(action)) return
    fault(`expected an action that is declared, got "${action}"${hintOf(action, known)}`, 'actions', String(index))
  })
  const words = [...labels, ...placeholders]
  for (const word of placeholdersIn(summary)) {
    if (!words.includes(word))
      fault(`expected one of ${words.join(', ')} between braces, got "${word}"${hintOf(word, words)}`, 'summary')
  }
}

function checkClear({ over, under, clear }: Rule, fault: Reading['fault']): void {
  if (over !== undefined && clear > over) fault(`expected at most the threshold, ${over}, got ${clear}`, 'clear')
  if (under !== undefined && clear < under) fault(`expected at least the threshold, ${under}, got ${clear}`, 'clear')
}

function hint(name: string): string {
  return hintOf(name, Object.keys(defaultRuleOptions))
}
