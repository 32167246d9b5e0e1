// `jobs` of a configuration, as types and as a schema: when pgstrata's own jobs run, and jobs of the user's.

import { z } from 'zod'
import { messageOf } from '../base/errors.ts'
import { formatDuration, parseDurationMs } from '../base/units.ts'
import type { JobOutcome, JobSchedule } from '../db/job.ts'
import {
  builtInNames,
  checkSchedule,
  checkZone,
  type JobSettings,
  type OwnJob,
  type RunContext,
} from '../maintain/index.ts'
import { checkNames, duration, identifier, type Duration } from './values.ts'

export interface CronConfig {
  readonly cron: string
  readonly zone?: string | undefined
}

export interface OwnJobConfig {
  readonly every?: Duration | undefined
  readonly cron?: string | undefined
  readonly zone?: string | undefined
  readonly timeout?: Duration | undefined
  readonly overlap?: 'skip' | 'queue' | undefined
  readonly sql?: string | readonly string[] | undefined
  readonly run?: ((context: RunContext) => Promise<JobOutcome | void>) | undefined
}

export interface JobsConfig {
  readonly zone?: string | undefined
  readonly lease?: Duration | undefined
  readonly history?: Duration | undefined
  readonly endIdleInTransaction?: Duration | undefined
  readonly monthlyFunctionIn?: string | undefined
  readonly builtIn?:
    | Readonly<Partial<Record<(typeof builtInNames)[number], Duration | CronConfig | false | undefined>>>
    | undefined
  readonly own?: Readonly<Record<string, OwnJobConfig>> | undefined
}

export interface ParsedJobs {
  readonly zone: string
  readonly lease: Duration
  readonly history: Duration
  readonly endIdleInTransaction?: Duration | undefined
  readonly monthlyFunctionIn?: string | undefined
  readonly builtIn: Readonly<Record<string, Duration | CronConfig | false | undefined>>
  readonly own: Readonly<
    Record<string, OwnJobConfig & { readonly timeout: Duration; readonly overlap: 'skip' | 'queue' }>
  >
}

export const zone: z.ZodString = z.string().check((context) => tell(context, () => checkZone(context.value)))

export const every: typeof duration = duration.check((context) =>
  tell(context, () => {
    const everyMs = lengthOf(context.value)
    if (everyMs !== undefined) checkSchedule({ everyMs })
  }),
)

export const cron: z.ZodString = z
  .string()
  .check((context) => tell(context, () => checkSchedule({ cron: context.value, zone: 'UTC' })))

const hourMs = 3_600_000
const lease = lasting(1_000, hourMs)
/** Node's timers take 24 days, and fire at once for more. */
const timeout = lasting(10, 7 * 24 * hourMs)

function lasting(shortestMs: number, longestMs: number): typeof duration {
  return duration.check((context) => {
    const lengthMs = lengthOf(context.value)
    if (lengthMs === undefined || (lengthMs >= shortestMs && lengthMs <= longestMs)) return
    context.issues.push({
      code: 'custom',
      message: `expected ${formatDuration(shortestMs)} to ${formatDuration(longestMs)}, got ${formatDuration(lengthMs)}`,
      input: context.value,
      continue: true,
    })
  })
}

// A schema that JSON Schema can show, from which the documentation is made.
const work: z.ZodType<NonNullable<OwnJobConfig['run']>> = z
  .any()
  .check((context) => {
    if (typeof context.value === 'function') return
    context.issues.push({ code: 'custom', message: `expected a function, got ${typeof context.value}`, input: '' })
  })
  .meta({ title: 'function' })

const own = z
  .strictObject({
    every: every.optional().describe('How often: from 1 s; at the multiples of it since 1970. Or `cron`.'),
    cron: cron.optional().describe('When: five fields, or six with seconds in front.'),
    zone: zone.optional().describe('Of `cron`; otherwise `jobs.zone`.'),
    timeout: timeout.default('10 min').describe('A run that takes longer is ended, its statements with it.'),
    overlap: z
      .enum(['skip', 'queue'])
      .default('skip')
      .describe('What comes due while it runs is left out, or run once afterwards.'),
    sql: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
      .optional()
      .describe('Statements, each carried out once a tick in a transaction of its own.'),
    run: work.optional().describe('Or a function: `async ({ db, tick, signal, confirm }) => …`.'),
  })
  .check(checkOwn)

