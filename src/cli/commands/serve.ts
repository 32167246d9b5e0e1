import type { Command } from 'commander'
import { messageOf } from '../../base/errors.ts'
import { formatDuration, plural } from '../../base/units.ts'
import type { Changes } from '../../changes/feed/index.ts'
import type { Jobs, RunReport, SchedulerState } from '../../maintain/index.ts'
import type { AlertMessage } from '../../watch/index.ts'
import { paint, type CliContext, type GlobalOptions } from '../context.ts'
import { withStrata } from '../open.ts'
import { formatTable } from '../output.ts'
import type { Run } from '../run.ts'
import { describeAlert, openHttp, stamp, untilStopped, type HttpOptions } from '../serving.ts'

export function addServe(program: Command, context: CliContext, run: Run): void {
  const command = program
    .command('serve')
    .description(
      'run jobs as they come due, the feed of changes, watching and HTTP, until it is stopped; any number may run',
    )
    .option('--port <port>', 'answer over HTTP at this port, where `server` is not configured too')
    .option('--host <address>', 'and at this address')
    .option('--no-http', 'do not listen, whatever is configured')
    .addHelpText(
      'after',
      '\nPrints a line for each run that did something. With --json: one JSON document a line.\nCtrl-C or SIGTERM ends it: requests and runs under way get 10 seconds.\n',
    )
  run(command, (options) =>
    withStrata(context, options, async (strata) => {
      const tell = teller(context, options)
      const server = await openHttp(strata, options as HttpOptions)
      try {
        await strata.start({ jobs: { onRun: tell.run, onState: tell.state }, onAlert: tell.alert })
        if (server !== undefined && strata.live.sources.length > 0) await strata.live.start()
        tell.jobs(strata.jobs.declared)
        tell.changes(strata.changes)
        if (server !== undefined) tell.http(await server.listen())
        await untilStopped(context)
        context.err('Stopping …\n')
      } finally {
        await server?.close()
        await strata.stop()
      }
      context.err('Stopped.\n')
      return 0
    }),
  )
}

interface Teller {
  readonly jobs: (jobs: Jobs['declared']) => void
  readonly changes: (changes: Changes) => void
  readonly http: (url: string) => void
  readonly run: (report: RunReport) => void
  readonly state: (state: SchedulerState) => void
  readonly alert: (message: AlertMessage) => void
}

function teller(context: CliContext, { json }: GlobalOptions): Teller {
  const line = (value: object): void => context.out(`${JSON.stringify(value)}\n`)
  return {
    jobs: (jobs) => {
      if (json === true) return line({ event: 'started', jobs })
      const rows = formatTable(jobs.map(({ name, schedule, purpose }) => [`  ${name}`, schedule, purpose]))
      context.out(`${[`Running ${jobs.length} jobs:`, ...rows].join('\n')}\n`)
    },
    changes: ({ declared, here }) => {
      if (declared === undefined) return
      const { length } = declared.tables
      if (json === true) return line({ event: 'changes', tables: length, source: here.source })
      const from = here.source === undefined ? '' : here.source === 'wal' ? ' from the WAL' : ' from an outbox'
      context.out(`Changes of ${plural(length, 'table')} are told${from}.\n`)
    },
    http: (url) => {
      if (json === true) return line({ event: 'listening', url })
      context.out(`Listening at ${url}\n`)
    },
    run: (report) => {
      if (json === true) return line({ event: 'run', ...report, durationMs: Math.round(report.durationMs) })
      for (const text of describeRun(context, report)) context.out(`${stamp()}  ${text}\n`)
    },
    state: (state) => {
      const said = describeState(state)
      if (json === true) return line({ event: 'state', state: state.kind, said })
      context.err(`${stamp()}  ${said}\n`)
    },
    alert: ({ event, alerts }) => {
      for (const alert of alerts) {
        if (json === true) line({ event: 'alert', became: event, ...alert })
        else context.out(`${stamp()}  ${describeAlert(context, event, alert)}\n`)
      }
    },
  }
}

/** Nothing for a run that had nothing to do. */
function describeRun(context: CliContext, report: RunReport): string[] {
  const { job, state, did, warnings, failure } = report
  const again = report.attempt > 1 ? `, attempt ${report.attempt}` : ''
  const took = `(${formatDuration(report.durationMs)}${again})`
  const told = warnings.map((warning) => `${job}: ${paint(context, 'yellow', warning)}`)
  if (state === 'done') return did === '' ? told : [`${job}: ${did} ${took}`, ...told]
  return [`${job}: ${paint(context, 'red', state)}: ${failure ?? 'no reason known'} ${took}`, ...told]
}

function describeState(state: SchedulerState): string {
  switch (state.kind) {
    case 'working':
      return 'Jobs are looked after.'
    case 'replica':
      return 'The server is a replica: jobs wait for its promotion.'
    case 'failing':
      return `Jobs wait for the database: ${messageOf(state.error)}`
  }
}
