import type { Command } from 'commander'
import { StrataError } from '../../base/errors.ts'
import { formatDuration } from '../../base/units.ts'
import type { JobRun, Jobs, JobStatus } from '../../maintain/index.ts'
import { paint, type CliContext, type GlobalOptions, type Style } from '../context.ts'
import { withStrata } from '../open.ts'
import { formatTable, printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'

export function addJobs(program: Command, context: CliContext, run: Run): void {
  const group = program
    .command('jobs')
    // Options behind the name of a subcommand are that one's.
    .enablePositionalOptions()
    .description('list jobs: when each runs, and what became of its last run')
    .addHelpText(
      'after',
      '\nExamples:\n  $ pgstrata jobs\n  $ pgstrata jobs run analyze\n  $ pgstrata jobs history --limit 5\n',
    )
  run(group, (options) =>
    withJobs(context, options, async (jobs) => {
      const list = await jobs.list()
      if (options.json === true) printJson(context, { jobs: list })
      else printLines(context, renderJobs(context, list))
      return 0
    }),
  )
  addRun(group, context, run)
  addHistory(group, context, run)
  addPauses(group, context, run)
}

function withJobs(context: CliContext, options: GlobalOptions, work: (jobs: Jobs) => Promise<number>): Promise<number> {
  return withStrata(context, options, (strata) => work(strata.jobs))
}

function addRun(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('run <name>')
    .description('run a job now, in this process, whatever its schedule says')
    .addHelpText('after', '\nExit 0: done. Exit 6: it failed. Exit 7: it is running already.\n')
  run(command, (options, [name = '']) =>
    withJobs(context, options, async (jobs) => {
      const stop = (): void => void jobs.stop().catch(() => undefined)
      context.signal.addEventListener('abort', stop, { once: true })
      const report = await jobs.runNow(name)
      context.signal.removeEventListener('abort', stop)
      if (report.state !== 'done') {
        throw new StrataError(context.signal.aborted ? 'INTERRUPTED' : 'JOB_FAILED', {
          message: `Job "${name}": ${report.failure ?? report.state}`,
          advice: `See \`pgstrata jobs history ${name}\`.`,
          details: { ...report },
        })
      }
      for (const warning of report.warnings) context.err(`${paint(context, 'yellow', warning)}\n`)
      if (options.json === true) printJson(context, report)
      else
        printLines(context, [
          `${paint(context, 'green', report.did || 'Nothing to do.')} (${formatDuration(report.durationMs)})`,
        ])
      return 0
    }),
  )
}

function addHistory(group: Command, context: CliContext, run: Run): void {
  const command = group
    .command('history [name]')
    .description('runs of a job, or of all, the newest first')
    .option('--limit <n>', 'at most this many (default: 20)', parseLimit)
  run(command, (options, [name]) =>
    withJobs(context, options, async (jobs) => {
      const runs = await jobs.history(name, { limit: (options['limit'] as number | undefined) ?? 20 })
      if (options.json === true) printJson(context, { runs })
      else printLines(context, runs.length === 0 ? ['No run yet.'] : renderRuns(context, runs))
      return 0
    }),
  )
}

function addPauses(group: Command, context: CliContext, run: Run): void {
  run(
    group.command('pause <name>').description('leave a job out, in every daemon, until it is resumed'),
    (options, [name = '']) =>
      withJobs(context, options, async (jobs) => {
        await jobs.pause(name)
        if (options.json === true) printJson(context, { paused: name })
        else printLines(context, [`${name} is paused. A run under way goes on to its end.`])
        return 0
      }),
  )
  run(
    group.command('resume <name>').description('end the pause; what came due meanwhile is left out'),
    (options, [name = '']) =>
      withJobs(context, options, async (jobs) => {
        await jobs.resume(name)
        if (options.json === true) printJson(context, { resumed: name })
        else printLines(context, [`${name} runs again as it comes due.`])
        return 0
      }),
  )
}

const jobStyles: Readonly<Record<JobStatus['state'], Style>> = {
  waiting: 'dim',
  running: 'green',
  lost: 'red',
  paused: 'yellow',
}

function renderJobs(context: CliContext, jobs: readonly JobStatus[]): string[] {
  const rows = formatTable([
    ['job', 'schedule', 'state', 'next', 'last run', ''],
    ...jobs.map(({ name, schedule, state, next, last }) => [
      name,
      schedule,
      state,
      next === undefined ? '' : stampOf(next),
      last === undefined ? 'never' : stampOf(last.started),
      last === undefined ? '' : describeOutcome(last),
    ]),
  ])
  return rows.map((row, index) => {
    const state = jobs[index - 1]?.state
    return state === undefined
      ? paint(context, 'bold', row)
      : row.replace(state, paint(context, jobStyles[state], state))
  })
}

const runStyles: Readonly<Record<JobRun['state'], Style>> = {
  running: 'cyan',
  done: 'green',
  failed: 'red',
  lost: 'yellow',
  skipped: 'dim',
}

function renderRuns(context: CliContext, runs: readonly JobRun[]): string[] {
  const rows = formatTable(
    runs.map((each) => [
      each.state,
      stampOf(each.started),
      each.job,
      each.finished === undefined ? '' : formatDuration(each.finished.getTime() - each.started.getTime()),
      [each.manual ? 'asked for' : '', each.attempt > 1 ? `attempt ${each.attempt}` : ''].filter(Boolean).join(', '),
      each.failure ?? each.did,
    ]),
  )
  return rows.map((row, index) => {
    const state = runs[index]?.state ?? 'running'
    return paint(context, runStyles[state], row.slice(0, state.length)) + row.slice(state.length)
  })
}

function describeOutcome(run: JobRun): string {
  if (run.state === 'done') return run.did || 'nothing to do'
  return run.failure === undefined ? run.state : `${run.state}: ${run.failure}`
}

/** To the second, in UTC. */
function stampOf(moment: Date): string {
  return `${moment.toISOString().slice(0, 19)}Z`
}

function parseLimit(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count > 0 && count <= 10_000) return count
  throw new StrataError('USAGE', {
    message: 'Not a count',
    expected: 'a whole number from 1 to 10,000',
    got: JSON.stringify(text),
  })
}
