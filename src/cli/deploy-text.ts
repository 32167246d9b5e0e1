// A deployment as text and as a document for --json. Pure.

import { formatDuration, plural } from '../base/units.ts'
import { renderPlan } from '../plan/index.ts'
import { paint, type CliContext } from './context.ts'
import type { After, Done } from './deploy.ts'
import type { DeployCheck, Remark } from './deploy-check.ts'
import { formatTable } from './output.ts'

export function checkLines(context: CliContext, check: DeployCheck): string[] {
  const { server, pending, plan, unfilled, warnings } = check
  const held = plan.held.length === 0 ? '' : `, ${plural(plan.held.length, 'thing')} held back`
  const behind = pending.length === 0 ? '' : ' (made anew behind the migrations)'
  return [
    paint(context, 'bold', 'Before'),
    ...formatTable([
      ['  server', `PostgreSQL ${server.version}, ${server.target}, as ${server.role}`],
      ['  migrations', describePending(check)],
      ['  plan', `${plural(plan.steps.length + plan.unfinished.length, 'step')}${held}${behind}`],
      ...(unfilled.length === 0 ? [] : [['  to be filled', unfilled.join(', ')]]),
    ]),
    ...remarkLines(context, warnings),
  ]
}

function describePending({ pending }: DeployCheck): string {
  if (pending.length === 0) return 'none pending'
  const names = pending.map(({ name, isUnfinished }) => `${name}${isUnfinished ? ' (goes on)' : ''}`)
  return `${pending.length} pending: ${names.join(', ')}`
}

export function dryRunLines({ pending, plan }: DeployCheck): string[] {
  const migrations = pending.map(({ name, isCode, locks, cost }) => {
    const taken = locks.map(({ mode, on }) => `${mode} on ${on}`).join(', ') || 'nothing that exists'
    return `migration ${name}: ${isCode ? 'code; its locks are not known before it runs' : `${cost ?? ''}; locks: ${taken}`}`
  })
  const text = renderPlan(plan)
  return ['', ...migrations, ...(text === '' ? [] : [text]), 'Nothing was changed.']
}

function remarkLines(context: CliContext, remarks: readonly Remark[]): string[] {
  return remarks.flatMap(({ what, why, todo }) => [
    `  ${paint(context, 'yellow', '!')} ${what}: ${why}`,
    `    ${paint(context, 'cyan', '→')} ${todo}`,
  ])
}

export function doneLines(context: CliContext, done: Done): string[] {
  const decided = [...done.accepted, ...done.overwritten]
  const rows = [
    ...(done.migrations.length === 0
      ? []
      : [['  migrations', `${done.migrations.length} applied`, formatDuration(done.migrateMs)]]),
    ...(decided.length === 0 ? [] : [['  decided', decided.join(', '), '']]),
    ...(done.steps.length === 0
      ? []
      : [['  plan', `${plural(done.steps.length, 'step')} applied`, formatDuration(done.applyMs)]]),
    ...done.filled.map(({ name, tookMs }) => ['  filled', name, formatDuration(tookMs)]),
  ]
  return rows.length === 0 ? [] : ['', paint(context, 'bold', 'Done'), ...formatTable(rows)]
}

export function afterLines(context: CliContext, after: After): string[] {
  const isOwn = (schema: string): boolean => schema === 'pgstrata'
  const rows = [
    ...after.tables
      .filter(({ schema }) => !isOwn(schema))
      .map(({ key, state, layout, partitions }) => [
        '  table',
        key,
        state,
        state === 'partitioned' ? `${layout}, ${plural(partitions.length, 'partition')}` : layout,
      ]),
    ...after.rollups
      .filter(({ source }) => !isOwn(source.schema))
      .map(({ name, state, source, filledTo }) => [
        '  rollup',
        name,
        state,
        `of ${source.schema}.${source.table}${filledTo === null ? '' : `, filled to ${filledTo}`}`,
      ]),
    ...after.views.map(({ name, kind, state, staleMs }) => [
      '  view',
      name,
      state,
      kind === 'plain' ? 'plain' : staleMs === null ? '' : `${formatDuration(staleMs)} old`,
    ]),
  ]
  const left = [
    ...after.pending.map((name) => ({
      what: `migration ${name}`,
      why: 'it is not applied',
      todo: 'pgstrata migrate status',
    })),
    ...after.held,
    ...after.drift.map(({ identity, kind }) => ({
      what: identity,
      why: kind === 'missing' ? 'it is gone' : 'it was changed by hand',
      todo: 'pgstrata plan shows how; decide with --accept or --overwrite',
    })),
  ]
  return [
    ...(rows.length === 0 ? [] : ['', paint(context, 'bold', 'After'), ...formatTable(rows)]),
    ...(left.length === 0 ? [] : ['', paint(context, 'bold', 'Still to do'), ...remarkLines(context, left)]),
  ]
}

export function checkRecord({ server, pending, plan, unfilled, warnings }: DeployCheck): Record<string, unknown> {
  return {
    server,
    pending: pending.map(({ name, isUnfinished, isCode, locks }) => ({ name, isUnfinished, isCode, locks })),
    steps: plan.steps.map(({ feature, title, locks, cost }) => ({ feature, title, locks, cost })),
    held: plan.held,
    drift: plan.drift.map(({ identity, kind }) => ({ identity, kind })),
    unfilled,
    warnings,
  }
}

export function afterRecord({ tables, rollups, views, held, drift, pending }: After): Record<string, unknown> {
  return {
    tables: tables.map(({ key, schema, table, state, partitions }) => ({
      key,
      schema,
      table,
      state,
      partitions: partitions.length,
    })),
    rollups: rollups.map(({ name, source, state, filledTo, pending: waiting }) => ({
      name,
      source,
      state,
      filledTo,
      pending: waiting,
    })),
    views: views.map(({ name, schema, kind, state, lastRefreshed }) => ({ name, schema, kind, state, lastRefreshed })),
    held,
    drift: drift.map(({ identity, kind }) => ({ identity, kind })),
    pending,
  }
}
