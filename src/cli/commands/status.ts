import type { Command } from 'commander'
import { formatDuration, plural } from '../../base/units.ts'
import { describeTarget } from '../../db/db.ts'
import type { NodeReport } from '../../db/node-facts.ts'
import { readServerFacts } from '../../db/server-facts.ts'
import type { CliContext } from '../context.ts'
import { readStatuses } from '../migration-statuses.ts'
import { withStrata } from '../open.ts'
import { formatTable, printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'

export function addStatus(program: Command, context: CliContext, run: Run): void {
  const command = program
    .command('status')
    .description('one page: servers, schema, migrations, plan')
    .addHelpText('after', '\nExample:\n  $ pgstrata status --json\n')
  run(command, (options) =>
    withStrata(context, options, async (strata) => {
      const facts = await strata.db.withSession(readServerFacts)
      const statuses = await readStatuses(strata)
      const plan = await strata.plan()
      const nodes = await strata.readNodes()
      const count = (state: string): number => statuses.filter((status) => status.state === state).length
      const summary = {
        server: { target: describeTarget(strata.db.target), version: facts.version, isReplica: facts.isReplica },
        nodes,
        migrations: {
          applied: count('applied'),
          pending: count('pending'),
          other: statuses
            .filter((status) => !['applied', 'pending'].includes(status.state))
            .map(({ name, state }) => ({ name, state })),
          last: statuses.findLast((status) => status.record?.state === 'done')?.name ?? null,
        },
        plan: {
          steps: plan.steps.length,
          unfinished: plan.unfinished.length,
          drift: plan.drift.map((drift) => drift.identity),
        },
      }
      if (options.json === true) printJson(context, summary)
      else {
        const { migrations } = summary
        printLines(
          context,
          formatTable([
            ['server', `PostgreSQL ${facts.version}, ${summary.server.target}${facts.isReplica ? ' (a replica)' : ''}`],
            [
              'migrations',
              `${migrations.applied} applied, ${migrations.pending} pending${migrations.other.map((item) => `, ${item.name} is ${item.state}`).join('')}`,
            ],
            ['last', migrations.last ?? 'none'],
            [
              'plan',
              `${plural(plan.steps.length, 'step')} to apply, ${plural(plan.unfinished.length, 'step')} unfinished`,
            ],
            ['drift', plan.drift.map((drift) => drift.identity).join(', ') || 'none'],
          ]),
        )
        if (nodes.length > 1) printLines(context, ['', ...renderNodes(nodes)])
      }
      return 0
    }),
  )
}

function renderNodes(nodes: readonly NodeReport[]): string[] {
  return formatTable(
    nodes.map(({ node, target, role, timeline, position, lagMs, error }) => {
      if (error !== undefined) return [node, target, 'does not answer', '', error]
      const lag = role === 'primary' ? '' : lagMs === null ? 'falls behind' : `${formatDuration(lagMs)} behind`
      return [node, target, role, `timeline ${timeline ?? '?'}, ${position ?? 'no position'}`, lag]
    }),
  )
}
