import type { Command } from 'commander'
import { plural } from '../../base/units.ts'
import { hasWork, renderPlan } from '../../plan/index.ts'
import { paint, type CliContext } from '../context.ts'
import { readStatuses } from '../migration-statuses.ts'
import { withStrata } from '../open.ts'
import { printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'

export function addPlan(program: Command, context: CliContext, run: Run): void {
  const command = program
    .command('plan')
    .description('show what apply would do: every statement, the lock it takes, the work it does')
    .addHelpText('after', '\nExample:\n  $ pgstrata plan --json    # in CI: exit 2 when there is something to do\n')
  run(command, (options) =>
    withStrata(context, options, async (strata) => {
      const plan = await strata.plan()
      const pending = (await readStatuses(strata))
        .filter((status) => status.state !== 'applied')
        .map((status) => status.name)
      const work = hasWork(plan) || pending.length > 0
      if (options.json === true) {
        printJson(context, {
          steps: plan.steps,
          unfinished: plan.unfinished,
          drift: plan.drift,
          held: plan.held,
          pendingMigrations: pending,
        })
      } else {
        if (hasWork(plan)) printLines(context, [renderPlan(plan)])
        if (pending.length > 0)
          printLines(context, [`${plural(pending.length, 'migration')} not applied: pgstrata migrate status`])
        printLines(context, [
          work ? `${plural(plan.steps.length, 'step')} to apply` : paint(context, 'green', 'Nothing to do.'),
        ])
      }
      return work ? 2 : 0
    }),
  )
}
