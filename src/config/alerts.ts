// `alerts` and `expect` of a configuration, as types and as a schema: rules over those that pgstrata comes with, what is done about
// alerts, and which queries have to use which index. Every mistake is told with its path and, where there is one, the name that may
// have been meant. Neither an address nor a secret of a webhook is in a message.

import { z } from 'zod'
import { StrataError } from '../base/errors.ts'
import { parseDurationMs } from '../base/units.ts'
import { builtInNames } from '../maintain/index.ts'
import {
  builtInActions,
  declareRules,
  hintOf,
  severities,
  type ActionSettings,
  type AlertHook,
  type AlertSettings,
  type ExpectedIndex,
  type Rule,
  type Severity,
  type WrittenRule,
} from '../watch/index.ts'
import { checkNames, duration, identifier, type Duration } from './values.ts'

interface AlertActionConfig {
  readonly webhook?: string | undefined
  readonly secret?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly timeout?: Duration | undefined
  readonly notify?: string | undefined
  readonly job?: string | undefined
  readonly run?: AlertHook | undefined
}

export interface AlertsConfig {
  readonly every?: Duration | undefined
  readonly group?: Duration | undefined
  readonly history?: Duration | undefined
  readonly actions?: Readonly<Record<string, AlertActionConfig>> | undefined
  readonly tell?: Readonly<Partial<Record<Severity, readonly string[]>>> | undefined
  readonly rules?: Readonly<Record<string, WrittenRule | false>> | undefined
}

export interface ExpectConfig {
  readonly sql: string
  readonly index: string | readonly [schema: string, index: string]
}

function lasting(shortestMs: number, longestMs: number, expected: string): typeof duration {
  return duration.check((context) => {
    let lengthMs: number
    try {
      lengthMs = parseDurationMs(context.value)
    } catch {
      return
    }
    if (lengthMs >= shortestMs && lengthMs <= longestMs) return
    context.issues.push({ code: 'custom', message: `expected ${expected}`, input: context.value, continue: true })
  })
}

// A schema that JSON Schema can show, from which the documentation is made.
const hook: z.ZodType<AlertHook> = z
  .any()
  .check((context) => {
    if (typeof context.value === 'function') return
    context.issues.push({ code: 'custom', message: `expected a function, got ${typeof context.value}`, input: '' })
  })
  .meta({ title: 'function' })

const address = z.string().check((context) => {
  if (URL.canParse(context.value) && /^https?:$/.test(new URL(context.value).protocol)) return
  const message = 'expected an address that begins with https:// or http://'
  context.issues.push({ code: 'custom', message, input: '(a URL, not shown)', continue: true })
})

const secret = z.string().check((context) => {
  if (context.value.length >= 16 && context.value.length <= 200) return
  const message = 'expected 16 to 200 characters'
  context.issues.push({ code: 'custom', message, input: '(a secret, not shown)', continue: true })
})

const headers = z.record(z.string(), z.string()).check((context) => {
  try {
    void new Headers(context.value)
  } catch {
    context.issues.push({ code: 'custom', message: 'expected headers of HTTP', input: '(not shown)', continue: true })
  }
})

const action = z
  .strictObject({
    webhook: address.optional().describe('Posts JSON to this address, signed where `secret` is set.'),
    secret: secret.optional().describe('Signs messages by the rules of Standard Webhooks: 16 characters at least.'),
    headers: headers.optional().describe('Sent with every message of the webhook.'),
    timeout: lasting(100, 60_000, '100 ms to 60 s').optional().describe("Of one try of the webhook. Default: '10s'."),
    notify: identifier.optional().describe('Or: tells a channel of the database by NOTIFY.'),
    job: z.string().min(1).optional().describe('Or: runs a job, once an alert fires.'),
    run: hook
      .optional()
      .describe('Or: calls a function, `async (message, { signal }) => …`; what it gives back is kept.'),
  })
  .check(({ value, issues }) => {
    const kinds = (['webhook', 'notify', 'job', 'run'] as const).filter((kind) => value[kind] !== undefined)
    const complain = (message: string, path: string): void =>
      void issues.push({ code: 'custom', message, input: '', path: [path], continue: true })
    if (kinds.length === 0) complain('expected `webhook`, `notify`, `job` or `run`, got none', 'webhook')
    if (kinds.length > 1)
      complain(`expected one of \`webhook\`, \`notify\`, \`job\` and \`run\`, got ${kinds.length}`, kinds[1] ?? '')
    for (const key of ['secret', 'headers', 'timeout'] as const)
      if (value[key] !== undefined && value.webhook === undefined) complain('means something only with `webhook`', key)
  })

