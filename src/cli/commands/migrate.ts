import type { Command } from 'commander'
import { relative } from 'node:path'
import { StrataError } from '../../base/errors.ts'
import type { Migrate, RunReport } from '../../migrate/index.ts'
import { paint, type CliContext, type GlobalOptions } from '../context.ts'
import { withStrata } from '../open.ts'
import { printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'
import { createEventPrinter } from '../migration-events.ts'
import { renderRun, renderShadow, renderStatuses, statusRecord } from '../migration-text.ts'
import { addMigrateChecks } from './migrate-checks.ts'

export function addMigrate(program: Command, context: CliContext, run: Run): void {
  const group = program.command('migrate').description('change the schema by files, one after the other')
  addNew(group, context, run)
  addUp(group, context, run)
  addDown(group, context, run)
  addTo(group, context, run)
  addStatusOf(group, context, run)
  addRecords(group, context, run)
  addSettle(group, context, run)
  addMigrateChecks(group, context, run)
}

function withMigrate(
  context: CliContext,
  options: GlobalOptions,
  work: (migrate: Migrate, dir: string) => Promise<number>,
): Promise<number> {
  return withStrata(context, options, (strata) => work(strata.migrate, strata.config.migrate.dir))
}

function finish(context: CliContext, options: GlobalOptions, report: RunReport): number {
  if (options.json === true) printJson(context, report)
  else printLines(context, renderRun(context, report))
  return 0
}

function addNew(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('new <name...>')
    .description('write an empty migration')
    .option('--ts', 'in TypeScript instead of SQL')
    .addHelpText('after', '\nExample:\n  $ pgstrata migrate new add plays\n')
  run(command, (options, args) =>
    withMigrate(context, options, async (migrate) => {
      const path = await migrate.create(args.join(' '), { kind: options['ts'] === true ? 'ts' : 'sql' })
      if (options.json === true) printJson(context, { path })
      else printLines(context, [relative(context.cwd, path)])
      return 0
    }),
  )
}

function addUp(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('up')
    .description('apply pending migrations')
    .option('--to <name>', 'up to and including this one')
    .option('--steps <n>', 'at most this many', parseCount)
    .option('--allow-out-of-order', 'also those that sort before one already applied')
    .option('--no-lint', 'skip the check for harm')
    .option('--dry-run', 'run them on an embedded copy of the live schema and show the locks each statement takes')
    .addHelpText('after', '\nExamples:\n  $ pgstrata migrate up --dry-run\n  $ pgstrata migrate up --steps 1\n')
  run(command, (options) =>
    withMigrate(context, options, async (migrate) => {
      const chosen = {
        to: options['to'] as string | undefined,
        steps: options['steps'] as number | undefined,
        allowOutOfOrder: options['allowOutOfOrder'] === true,
      }
      if (options['dryRun'] === true) {
        const report = await migrate.dryRun(chosen)
        if (options.json === true) printJson(context, report)
        else printLines(context, renderShadow(context, report))
        return 0
      }
      const printer = createEventPrinter(context)
      const report = await migrate.up({
        ...chosen,
        lint: options['lint'] !== false,
        signal: context.signal,
        onEvent: printer,
      })
      return finish(context, options, report)
    }),
  )
}

function addDown(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('down')
    .description('undo the newest migration')
    .option('--steps <n>', 'this many', parseCount)
    .option('--to <name>', 'all that come after this one (0: all)')
    .addHelpText('after', '\nExample:\n  $ pgstrata migrate down --steps 2\n')
  run(command, (options) =>
    withMigrate(context, options, async (migrate) => {
      const report = await migrate.down({
        to: options['to'] as string | undefined,
        steps: options['steps'] as number | undefined,
        signal: context.signal,
        onEvent: createEventPrinter(context),
      })
      return finish(context, options, report)
    }),
  )
}

function addTo(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('to <name>')
    .description('go up or down until this migration is the last one applied (0: none)')
    .option('--no-lint', 'skip the check for harm')
  run(command, (options, [name = '']) =>
    withMigrate(context, options, async (migrate) => {
      const report = await migrate.to(name, {
        lint: options['lint'] !== false,
        signal: context.signal,
        onEvent: createEventPrinter(context),
      })
      return finish(context, options, report)
    }),
  )
}

function addStatusOf(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('status')
    .description('every migration and where it stands')
    .addHelpText('after', '\nExit 0: all applied. Exit 2: something is pending, or not as it should be.\n')
  run(command, (options) =>
    withMigrate(context, options, async (migrate, dir) => {
      const statuses = await migrate.status()
      if (options.json === true) printJson(context, { migrations: statuses.map(statusRecord) })
      else if (statuses.length === 0)
        printLines(context, [
          `No migrations in ${relative(context.cwd, dir) || '.'}. Make one: pgstrata migrate new <name>`,
        ])
      else printLines(context, renderStatuses(context, statuses))
      return statuses.every((status) => status.state === 'applied') ? 0 : 2
    }),
  )
}

function addRecords(group: Command, context: CliContext, run: Run): void {
  run(group.command('show <name>').description('the text of a migration as it was applied'), (options, [name = '']) =>
    withMigrate(context, options, async (migrate) => {
      const text = await migrate.show(name)
      if (options.json === true) printJson(context, { name, text })
      else context.out(text)
      return 0
    }),
  )
  run(
    group.command('accept <name>').description('take an edit of an applied migration as meant'),
    (options, [name = '']) =>
      withMigrate(context, options, async (migrate) => {
        const accepted = await migrate.accept(name)
        if (options.json === true) printJson(context, { accepted })
        else printLines(context, [paint(context, 'green', `${accepted}: the record now holds the file as it is.`)])
        return 0
      }),
  )
}

function addSettle(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('settle <name>')
    .description('say what became of a statement that was interrupted and commits by itself (DO, CALL)')
    .option('--done', 'it took effect: go on after it')
    .option('--again', 'run it once more')
  run(command, (options, [name = '']) =>
    withMigrate(context, options, async (migrate) => {
      const { done = false, again = false } = options as { done?: boolean; again?: boolean }
      if (done === again) throw new StrataError('USAGE', { message: 'Say which', expected: 'either --done or --again' })
      const settled = await migrate.settle(name, done ? 'done' : 'again')
      if (options.json === true) printJson(context, { settled, verdict: done ? 'done' : 'again' })
      else
        printLines(context, [
          `${settled}: the next \`pgstrata migrate up\` ${done ? 'goes on after it' : 'runs it once more'}.`,
        ])
      return 0
    }),
  )
}

function parseCount(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count > 0) return count
  throw new StrataError('USAGE', {
    message: 'Not a count',
    expected: 'a whole number from 1',
    got: JSON.stringify(text),
  })
}
