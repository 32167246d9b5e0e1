import type { Command } from 'commander'
import { systemClock } from '../../base/clock.ts'
import { formatDuration } from '../../base/units.ts'
import { hasWork } from '../../plan/index.ts'
import { paint, type CliContext, type GlobalOptions } from '../context.ts'
import { deploy, needsSomebody, readAfter, type After, type DeployOptions, type Done } from '../deploy.ts'
import { checkDeploy, requireClear, type DeployCheck } from '../deploy-check.ts'
import { afterLines, afterRecord, checkLines, checkRecord, doneLines, dryRunLines } from '../deploy-text.ts'
import { withStrata } from '../open.ts'
import { printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'

export function addDeploy(program: Command, context: CliContext, run: Run): void {
  const command = program
    .command('deploy')
    .description('bring the database to what is declared: check, migrate, apply, fill, report; again and again')
    .option('--dry-run', 'check, and show what would be done; nothing is changed')
    .option('--no-fill', 'leave rollups of large tables to `pgstrata serve`')
    .option('--no-lint', 'skip the check of migrations for harm')
    .option('--allow-out-of-order', 'also migrations that sort before one already applied')
    .option('--accept <object...>', 'take a change made by hand as it is')
    .option('--overwrite <object...>', 'undo a change made by hand')
    .addHelpText(
      'after',
      '\nExit 0: the database is as declared. Exit 2: something is left to a person. Exit 5: refused before anything was changed.\nKilled anywhere, the next run goes on.\n',
    )
  run(command, (options) =>
    withStrata(context, options, async (strata) => {
      const begunMs = systemClock.monotonic()
      const chosen = readOptions(options)
      const check = await checkDeploy(strata, chosen)
      const checkMs = systemClock.monotonic() - begunMs
      if (options.json !== true) printLines(context, checkLines(context, check))
      if (options['dryRun'] === true) return showDryRun(context, options, check)
      requireClear(check)
      const done = await deploy(context, strata, chosen)
      const after = await readAfter(strata)
      const tookMs = systemClock.monotonic() - begunMs
      show(context, options, { check, done, after, checkMs, tookMs })
      return needsSomebody(after, chosen) ? 2 : 0
    }),
  )
}

function readOptions(options: GlobalOptions & Record<string, unknown>): DeployOptions {
  return {
    fill: options['fill'] !== false,
    lint: options['lint'] !== false,
    allowOutOfOrder: options['allowOutOfOrder'] === true,
    accept: (options['accept'] as string[] | undefined) ?? [],
    overwrite: (options['overwrite'] as string[] | undefined) ?? [],
  }
}

/** What stands in the way is the error, as without --dry-run. */
function showDryRun(context: CliContext, options: GlobalOptions, check: DeployCheck): number {
  if (options.json !== true) printLines(context, dryRunLines(check))
  requireClear(check)
  const isWork = check.pending.length + check.unfilled.length > 0 || hasWork(check.plan)
  if (options.json === true) printJson(context, { dryRun: true, isWork, before: checkRecord(check) })
  return isWork ? 2 : 0
}

interface Shown {
  readonly check: DeployCheck
  readonly done: Done
  readonly after: After
  readonly checkMs: number
  readonly tookMs: number
}

function show(context: CliContext, options: GlobalOptions, { check, done, after, checkMs, tookMs }: Shown): void {
  const { migrateMs, applyMs, ...did } = done
  const isNothing = Object.values(did).every((list) => list.length === 0)
  if (options.json === true) {
    const round = Math.round
    printJson(context, {
      isNothing,
      before: checkRecord(check),
      done: { ...did, filled: did.filled.map((one) => ({ ...one, tookMs: round(one.tookMs) })) },
      after: afterRecord(after),
      durations: {
        checkMs: round(checkMs),
        migrateMs: round(migrateMs),
        applyMs: round(applyMs),
        tookMs: round(tookMs),
      },
    })
    return
  }
  const end = isNothing ? 'Nothing to do' : 'Deployed'
  printLines(context, [
    ...doneLines(context, done),
    ...afterLines(context, after),
    '',
    `${paint(context, 'green', `${end}.`)} ${formatDuration(tookMs)}, of which the check took ${formatDuration(checkMs)}`,
  ])
}