const quantity = z.union([z.number(), z.string()]).meta({ title: 'number or text' })
const names = z.array(z.string().min(1)).max(20)

const rule = z.strictObject({
  metric: z.string().optional().describe('What is looked at: of a counter, what is added per second.'),
  where: z
    .record(z.string(), z.union([z.string(), z.array(z.string()).min(1)]))
    .optional()
    .describe('Only series with these labels; `node` is one of them.'),
  over: quantity.optional().describe("Raised beyond this: a number, or as fits the metric '50ms', '80%', '10MB'."),
  under: quantity.optional().describe('Or below this.'),
  clear: quantity.optional().describe('Over when it is back on this side. Default: a tenth from the threshold.'),
  for: duration.optional().describe('How long it must have been so. Default: not at all.'),
  keep: duration.optional().describe('How long it must be well again. Default: as `for`, a minute at least.'),
  severity: z.enum(severities).optional().describe("'info', 'warning' or 'critical'. Default: 'warning'."),
  actions: names.optional().describe('What is done about it, besides the log.'),
  summary: z
    .string()
    .min(1)
    .max(300)
    .optional()
    .describe('For people, with {value}, {threshold}, {node} and the labels of the metric.'),
  group: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe('Alerts of one group go out as one message. Default: of the rule.'),
})

const actionName = /^[\w.-]{1,60}$/
const isBuiltIn = (name: string): boolean => builtInActions.some((known) => known === name)

export const alertsSchema: z.ZodType<AlertsConfig> = z.strictObject({
  every: lasting(1_000, 3_600_000, '1 s to 1 hour')
    .optional()
    .describe("How often rules are looked at. Default: '10s'."),
  group: lasting(0, 300_000, 'at most 5 min')
    .optional()
    .describe("How long a message waits for further alerts of its group. Default: '5s'."),
  history: duration.optional().describe("How long alerts that are over are kept. Default: '90 days'."),
  actions: z
    .record(z.string(), action)
    .check(
      checkNames(
        (name) => actionName.test(name) && (!isBuiltIn(name) || name === 'scale_read_replicas'),
        'a name of at most 60 letters, digits and _ . - that is not one of a built-in action',
      ),
    )
    .optional()
    .describe(
      'What can be done about alerts, by name. There are besides log, log_and_alert, analyze_missing_indexes and investigate_replication; scale_read_replicas calls the function that is declared here under that name.',
    ),
  tell: z
    .partialRecord(z.enum(severities), names)
    .optional()
    .describe("Actions for every alert of a severity: `{ critical: ['oncall'] }`."),
  rules: z
    .record(z.string(), z.union([z.literal(false), rule]))
    .check(checkNames((name) => actionName.test(name), 'a name of at most 60 letters, digits and _ . -'))
    .check(({ value, issues }) => {
      if (Object.keys(value).length <= mostRules) return
      issues.push({ code: 'custom', message: `expected at most ${mostRules} rules`, input: '', continue: true })
    })
    .optional()
    .describe('Rules, by name: those that pgstrata comes with changed or switched off (`false`), and further ones.'),
})

const mostRules = 200

export const expectSchema: z.ZodType<Readonly<Record<string, ExpectConfig>>> = z
  .record(
    z.string().min(1).max(100),
    z.strictObject({
      sql: z.string().min(1).max(100_000).describe('One statement; its parameters as $1, $2.'),
      index: z
        .union([identifier, z.tuple([identifier, identifier])])
        .describe("The index that it has to use, or `['schema', 'index']`. Of a partitioned table: that of the table."),
    }),
  )
  .check(({ value, issues }) => {
    if (Object.keys(value).length <= mostExpected) return
    issues.push({ code: 'custom', message: `expected at most ${mostExpected} queries`, input: '', continue: true })
  })

