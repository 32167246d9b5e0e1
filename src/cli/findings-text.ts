// Findings, and the steps of "why is it slow", as a person reads them in a terminal.

import type { DeepReport, Finding, Gravity, NodeFinding, SlowReport, SlowVerdict } from '../advise/index.ts'
import { formatDuration, formatSize, plural } from '../base/units.ts'
import { paint, type CliContext, type Style } from './context.ts'

const gravityStyles: Readonly<Record<Gravity, Style>> = { critical: 'red', warn: 'yellow', note: 'dim' }
const verdictStyles: Readonly<Record<SlowVerdict, Style>> = { likely: 'red', not: 'green', unknown: 'yellow' }
const gravityWidth = 'critical'.length
const indent = ' '.repeat(gravityWidth + 2)

/** Worse than that is shown red, better than the other green. */
const poorScore = 60
const goodScore = 85

export function deepLines(context: CliContext, report: DeepReport): readonly string[] {
  const { score, findings, notAsked, silent } = report
  const severalNodes = new Set(findings.map(({ node }) => node)).size > 1
  return [
    ...scoreLines(context, report),
    ...findings.flatMap((finding) => ['', ...findingLines(context, finding, severalNodes)]),
    ...(findings.length === 0 ? ['', 'Nothing to mend was found.'] : []),
    ...silent.map(({ node, why }) => `\n${paint(context, 'red', node)} does not answer: ${why}`),
    ...(notAsked.length === 0
      ? []
      : ['', 'Not asked:', ...notAsked.map(({ node, check, why }) => `  ${check} (${node}): ${why}`)]),
    ...(score.unknown.length === 0 ? [] : ['', `Without a part in the score: ${score.unknown.join(', ')}`]),
  ]
}

function scoreLines(context: CliContext, { score }: DeepReport): readonly string[] {
  if (score.value === undefined) return ['No score: nothing could be asked.']
  const style = score.value < poorScore ? 'red' : score.value < goodScore ? 'yellow' : 'green'
  const worst = score.categories
    .filter(({ penalty }) => penalty > 0)
    .toSorted((left, right) => right.weight * right.penalty - left.weight * left.penalty)
    .map(({ category, weight, penalty }) => `${category} −${(weight * penalty).toFixed(1)}`)
  return [
    `${paint(context, 'bold', 'Score')} ${paint(context, style, String(score.value))} of 100${worst.length === 0 ? '' : `  (${worst.join(', ')})`}`,
    ...(score.cappedBy.length === 0 ? [] : [`Held down by ${score.cappedBy.join(', ')}.`]),
  ]
}

function findingLines(context: CliContext, finding: NodeFinding, namesNode: boolean): readonly string[] {
  const { gravity, what, check, node } = finding
  const where = namesNode ? `${node}: ` : ''
  return [
    `${paint(context, gravityStyles[gravity], gravity.padEnd(gravityWidth))}  ${where}${what} ${paint(context, 'dim', `[${check}]`)}`,
    `${indent}${evidenceText(finding.evidence)}`,
    `${indent}${finding.why}`,
    ...finding.fix.map((statement) => `${indent}${paint(context, 'cyan', '→')} ${statement};`),
    ...(finding.undo.length === 0 ? [] : [`${indent}${paint(context, 'dim', `back: ${finding.undo.join('; ')};`)}`]),
    ...(finding.advice === undefined ? [] : [`${indent}${finding.advice}`]),
  ]
}

export function slowLines(context: CliContext, { steps, likely }: SlowReport): readonly string[] {
  const words: Readonly<Record<SlowVerdict, string>> = {
    likely: 'likely cause',
    not: 'not the cause',
    unknown: 'not known',
  }
  const width = Math.max(...Object.values(words).map((word) => word.length))
  const lines = steps.flatMap(({ step, question, verdict, found, evidence, findings, next, unknown }) => [
    `${step}  ${paint(context, verdictStyles[verdict], words[verdict].padEnd(width))}  ${paint(context, 'bold', question)}`,
    `   ${found}`,
    ...(Object.keys(evidence).length === 0 ? [] : [`   ${evidenceText(evidence)}`]),
    ...findings.filter(({ what }) => what !== found).map(({ what }) => `   also: ${what}`),
    ...unknown.filter((why) => why !== found).map((why) => `   not known: ${why}`),
    ...next.map((action) => `   ${paint(context, 'cyan', '→')} ${action}`),
    '',
  ])
  const ordered = likely.map((name) => steps.find((step) => step.name === name)?.step ?? 0)
  return [
    ...lines,
    ordered.length === 0
      ? 'None of the eight is a likely cause. Look at what the application itself waits for: `pgstrata top`.'
      : `${plural(ordered.length, 'likely cause')}, the most suspect first: ${ordered.join(', ')}.`,
  ]
}

function evidenceText(evidence: Finding['evidence']): string {
  return Object.entries(evidence)
    .map(([key, value]) => `${wordsOf(key)} ${valueOf(key, value)}`)
    .join(' · ')
}

/** 'deadRows' → 'dead rows'; the unit stands behind the value. */
function wordsOf(key: string): string {
  return key
    .replace(/(Bytes|Ratio|Ms|Seconds)$/, '')
    .replace(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`)
    .trim()
}

function valueOf(key: string, value: string | number | boolean | null): string {
  if (value === null) return 'unknown'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'string') return value
  if (key.endsWith('Bytes')) return formatSize(value)
  if (key.endsWith('Ratio')) return `${(value * 100).toFixed(1)} %`
  if (key.endsWith('Ms')) return formatDuration(value)
  if (key.endsWith('Seconds')) return formatDuration(value * 1_000)
  return Number.isInteger(value) ? value.toLocaleString('en-US') : value.toFixed(2)
}
