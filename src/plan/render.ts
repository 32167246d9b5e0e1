// A plan as text for a person. Pure; colours are the caller's.

import { plural } from '../base/units.ts'
import type { Cost } from './locks.ts'
import type { Drift, Plan } from './plan.ts'
import type { Step } from './step.ts'

const costWords: Readonly<Record<Cost, string>> = {
  catalog: 'catalog only, no row is read',
  scan: 'reads every row',
  build: 'builds an index',
  rewrite: 'rewrites the table',
}

export function renderPlan(plan: Plan): string {
  const parts = [
    ...plan.unfinished.map(
      (entry) =>
        `Unfinished: ${entry.title} (${plural(entry.statementsDone, 'statement')} done); apply finishes it first\n`,
    ),
    ...plan.steps.map((step, index) => renderStep(step, index + 1)),
    ...plan.drift.map(renderDrift),
    ...plan.held.map((held) => `Held: ${held.what}: ${held.why}\n   → ${held.todo}\n`),
  ]
  return parts.join('\n')
}

function renderStep(step: Step, number: number): string {
  const locks = step.locks.map((lock) => `${lock.mode} on ${lock.on}`).join(', ')
  const undo = step.undo === null ? `none: ${step.whyNoUndo ?? 'it cannot be taken back'}` : step.undo.join('; ')
  return [
    `${number}. ${step.title}   [${step.feature}]`,
    ...step.statements.map((statement) => indent(`${statement};`)),
    `   locks: ${locks || 'nothing that exists'}`,
    `   work:  ${costWords[step.cost]}; ${step.transactional ? 'in one transaction' : 'partly outside a transaction'}`,
    `   undo:  ${undo}`,
    '',
  ].join('\n')
}

function renderDrift(drift: Drift): string {
  const what = drift.kind === 'missing' ? 'is gone' : 'was changed by hand'
  const choices = drift.canRestore ? '--accept or --overwrite' : '--accept, or undo it by hand'
  return [
    `Drift: ${drift.identity} ${what} (decide with ${choices})`,
    ...drift.diff.map((line) => `   ${line}`),
    '',
  ].join('\n')
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `   ${line}`)
    .join('\n')
}
