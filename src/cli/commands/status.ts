import type { Command } from 'commander'
import { isStrataError } from '../../base/errors.ts'
import { formatDuration, plural } from '../../base/units.ts'
import { describeTarget } from '../../db/db.ts'
import type { NodeReport } from '../../db/node-facts.ts'
import { readServerFacts } from '../../db/server-facts.ts'
import type { Strata } from '../../strata.ts'
import type { CliContext } from '../context.ts'
import { readStatuses } from '../migration-statuses.ts'
import { withStrata } from '../open.ts'
import { formatTable, printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'

export function addStatus(program: Command, context: CliContext, run: Run): void {
  const command = program
    .command('status')
    .description('one page: servers, schema, migrations, plan, jobs, alerts')
    .addHelpText('after', '\nExample:\n  $ pgstrata status --json\n')
  run(command, (options) =>
    withStrata(context, options, async (strata) => {
      const facts = await strata.db.withSession(readServerFacts)
      const statuses = await readStatuses(strata)
      const plan = await strata.plan()
      const nodes = await strata.readNodes()
      const upkeep = await readUpkeep(strata)
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
        ...upkeep,
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
            ['jobs', describeJobs(upkeep)],
            ['alerts', describeAlerts(upkeep)],
          ]),
        )
        if (nodes.length > 1) printLines(context, ['', ...renderNodes(nodes)])
      }
      return 0
    }),
  )
}

interface Upkeep {
  /** null: schema pgstrata is not there, or not as new as this package. */
  readonly jobs: { readonly count: number; readonly failed: readonly string[]; readonly lost: readonly string[] } | null
  readonly alerts: readonly { readonly rule: string; readonly severity: string; readonly summary: string }[] | null
}

/** What runs by itself, and what was found wrong. */
async function readUpkeep(strata: Strata): Promise<Upkeep> {
  try {
    const jobs = await strata.jobs.list()
    const alerts = (await strata.alerts.open()).filter(({ state }) => state === 'firing')
    const named = (is: (job: (typeof jobs)[number]) => boolean): string[] => jobs.filter(is).map(({ name }) => name)
    return {
      jobs: {
        count: jobs.length,
        failed: named(({ last }) => last?.state === 'failed'),
        lost: named(({ state }) => state === 'lost'),
      },
      alerts:
        strata.config.watch === undefined
          ? null
          : alerts.map(({ rule, severity, summary }) => ({ rule, severity, summary })),
    }
  } catch (error) {
    if (isStrataError(error, 'SCHEMA_OLDER') || isStrataError(error, 'SCHEMA_NEWER'))
      return { jobs: null, alerts: null }
    throw error
  }
}

function describeJobs({ jobs }: Upkeep): string {
  if (jobs === null) return 'schema pgstrata is not installed, or of another version: see `pgstrata plan`'
  const wrong = [
    ...(jobs.failed.length === 0 ? [] : [`failed: ${jobs.failed.join(', ')}`]),
    ...(jobs.lost.length === 0 ? [] : [`without a runner: ${jobs.lost.join(', ')}`]),
  ]
  return [plural(jobs.count, 'job'), ...wrong].join('; ')
}

function describeAlerts({ alerts }: Upkeep): string {
  if (alerts === null) return 'nothing is watched: declare `watch`'
  return alerts.map(({ severity, summary }) => `${severity}: ${summary}`).join('; ') || 'none'
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
