// Reports on migrations as text and as records for --json. Pure.

import { formatDuration, plural } from '../base/units.ts'
import type { MigrationState, MigrationStatus, RunReport, ShadowReport } from '../migrate/index.ts'
import { paint, type CliContext, type Style } from './context.ts'
import { formatTable } from './output.ts'

const stateStyles: Readonly<Record<MigrationState, Style>> = {
  applied: 'green',
  pending: 'yellow',
  unfinished: 'red',
  edited: 'red',
  missing: 'red',
  'out of order': 'red',
}

export function renderStatuses(context: CliContext, statuses: readonly MigrationStatus[]): string[] {
  const rows = formatTable(
    statuses.map(({ name, state, record }) => [
      state,
      name,
      record?.finishedAt ?? (record === undefined ? '' : `${plural(record.statementsDone, 'statement')} done`),
      record?.durationMs == null ? '' : formatDuration(record.durationMs),
      record?.runBy ?? '',
    ]),
  )
  return rows.map((row, index) => {
    const state = statuses[index]?.state ?? 'pending'
    return paint(context, stateStyles[state], row.slice(0, state.length)) + row.slice(state.length)
  })
}

export function statusRecord(status: MigrationStatus): Record<string, unknown> {
  const { name, state, record, file } = status
  return {
    name,
    state,
    file: file?.file ?? null,
    appliedAt: record?.finishedAt ?? null,
    durationMs: record?.durationMs ?? null,
    runBy: record?.runBy ?? null,
    ...(record?.state === 'running' ? { statementsDone: record.statementsDone } : {}),
  }
}

export function renderRun(context: CliContext, report: RunReport): string[] {
  if (report.ran.length === 0) return [paint(context, 'green', 'Nothing to do.')]
  const up = report.ran.filter((item) => item.direction === 'up').length
  const down = report.ran.length - up
  const parts = [
    up > 0 ? `${plural(up, 'migration')} applied` : '',
    down > 0 ? `${plural(down, 'migration')} undone` : '',
  ]
  return [paint(context, 'green', `${parts.filter((part) => part !== '').join(', ')}.`)]
}

export function renderShadow(context: CliContext, report: ShadowReport): string[] {
  if (report.statements.length === 0 && report.opaque.length === 0) return [paint(context, 'green', 'Nothing to do.')]
  const statements = report.statements.flatMap((statement) => {
    const locks = statement.locks.map((lock) => `${lock.mode} on ${lock.on}`).join(', ') || 'nothing that exists'
    const source = statement.source === 'manual' ? ' (from the manual: it runs outside a transaction)' : ''
    return [
      paint(context, 'bold', `${statement.migration}:${statement.line}`),
      ...statement.text.split('\n').map((line) => `  ${line}`),
      `  locks: ${locks}${source}`,
      `  work:  ${statement.cost}, ${statement.transaction} a transaction`,
    ]
  })
  return [
    ...statements,
    ...report.opaque.map((file) => `${file}: code; its statements are not known before it runs`),
    ...report.notRebuilt.map((identity) => paint(context, 'yellow', `not rebuilt on the shadow: ${identity}`)),
    'Nothing was changed.',
  ]
}