const mostExpected = 200

interface Fault {
  readonly path: readonly string[]
  readonly message: string
}

interface Around {
  /** Of `jobs.own`. */
  readonly ownJobs: readonly string[]
}

/** Keys that do nothing where servers are not watched. */
export function findUnwatched(
  config: Readonly<Partial<Record<'alerts' | 'expect' | 'watch', unknown>>>,
): readonly Fault[] {
  if (config.watch !== undefined) return []
  const unwatched = (['alerts', 'expect'] as const).filter((key) => config[key] !== undefined)
  return unwatched.map((key) => ({ path: [key], message: 'means something only with `watch`: `watch: {}` is enough' }))
}

export function findAlertFaults(alerts: AlertsConfig | undefined, { ownJobs }: Around): readonly Fault[] {
  if (alerts === undefined) return []
  const actions = knownActions(alerts)
  const jobs = [...builtInNames, ...ownJobs]
  return [
    ...declare(alerts, ownJobs).faults.map(({ path, message }) => ({ path: ['alerts', 'rules', ...path], message })),
    ...Object.entries(alerts.tell ?? {}).flatMap(([severity, told]) =>
      (told ?? []).flatMap((name, index) =>
        actions.includes(name)
          ? []
          : [
              {
                path: ['alerts', 'tell', severity, String(index)],
                message: `expected an action that is declared, got "${name}"${hintOf(name, actions)}`,
              },
            ],
      ),
    ),
    ...Object.entries(alerts.actions ?? {}).flatMap(([name, { job }]) =>
      job === undefined || jobs.includes(job) || job.startsWith('cleanup:')
        ? []
        : [{ path: ['alerts', 'actions', name, 'job'], message: `expected the name of a job${hintOf(job, jobs)}` }],
    ),
    ...Object.entries(alerts.actions ?? {}).flatMap(([name, { run }]) =>
      name === 'scale_read_replicas' && run === undefined
        ? [{ path: ['alerts', 'actions', name, 'run'], message: 'expected a function, which makes the replicas' }]
        : [],
    ),
  ]
}

export function resolveAlerts(alerts: AlertsConfig = {}, { ownJobs }: Around): AlertSettings {
  const { every = '10s', group = '5s', history = '90 days' } = alerts
  return {
    rules: declare(alerts, ownJobs).rules satisfies readonly Rule[],
    actions: Object.entries(alerts.actions ?? {}).map(([name, one]) => resolveAction(name, one)),
    everyMs: parseDurationMs(every),
    groupMs: parseDurationMs(group),
    historyMs: parseDurationMs(history),
  }
}

export function resolveExpected(
  expected: Readonly<Record<string, ExpectConfig>> | undefined,
): readonly ExpectedIndex[] {
  return Object.entries(expected ?? {}).map(([name, { sql, index }]) => {
    const [schema, plain] = typeof index === 'string' ? (['public', index] as const) : index
    return { name, sql, schema, index: plain }
  })
}

function declare(alerts: AlertsConfig, ownJobs: readonly string[]): ReturnType<typeof declareRules> {
  const everybody = Object.entries(alerts.actions ?? {}).flatMap(([name, { webhook, notify }]) =>
    webhook === undefined && notify === undefined ? [] : [name],
  )
  const { rules = {}, tell = {} } = alerts
  return declareRules({ written: rules, actions: knownActions(alerts), tell, ownJobs, everybody })
}

function knownActions({ actions = {} }: AlertsConfig): readonly string[] {
  return [...builtInActions, ...Object.keys(actions)]
}

function resolveAction(name: string, one: AlertActionConfig): ActionSettings {
  const { webhook, notify, job, run, secret: key, headers: sent = {}, timeout = '10s' } = one
  if (webhook !== undefined)
    return { kind: 'webhook', name, url: webhook, secret: key, headers: sent, timeoutMs: parseDurationMs(timeout) }
  if (notify !== undefined) return { kind: 'notify', name, channel: notify }
  if (job !== undefined) return { kind: 'job', name, job }
  if (run !== undefined) return { kind: 'hook', name, run }
  throw new StrataError('INTERNAL', { message: `Action "${name}" is of no kind` })
}
