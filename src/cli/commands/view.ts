import type { Command } from 'commander'
import { errorTable } from '../../base/error-table.ts'
import { StrataError } from '../../base/errors.ts'
import { formatDuration, formatSize, plural } from '../../base/units.ts'
import type { ViewRefresh, Views, ViewStatus } from '../../views/index.ts'
import { paint, type CliContext, type GlobalOptions } from '../context.ts'
import { withStrata } from '../open.ts'
import { createProgress, formatTable, printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'

export function addView(program: Command, context: CliContext, run: Run): void {
  const group = program
    .command('view')
    .description('views: how fresh materialized ones are, and refreshing them')
    .addHelpText(
      'after',
      '\nExamples:\n  $ pgstrata view status\n  $ pgstrata view refresh mv_genre_stats\n  $ pgstrata view refresh --tag analytics\n',
    )
  addStatus(group, context, run)
  addRefresh(group, context, run)
  addSuggest(group, context, run)
}

function withViews(
  context: CliContext,
  options: GlobalOptions,
  work: (views: Views) => Promise<number>,
): Promise<number> {
  return withStrata(context, options, (strata) => work(strata.views))
}

function addStatus(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('status [name]')
    .description('every view: how fresh, how large, when it is refreshed next, findings')
  run(command, (options, [name]) =>
    withViews(context, options, async (views) => {
      const statuses = await views.status(name)
      if (options.json === true) printJson(context, { views: statuses })
      else if (statuses.length === 0) {
        printLines(context, ['There is no view. Declare one under `views` (docs/views.md).'])
      } else printLines(context, renderStatuses(context, statuses))
      return 0
    }),
  )
}

function renderStatuses(context: CliContext, statuses: readonly ViewStatus[]): string[] {
  const rows = statuses.map((status) => [
    status.name,
    status.state,
    status.rows === null ? '' : plural(status.rows, 'row'),
    status.sizeBytes === null ? '' : formatSize(status.sizeBytes),
    describeAge(status),
    status.dueAt === null
      ? status.state === 'live' && status.kind === 'materialized'
        ? 'by hand'
        : ''
      : `due ${formatTime(status.dueAt)}`,
    status.tags.join(', '),
  ])
  const findings = statuses.flatMap(({ name, findings: found }) =>
    found.flatMap(({ what, todo }) => [
      `${paint(context, 'yellow', '!')} ${name}: ${what}`,
      `  ${paint(context, 'cyan', '→')} ${todo}`,
    ]),
  )
  return [...formatTable(rows), ...(findings.length === 0 ? [] : ['', ...findings])]
}

function describeAge({ kind, staleMs, tookMs, how }: ViewStatus): string {
  if (kind === 'plain') return staleMs === null ? '' : 'plain: as fresh as what it reads'
  if (staleMs === null) return ''
  const took = tookMs === null ? '' : `, took ${formatDuration(tookMs)}${how === null ? '' : ` ${how}`}`
  return `${formatDuration(staleMs)} old${took}`
}

const formatTime = (at: Date): string => `${at.toISOString().slice(0, 19)}Z`

function addRefresh(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('refresh [names...]')
    .description('refresh views now, each behind what it reads')
    .option('--tag <tag>', 'those that have this tag')
    .option('--all', 'all that are declared')
    .addHelpText(
      'after',
      '\nExit 0: refreshed, or another session is at it. Exit 6: one failed; the others are done.\n',
    )
  run(command, (options, names) =>
    withViews(context, options, async (views) => {
      const { tag, all } = options as { readonly tag?: string; readonly all?: boolean }
      requireChoice({ names, tag, all })
      const progress = createProgress(context)
      const done = await views.refresh({
        ...(all === true ? {} : { names, tags: tag === undefined ? [] : [tag] }),
        signal: context.signal,
        onProgress: (told) =>
          progress.show({ label: 'refresh', done: told.done, total: told.total, unit: 'views', note: told.name }),
      })
      progress.clear()
      if (options.json === true) printJson(context, { views: done })
      else printLines(context, done.length === 0 ? ['No view has that tag.'] : done.map((one) => render(context, one)))
      return done.some(({ outcome }) => outcome === 'failed') ? errorTable.VIEW_FAILED.exit : 0
    }),
  )
}

/** Of `pgstrata view` and of `pgstrata rollup`. */
export function addSuggest(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('suggest <view>')
    .description('whether a view, any there is, could be a rollup: its declaration, or why not')
    .addHelpText('after', '\nExit 0: it could. Exit 2: something stands in the way.\n')
  run(command, (options, [name = '']) =>
    withViews(context, options, async (views) => {
      const { view, declaration, notes, obstacles } = await views.suggest(name)
      if (options.json === true) printJson(context, { view, declaration, notes, obstacles })
      else if (declaration === null) {
        printLines(context, [
          `${view} cannot be a rollup:`,
          ...obstacles.map((why) => `  ${paint(context, 'red', '-')} ${why}`),
        ])
      } else {
        const told = notes.map((note) => `  // ${note}`)
        printLines(context, ['rollups: {', ...told, ...declaration.split('\n').map((line) => `  ${line}`), '},'])
      }
      return declaration === null ? 2 : 0
    }),
  )
}

function requireChoice({
  names,
  tag,
  all,
}: {
  readonly names: readonly string[]
  readonly tag: string | undefined
  readonly all: boolean | undefined
}): void {
  const isOne = names.length > 0 || tag !== undefined
  if (isOne !== (all === true)) return
  throw new StrataError('USAGE', {
    message: isOne ? '--all means every view' : 'Which views?',
    expected: 'names, --tag, or --all',
  })
}

function render(context: CliContext, { name, outcome, how, tookMs, rows, why }: ViewRefresh): string {
  const count = rows === null ? '' : `, ${plural(rows, 'row')}`
  switch (outcome) {
    case 'refreshed':
      return paint(context, 'green', `${name}: refreshed ${how ?? ''} in ${formatDuration(tookMs)}${count}`)
    case 'failed':
      return paint(context, 'red', `${name}: failed, ${why ?? ''}`)
    default:
      return paint(context, 'yellow', `${name}: left out, ${why ?? ''}`)
  }
}
