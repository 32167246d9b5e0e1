import type { Command } from 'commander'
import { formatDuration, formatSize, plural } from '../../base/units.ts'
import type { RollupExplanation, RollupStatus, Rollups, Verification } from '../../rollups/index.ts'
import { paint, type CliContext, type GlobalOptions } from '../context.ts'
import { fillShown } from '../fill.ts'
import { withStrata } from '../open.ts'
import { createProgress, formatTable, printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'
import { addSuggest } from './view.ts'

export function addRollup(program: Command, context: CliContext, run: Run): void {
  const group = program
    .command('rollup')
    .description('rollups: what has become of them, and what is done to one by hand')
    .addHelpText(
      'after',
      '\nExamples:\n  $ pgstrata rollup status\n  $ pgstrata rollup merge\n  $ pgstrata rollup merge song_plays\n  $ pgstrata rollup verify song_plays --fix\n',
    )
  addStatus(group, context, run)
  addMerge(group, context, run)
  addFill(group, context, run)
  addRebuild(group, context, run)
  addVerify(group, context, run)
  addExplain(group, context, run)
  addSuggest(group, context, run)
}

function withRollups(
  context: CliContext,
  options: GlobalOptions,
  work: (rollups: Rollups) => Promise<number>,
): Promise<number> {
  return withStrata(context, options, (strata) => work(strata.rollup))
}

function addStatus(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('status [name]')
    .description('every rollup: filled or not, how much is pending, when it was merged, findings')
  run(command, (options, [name]) =>
    withRollups(context, options, async (rollups) => {
      const statuses = await rollups.status(name)
      if (options.json === true) printJson(context, { rollups: statuses })
      else if (statuses.length === 0) {
        printLines(context, ['There is no rollup. Declare one under `rollups` (docs/rollups.md).'])
      } else printLines(context, renderStatuses(context, statuses))
      return 0
    }),
  )
}

function renderStatuses(context: CliContext, statuses: readonly RollupStatus[]): string[] {
  const rows = statuses.map((status) => [
    status.name,
    `of ${status.source.schema}.${status.source.table}`,
    status.state,
    status.rowsEstimate === null ? '' : `~${plural(Math.round(status.rowsEstimate), 'row')}`,
    status.sizeBytes === null ? '' : formatSize(status.sizeBytes),
    describePending(status),
    describeMerge(status),
  ])
  const findings = statuses.flatMap(({ name, findings: found }) =>
    found.flatMap(({ what, todo }) => [
      `${paint(context, 'yellow', '!')} ${name}: ${what}`,
      `  ${paint(context, 'cyan', '→')} ${todo}`,
    ]),
  )
  return [...formatTable(rows), ...(findings.length === 0 ? [] : ['', ...findings])]
}

/** Counted up to 100,000. */
function describePending({ pending, deltaBytes, lagMs }: RollupStatus): string {
  if (pending === null) return ''
  const count = `${pending >= 100_000 ? '100,000 or more' : pending.toLocaleString('en-US')} pending`
  const behind = lagMs === null ? '' : `, ${formatDuration(lagMs)} behind`
  return `${count}${behind} (${formatSize(deltaBytes ?? 0)})`
}

function describeMerge({ state, filledTo, mergedAt, mergedRows, mergeMs }: RollupStatus): string {
  if (state === 'filling' || state === 'refilling') {
    return filledTo === null ? 'is to be filled' : `filled to ${filledTo}`
  }
  if (mergedAt === null) return ''
  const took = mergeMs === null ? '' : `, ${formatDuration(mergeMs)}`
  return `merged ${plural(mergedRows ?? 0, 'change')} at ${mergedAt.toISOString().slice(0, 19)}Z${took}`
}

function addMerge(group: Command, context: CliContext, run: Run): void {
  const command = group.command('merge [name]').description('fold pending changes in, now: of one, or of all')
  run(command, (options, [name]) =>
    withRollups(context, options, async (rollups) => {
      if (name === undefined) return await mergeAll(context, rollups, options)
      const rows = await rollups.merge(name, { signal: context.signal })
      if (options.json === true) printJson(context, { name, rows })
      else printLines(context, [rows === 0 ? 'Nothing is pending.' : `${plural(rows, 'change')} merged.`])
      return 0
    }),
  )
}

async function mergeAll(context: CliContext, rollups: Rollups, { json }: GlobalOptions): Promise<number> {
  const merged = await rollups.merge({ signal: context.signal })
  if (json === true) printJson(context, { rollups: merged })
  else if (merged.every(({ rows }) => rows === 0)) printLines(context, ['Nothing is pending.'])
  else
    printLines(
      context,
      formatTable(merged.map(({ name, rows }) => [name, rows === 0 ? 'nothing' : `${plural(rows, 'change')} merged`])),
    )
  return 0
}

function addFill(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('fill <name>')
    .description('fill a rollup of a large table, or go on with it, while the table is written to')
    .addHelpText('after', '\n`pgstrata serve` does it by itself. Stopped anywhere, it goes on where it was.\n')
  run(command, (options, [name = '']) =>
    withRollups(context, options, async (rollups) => {
      await fillShown(context, rollups, name)
      if (options.json === true) printJson(context, { name, state: 'live' })
      else printLines(context, [paint(context, 'green', `${name} is filled.`)])
      return 0
    }),
  )
}

function addRebuild(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('rebuild <name>')
    .description('build a rollup anew from its table, while both are used')
    .addHelpText(
      'after',
      '\nWhat partitions had that are gone is kept. `pgstrata rollup verify --fix` builds only what differs.\n',
    )
  run(command, (options, [name = '']) =>
    withRollups(context, options, async (rollups) => {
      const progress = createProgress(context)
      await rollups.rebuild(name, {
        signal: context.signal,
        onProgress: (share) => progress.show({ label: name, done: Math.round(share * 100), total: 100, unit: '%' }),
      })
      progress.clear()
      if (options.json === true) printJson(context, { name, state: 'live' })
      else printLines(context, [paint(context, 'green', `${name} is built anew.`)])
      return 0
    }),
  )
}

function addExplain(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('explain <name>')
    .description('how a rollup is kept: measures and their contracts, tables, triggers')
    .option('--sql', 'and the statements that capture and merge')
  run(command, (options, [name = '']) =>
    withRollups(context, options, async (rollups) => {
      const found = await rollups.explain(name)
      if (options.json === true) printJson(context, found)
      else printLines(context, renderExplanation(context, found, options['sql'] === true))
      return 0
    }),
  )
}

function renderExplanation(context: CliContext, found: RollupExplanation, withSql: boolean): string[] {
  const heading = (text: string): string => paint(context, 'cyan', text)
  const statements = (title: string, all: readonly string[]): string[] => [
    '',
    heading(title),
    ...all.map((one) => `${one};`),
  ]
  return [
    heading('Keys'),
    ...found.keys.map((key) => `  ${key}`),
    '',
    heading('Measures'),
    ...formatTable(found.measures.map(({ name, kind, contract }) => [`  ${name}`, kind, contract])),
    '',
    heading('Relations'),
    ...formatTable(found.relations.map(({ name, what }) => [`  ${name}`, what])),
    '',
    heading('Triggers stand on'),
    ...found.watched.map((name) => `  ${name}`),
    ...(withSql ? [...statements('Capture', found.capture), ...statements('Merge', found.merge)] : []),
  ]
}

function addVerify(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('verify <name>')
    .description('compare a rollup with its table, while both are used')
    .option('--fix', 'build anew what differs')
    .addHelpText('after', '\nExit 0: they are the same, or were made so. Exit 2: they differ.\n')
  run(command, (options, [name = '']) =>
    withRollups(context, options, async (rollups) => {
      const progress = createProgress(context)
      const found = await rollups.verify(name, {
        fix: options['fix'] === true,
        signal: context.signal,
        onProgress: (share) => progress.show({ label: name, done: Math.round(share * 100), total: 100, unit: '%' }),
      })
      progress.clear()
      if (options.json === true) printJson(context, { name, ...found })
      else printLines(context, [describeVerification(context, name, { found, fix: options['fix'] === true })])
      return found.different + found.totals + found.levels > 0 && options['fix'] !== true ? 2 : 0
    }),
  )
}

interface Verified {
  readonly found: Verification
  readonly fix: boolean
}

function describeVerification(context: CliContext, name: string, { found, fix }: Verified): string {
  if (found.different + found.totals + found.levels === 0)
    return paint(context, 'green', `${name} is what its table says: ${plural(found.keys, 'key')}.`)
  if (found.different === 0) {
    const what = `${[...keysOf(found.totals, 'totals'), ...keysOf(found.levels, 'levels')].join(' and ')} differed`
    return fix ? paint(context, 'green', `${what}. Built anew.`) : paint(context, 'red', `${what}. Mend it with --fix.`)
  }
  const where = found.from === null ? '' : `, in buckets from ${found.from} to ${found.to ?? ''}`
  const what = `${plural(found.different, 'key')} of ${found.keys.toLocaleString('en-US')} differed${where}`
  if (found.repaired === 0) return paint(context, 'red', `${what}. Mend it with --fix.`)
  return paint(context, 'green', `${what}. Built anew.`)
}

function keysOf(differing: number, what: string): readonly string[] {
  return differing === 0 ? [] : [`${plural(differing, 'key')} of its ${what}`]
}
