// The commands, their options and help; each command's work is in commands/.

import { Command, CommanderError, Option } from 'commander'
import { createRequire } from 'node:module'
import { StrataError } from '../base/errors.ts'
import { addAlerts } from './commands/alerts.ts'
import { addApply } from './commands/apply.ts'
import { addArchive } from './commands/archive.ts'
import { addBackup } from './commands/backup.ts'
import { addChanges } from './commands/changes.ts'
import { addConvert } from './commands/convert.ts'
import { addDeploy } from './commands/deploy.ts'
import { addDev } from './commands/dev.ts'
import { addDoctor } from './commands/doctor.ts'
import { addExport } from './commands/export.ts'
import { addExplain } from './commands/explain.ts'
import { addInit } from './commands/init.ts'
import { addJobs } from './commands/jobs.ts'
import { addMigrate } from './commands/migrate.ts'
import { addPartitions } from './commands/partitions.ts'
import { addPgBouncer } from './commands/pgbouncer.ts'
import { addPlan } from './commands/plan.ts'
import { addRollup } from './commands/rollup.ts'
import { addServe } from './commands/serve.ts'
import { addStatus } from './commands/status.ts'
import { addTier } from './commands/tier.ts'
import { addTop } from './commands/top.ts'
import { addView } from './commands/view.ts'
import type { CliContext, GlobalOptions } from './context.ts'
import { reportError } from './output.ts'
import type { Run } from './run.ts'

export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  let exitCode = 0
  const json = argv.includes('--json')
  const program = new Command('pgstrata')
    .description(
      'Keep the PostgreSQL you have, and make it behave like the system you would need at a hundred times the load.',
    )
    .version(packageVersion(), '-V, --version')
    .exitOverride()
    // Options behind the name of a command are that one's, also where a command with subcommands has options itself.
    .enablePositionalOptions()
    .configureOutput({ writeOut: context.out, writeErr: json ? () => undefined : context.err })
    .showHelpAfterError('(pgstrata --help lists the commands)')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 2 there is something to do (plan, deploy, migrate status …), 3 and up: docs/errors.md\n',
    )

  const run: Run = (command, action) => {
    command
      .addOption(new Option('-c, --config <file>', 'configuration file (default: pgstrata.config.ts here or above)'))
      .addOption(new Option('--json', 'print one JSON document'))
      .addOption(new Option('--verbose', 'print stacks of errors'))
      .action(async () => {
        const options = command.opts<GlobalOptions & Record<string, unknown>>()
        try {
          exitCode = await action(options, command.args)
        } catch (error) {
          exitCode = reportError(context, error, options)
        }
      })
  }
  for (const add of [
    addInit,
    addDev,
    addPlan,
    addApply,
    addDeploy,
    addMigrate,
    addPartitions,
    addRollup,
    addView,
    addConvert,
    addTier,
    addArchive,
    addBackup,
    addChanges,
    addServe,
    addAlerts,
    addJobs,
    addStatus,
    addTop,
    addExplain,
    addDoctor,
    addExport,
    addPgBouncer,
  ])
    add(program, context, run)

  try {
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0 || error.code === 'commander.help') return argv.length === 0 ? 3 : 0
    const usage = new StrataError('USAGE', { message: error.message.replace(/^error: /, '') })
    return json ? reportError(context, usage, { json }) : usage.exitCode
  }
  return exitCode
}

function packageVersion(): string {
  return (createRequire(import.meta.url)('../../package.json') as { version: string }).version
}
