import type { Command } from 'commander'
import { systemClock } from '../../base/clock.ts'
import { StrataError } from '../../base/errors.ts'
import { formatDuration, parseDurationMs, plural } from '../../base/units.ts'
import {
  describeCondition,
  describeLabels,
  findRule,
  formatValue,
  shortDuration,
  type AlertRecord,
  type Alerts,
  type Rule,
  type Severity,
  type SilenceRecord,
  type Trial,
} from '../../watch/index.ts'
import { paint, type CliContext, type GlobalOptions, type Style } from '../context.ts'
import { withStrata } from '../open.ts'
import { formatTable, printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'

const severityStyles: Readonly<Record<Severity, Style>> = { critical: 'red', warning: 'yellow', info: 'cyan' }

export function addAlerts(program: Command, context: CliContext, run: Run): void {
  const group = program
    .command('alerts')
    // Options behind the name of a subcommand are that one's.
    .enablePositionalOptions()
    .description('list alerts that stand, the gravest first')
    .addHelpText(
      'after',
      "\nExamples:\n  $ pgstrata alerts\n  $ pgstrata alerts history --limit 5\n  $ pgstrata alerts silence ReplicationLag --for 2h --reason 'new replica'\n  $ pgstrata alerts test QuerySlow --from 2026-11-01\n",
    )
  run(group, (options) =>
    withAlerts(context, options, async (alerts) => {
      const [open, silences] = [await alerts.open(), await alerts.silences()]
      if (options.json === true) printJson(context, { alerts: open, silences })
      else printLines(context, [...renderOpen(context, open), ...renderSilences(silences)])
      return 0
    }),
  )
  addLists(group, context, run)
  addSilence(group, context, run)
  addTest(group, context, run)
}

function withAlerts(
  context: CliContext,
  options: GlobalOptions,
  work: (alerts: Alerts) => Promise<number>,
): Promise<number> {
  return withStrata(context, options, (strata) => work(strata.alerts))
}

function addLists(group: Command, context: CliContext, run: Run): void {
  run(
    group
      .command('history')
      .description('alerts that fired, the newest first, and what was done about each')
      .option('--limit <n>', 'at most this many (default: 20)')
      .option('--rule <name>', 'of one rule alone'),
    (options) =>
      withAlerts(context, options, async (alerts) => {
        const rule = options['rule'] as string | undefined
        const found = await alerts.history({ limit: parse(options['limit'], parseLimit) ?? 20, rule })
        if (options.json === true) printJson(context, { alerts: found })
        else printLines(context, found.length === 0 ? ['No alert yet.'] : renderHistory(context, found))
        return 0
      }),
  )
  run(group.command('rules').description('the rules: when each raises an alert, and what is done then'), (options) =>
    withAlerts(context, options, ({ rules }) => {
      if (options.json === true) printJson(context, { rules })
      else printLines(context, renderRules(context, rules))
      return Promise.resolve(0)
    }),
  )
}

function addSilence(group: Command, context: CliContext, run: Run): void {
  run(
    group
      .command('silence [rule]')
      .description('for a while, do nothing about alerts of a rule, or with --all of every rule')
      .requiredOption('--for <duration>', "how long: '30 min', '2h', at most 90 days")
      .requiredOption('--reason <text>', 'why, for those who wonder')
      .option('--all', 'of every rule')
      .option('--node <name>', 'of one server alone')
      .option('--series <labels>', 'of one series alone: its labels as a JSON list, as --json shows them'),
    (options, [rule]) =>
      withAlerts(context, options, async (alerts) => {
        if ((rule === undefined) !== (options['all'] === true)) {
          throw new StrataError('USAGE', { message: 'Name a rule, or say --all' })
        }
        const untilMs = systemClock.now() + parseSilence(String(options['for']))
        const { node, series } = options as { node?: string; series?: string }
        const { id } = await alerts.silence({ rule, node, series, untilMs, reason: String(options['reason']) })
        const until = new Date(untilMs).toISOString()
        if (options.json === true) printJson(context, { id, until })
        else printLines(context, [`Silence ${id}: ${rule ?? 'every rule'} until ${stampOf(until)}`])
        return 0
      }),
  )
  run(group.command('unsilence <id>').description('end a silence; what still fires is told'), (options, [id = '']) =>
    withAlerts(context, options, async (alerts) => {
      if (!/^\d{1,18}$/.test(id) || !(await alerts.unsilence(id)))
        throw new StrataError('ALERT_SILENCE_UNKNOWN', {
          message: `There is no silence ${JSON.stringify(id)} that stands`,
        })
      if (options.json === true) printJson(context, { id })
      else printLines(context, [`Silence ${id} is over.`])
      return 0
    }),
  )
}

function addTest(group: Command, context: CliContext, run: Run): void {
  run(
    group
      .command('test <rule>')
      .description('try a rule on what was measured: when it would have fired, and for how long')
      .option('--from <time>', 'from when on (default: a day before --to)')
      .option('--to <time>', 'until when (default: now)')
      .addHelpText(
        'after',
        '\nJudged by what is kept: the mean of each minute, or of each hour where minutes are gone. What lasted for less is not seen.\n',
      ),
    (options, [name = '']) =>
      withAlerts(context, options, async (alerts) => {
        const rule = findRule(alerts.rules, name)
        const toMs = parse(options['to'], parseMoment) ?? systemClock.now()
        const fromMs = parse(options['from'], parseMoment) ?? toMs - dayMs
        const trial = await alerts.tryRule(rule, { fromMs, toMs })
        if (options.json === true) printJson(context, trial)
        else printLines(context, renderTrial(context, rule, trial))
        return 0
      }),
  )
}

const dayMs = 86_400_000

function renderOpen(context: CliContext, alerts: readonly AlertRecord[]): string[] {
  if (alerts.length === 0) return [paint(context, 'green', 'No alert stands.')]
  const rows = formatTable(
    alerts.map(({ severity, state, beganAt, rule, summary, evidence: { noDataSince } }) => {
      const unknown = typeof noDataSince === 'string' ? ` (no data since ${stampOf(noDataSince)})` : ''
      return [severity, state, stampOf(beganAt), rule, `${summary}${unknown}`]
    }),
  )
  return rows.map((row, index) => {
    const alert = alerts[index]
    if (alert === undefined) return row
    const style = alert.state === 'pending' ? 'dim' : severityStyles[alert.severity]
    return paint(context, style, row.slice(0, alert.severity.length)) + row.slice(alert.severity.length)
  })
}

function renderSilences(silences: readonly SilenceRecord[]): string[] {
  return silences.map(({ id, rule, node, series, until, reason, madeBy }) => {
    const what = [rule ?? 'every rule', ...(node === null ? [] : [`on ${node}`]), ...(series === null ? [] : [series])]
    return `Silence ${id}: ${what.join(' ')} until ${stampOf(until)}: ${reason} (${madeBy})`
  })
}

function renderHistory(context: CliContext, alerts: readonly AlertRecord[]): string[] {
  return alerts.flatMap(({ severity, state, firedAt, resolvedAt, rule, summary, actions }) => {
    const firedMs = Date.parse(firedAt ?? '')
    const lasted = resolvedAt === null ? state : formatDuration(Date.parse(resolvedAt) - firedMs)
    const head = `${paint(context, severityStyles[severity], severity)}  ${stampOf(firedAt ?? '')}  ${rule}  ${lasted}  ${summary}`
    const wrong = actions.filter((one) => one.state === 'failed' || one.state === 'silenced')
    return [
      head,
      ...wrong.map(({ event, action, state: became, failure }) =>
        paint(context, 'dim', `  ${action} (${event}): ${became}${failure === null ? '' : `: ${failure}`}`),
      ),
    ]
  })
}

function renderRules(context: CliContext, rules: readonly Rule[]): string[] {
  const rows = formatTable([
    ['rule', 'severity', 'raised', 'actions'],
    ...rules.map((rule) => [rule.name, rule.severity, describeCondition(rule), rule.actions.join(', ')]),
  ])
  return rows.map((row, index) => (index === 0 ? paint(context, 'bold', row) : row))
}

function renderTrial(context: CliContext, rule: Rule, { from, to, readings, series, alerts }: Trial): string[] {
  const times = `${stampOf(from)} to ${stampOf(to)}`
  const judged = `${describeCondition(rule)}, over after ${shortDuration(rule.keepMs)} beyond ${formatValue(rule.metric, rule.clear)}`
  const head = [
    `${paint(context, 'bold', rule.name)}: ${judged}`,
    `${times}: ${plural(readings, 'reading')} of ${series} series`,
  ]
  if (readings === 0) return [...head, 'Nothing of it was measured then.']
  if (alerts.length === 0) return [...head, 'It would not have fired.']
  const rows = formatTable(
    alerts.map(({ node, labels, firedAt, resolvedAt, lastedMs, worst }) => [
      stampOf(firedAt),
      resolvedAt === null ? 'still firing' : formatDuration(lastedMs),
      worst === null ? '' : formatValue(rule.metric, worst),
      [node, describeLabels(labels)].filter(Boolean).join(' '),
    ]),
  )
  return [...head, `It would have fired ${plural(alerts.length, 'time')}:`, ...rows.map((row) => `  ${row}`)]
}

/** To the second, in UTC. */
function stampOf(iso: string): string {
  return `${iso.slice(0, 19)}Z`
}

const longestSilenceMs = 90 * dayMs

/** In the action, so that what is wrong is told as every mistake is. */
function parse<T>(given: unknown, read: (text: string) => T): T | undefined {
  return typeof given === 'string' ? read(given) : undefined
}

function parseSilence(text: string): number {
  const lengthMs = parseDurationMs(text)
  if (lengthMs > 0 && lengthMs <= longestSilenceMs) return lengthMs
  throw new StrataError('USAGE', {
    message: 'Not a length of a silence',
    expected: 'more than nothing and at most 90 days',
  })
}

function parseMoment(text: string): number {
  const atMs = Date.parse(text)
  if (!Number.isNaN(atMs)) return atMs
  throw new StrataError('USAGE', {
    message: 'Not a time',
    expected: "one as '2026-11-01' or '2026-11-01T12:00Z'",
    got: JSON.stringify(text),
  })
}

function parseLimit(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count > 0 && count <= 1_000) return count
  throw new StrataError('USAGE', {
    message: 'Not a count',
    expected: 'a whole number from 1 to 1,000',
    got: JSON.stringify(text),
  })
}
