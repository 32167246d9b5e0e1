import type { Command } from 'commander'
import { plural } from '../../base/units.ts'
import { describeEvent } from '../apply-events.ts'
import { paint, type CliContext } from '../context.ts'
import { readStatuses } from '../migration-statuses.ts'
import { withStrata } from '../open.ts'
import { printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'

export function addApply(program: Command, context: CliContext, run: Run): void {
  const command = program
    .command('apply')
    .description('carry out the plan, with short lock waits; a killed apply goes on where it stopped')
    .option('--accept <object...>', 'take a change made by hand as it is')
    .option('--overwrite <object...>', 'undo a change made by hand')
    .addHelpText('after', '\nExample:\n  $ pgstrata apply\n  $ pgstrata apply --accept "table pgstrata.backfill"\n')
  run(command, (options) =>
    withStrata(context, options, async (strata) => {
      const report = await strata.apply({
        accept: options['accept'] as string[] | undefined,
        overwrite: options['overwrite'] as string[] | undefined,
        signal: context.signal,
        onEvent: (event) => context.err(describeEvent(event)),
      })
      const decided = [...report.accepted, ...report.overwritten]
      if (options.json === true) printJson(context, report)
      else if (decided.length > 0) printLines(context, [paint(context, 'green', `Decided: ${decided.join(', ')}.`)])
      else if (report.applied.length === 0) printLines(context, [paint(context, 'green', 'Nothing to do.')])
      else printLines(context, [paint(context, 'green', `${plural(report.applied.length, 'step')} applied.`)])
      const pending = (await readStatuses(strata)).filter((status) => status.state !== 'applied')
      if (pending.length > 0) context.err(`${plural(pending.length, 'migration')} not applied: pgstrata migrate up\n`)
      const { drift, held } = await strata.plan()
      for (const { what, why, todo } of held) context.err(`${what}: ${why}\n  → ${todo}\n`)
      if (drift.length > 0)
        context.err(`Changed by hand: ${drift.map((item) => item.identity).join(', ')} (pgstrata plan shows how)\n`)
      return 0
    }),
  )
}