export const jobsSchema: z.ZodType<ParsedJobs> = z.strictObject({
  zone: zone.default('UTC').describe('Time zone of cron expressions that name none.'),
  lease: lease
    .default('30s')
    .describe('How long a daemon may be silent before another takes its runs over. 1 s to 1 hour.'),
  history: duration.default('30 days').describe('How long runs are remembered; of each job at most 1,000.'),
  endIdleInTransaction: lasting(10_000, 7 * 24 * hourMs)
    .optional()
    .describe(
      'Sessions that are idle in a transaction for longer are ended by the job `security`, from 10 s. Default: they are told of.',
    ),
  monthlyFunctionIn: identifier
    .optional()
    .describe('Schema in which create_monthly_partitions() stands too, for schedules that call it by its bare name.'),
  builtIn: z
    .record(
      z.string(),
      z
        .union([
          z.literal(false),
          every,
          z.strictObject({
            cron: cron.describe('When: five fields, or six with seconds in front.'),
            zone: zone.optional().describe('Of `cron`; otherwise `jobs.zone`.'),
          }),
        ])
        .meta({ title: 'duration, `{ cron, zone }` or `false`' }),
    )
    .check(checkNames(isBuiltIn, `one of ${builtInNames.join(', ')}`))
    .default({})
    .describe(
      `When jobs of pgstrata's own run, or \`false\`: \`{ partitions: '1 min', freeze: { cron: '0 3 * * *' } }\`. There are ${builtInNames.join(', ')}.`,
    ),
  own: z
    .record(z.string(), own)
    .check(
      checkNames(
        (name) => /^[\w.-]{1,60}$/.test(name) && !isBuiltIn(name),
        'a name of at most 60 letters, digits and _ . - that is not one of a built-in job',
      ),
    )
    .default({})
    .describe('Jobs of your own, by name.'),
})

export function resolveJobs(parsed: ParsedJobs): JobSettings {
  return {
    zone: parsed.zone,
    leaseMs: parseDurationMs(parsed.lease),
    historyMs: parseDurationMs(parsed.history),
    endIdleMs: parsed.endIdleInTransaction === undefined ? undefined : parseDurationMs(parsed.endIdleInTransaction),
    builtIn: Object.fromEntries(
      Object.entries(parsed.builtIn).flatMap(([name, when]) =>
        when === undefined ? [] : [[name, when === false ? false : scheduleOf(when, parsed.zone)]],
      ),
    ),
    own: Object.entries(parsed.own).map(([name, job]) => resolveOwn(name, job, parsed.zone)),
  }
}

function resolveOwn(name: string, job: ParsedJobs['own'][string], defaultZone: string): OwnJob {
  const { sql = [], run } = job
  return {
    name,
    schedule: scheduleOf(job.cron === undefined ? (job.every ?? 0) : { cron: job.cron, zone: job.zone }, defaultZone),
    timeoutMs: parseDurationMs(job.timeout),
    overlap: job.overlap,
    work: run === undefined ? { sql: typeof sql === 'string' ? [sql] : sql } : { run },
  }
}

export function scheduleOf(when: Duration | CronConfig, defaultZone: string): JobSchedule {
  return typeof when === 'object'
    ? { cron: when.cron, zone: when.zone ?? defaultZone }
    : { everyMs: parseDurationMs(when) }
}

function isBuiltIn(name: string): boolean {
  return builtInNames.some((known) => known === name)
}

function checkOwn({ value, issues }: z.core.ParsePayload<OwnJobConfig>): void {
  const complain = (message: string, path: string): void =>
    void issues.push({ code: 'custom', message, input: '', path: [path], continue: true })
  if (value.every === undefined && value.cron === undefined)
    complain('expected `every` or `cron`, got neither', 'every')
  if (value.every !== undefined && value.cron !== undefined) complain('expected `every` or `cron`, got both', 'cron')
  if (value.cron === undefined && value.zone !== undefined) complain('means something only with `cron`', 'zone')
  if (value.sql === undefined && value.run === undefined) complain('expected `sql` or `run`, got neither', 'sql')
  if (value.sql !== undefined && value.run !== undefined) complain('expected `sql` or `run`, got both', 'run')
}

/** undefined: not a duration, which is told already. */
/** Undefined: it is none, which is told elsewhere. */
export function lengthOf(value: Duration): number | undefined {
  try {
    return parseDurationMs(value)
  } catch {
    return undefined
  }
}

function tell(context: z.core.ParsePayload, check: () => void): void {
  try {
    check()
  } catch (error) {
    context.issues.push({ code: 'custom', message: messageOf(error), input: context.value, continue: true })
  }
}
