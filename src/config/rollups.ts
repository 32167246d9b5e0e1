// `rollups` of a configuration, as types and as a schema: which rows of which table are counted together, and what of them.

import { z } from 'zod'
import {
  findClash,
  timeUnits,
  type Bucket,
  type BucketSpan,
  type Rollup,
  type TimeUnit,
  type Totals,
  type WindowSpan,
} from '../rollups/index.ts'
import { measureSchema, resolveMeasure, sqlText, type MeasureConfig } from './rollup-measures.ts'
import { placeOf } from './table-resolve.ts'
import type { ParsedTables } from './table-types.ts'
import { identifier } from './values.ts'

export interface RollupConfig {
  readonly from: string | readonly [schema: string, table: string]
  readonly bucket?: string | undefined
  readonly time?: string | undefined
  readonly zone?: string | undefined
  readonly by?: readonly string[] | undefined
  readonly where?: string | undefined
  readonly rowSecurity?: Rollup['rowSecurity'] | undefined
  readonly measures: Readonly<Record<string, MeasureConfig>>
  readonly totals?: TotalsConfig | undefined
  readonly levels?: readonly TimeUnit[] | undefined
  readonly retention?: 'keep' | 'forget' | { readonly keep: string } | undefined
  readonly subscriber?: boolean | undefined
}

interface TotalsConfig {
  readonly windows?: Readonly<Record<string, string>> | undefined
  readonly compute?: Readonly<Record<string, string>> | undefined
  readonly index?: readonly string[] | undefined
}

export type RollupsConfig = Readonly<Record<string, RollupConfig>>

const bucketPattern = /^(\d{1,2}) (minute|hour|day|week|month|quarter|year)s?$/
const bucketWords =
  "expected '1 minute' to '30 minutes', '1 hour' to '12 hours' (what divides an hour, or a day), '1 day', '1 week', '1 month', '1 quarter' or '1 year'"

const bucket = z.string().check((context) => {
  if (spanOf(context.value) !== undefined) return
  context.issues.push({ code: 'custom', message: bucketWords, input: context.value, continue: true })
})

function spanOf(text: string): BucketSpan | undefined {
  const [, digits, unit] = bucketPattern.exec(text) ?? []
  const count = Number(digits)
  if (unit === 'minute') return count >= 1 && count < 60 && 60 % count === 0 ? { unit, count } : undefined
  if (unit === 'hour') return count >= 1 && count < 24 && 24 % count === 0 ? { unit, count } : undefined
  if (unit === undefined || count !== 1) return undefined
  return { unit: unit as Exclude<BucketSpan['unit'], 'minute' | 'hour'>, count }
}

const windowPattern = /^(\d{1,4}) (minute|hour|day|week|month|quarter|year)s?$/
const age = z
  .string()
  .regex(/^[1-9]\d{0,3} (day|week|month|quarter|year)s?$/, "expected how old, as in '90 days' or '2 years'")
  .transform((text) => text.replace(/^(\d+) quarters?$/, (_, count: string) => `${Number(count) * 3} months`))
const window = z.string().check((context) => {
  const [, count] = windowPattern.exec(context.value) ?? []
  if (Number(count) > 0) return
  const message = "expected how far back it reaches, as in '12 hours', '7 days' or '3 months'"
  context.issues.push({ code: 'custom', message, input: context.value, continue: true })
})
const indexPattern = /^(\S.*?)(?: (asc|desc))?$/i

const totals = z
  .strictObject({
    windows: z
      .record(z.string().regex(/^[a-z0-9_]+$/, 'expected a name of lower-case letters, digits and _'), window)
      .optional()
      .describe("How far back: `{ '7d': '7 days' }` makes `plays_7d` of the measure `plays`."),
    compute: z
      .record(identifier, sqlText)
      .optional()
      .describe("Columns of the others: `{ trending: 'plays_1d * 10 + plays_7d' }`."),
    index: z.array(identifier).max(16).optional().describe("What is read in order: `['trending desc']`."),
  })
  .describe('One row for each key, of all time and in windows: what top lists are read from.')

const rollup = z
  .strictObject({
    from: z
      .union([identifier, z.tuple([identifier, identifier])])
      .describe("The table that is counted: a key of `tables`, a table of schema public, or ['schema', 'table']."),
    bucket: bucket.optional().describe("Its grain of time: '1 hour'. Without it there is one row for each key."),
    time: identifier.optional().describe('The column of time. Default: `time` of the table.'),
    zone: z.string().min(1).optional().describe("Where days begin. Default: `zone` of the table, or 'UTC'."),
    by: z.array(identifier).max(16).optional().describe('Columns of the table by which is counted.'),
    where: sqlText.optional().describe('Which rows are counted at all.'),
    rowSecurity: z
      .enum(['refuse', 'ignore'])
      .optional()
      .describe('`ignore`: count all rows of a table with row level security, and show what they come to.'),
    measures: z
      .record(identifier, measureSchema)
      .describe("What is counted: `{ plays: count(), earnings: sum('amount') }`."),
    totals: totals.optional(),
    levels: z
      .array(z.enum(timeUnits))
      .max(timeUnits.length)
      .optional()
      .describe("Coarser buckets that are kept besides, for reads over long times: `['day', 'month']`."),
    retention: z
      .union([z.enum(['keep', 'forget']), z.strictObject({ keep: age.describe('How old they get.') })])
      .optional()
      .describe(
        "What becomes of the buckets of partitions that are dropped: `{ keep: '2 years' }` forgets them at that age. Default: `keep`.",
      ),
    subscriber: z
      .boolean()
      .optional()
      .describe(
        'A logical subscription writes to the table, or sessions in `session_replication_role = replica`: count their rows.',
      ),
  })
  .check(({ value, issues }) => {
    const measures = Object.entries(value.measures)
    if (measures.length === 0) {
      issues.push({ code: 'custom', message: 'expected at least one measure', input: '', path: ['measures'] })
    }
    if (value.bucket === undefined && Object.keys(value.totals?.windows ?? {}).length > 0) {
      const message = 'expected a `bucket` beside it, or none: without time there are totals of all time alone'
      issues.push({ code: 'custom', message, input: '', path: ['totals', 'windows'] })
    }
    if (value.totals !== undefined) return
    for (const [name, one] of measures) {
      if (one.windows !== true) continue
      const message = 'expected `totals` beside it: it is in totals that windows are counted'
      issues.push({ code: 'custom', message, input: '', path: ['measures', name, 'windows'] })
    }
  })

/** `_merged` is the longest of what is put behind it. */
const longestName = 63 - '_merged'.length

export const rollupsSchema: z.ZodType<RollupsConfig> = z.record(
  z
    .string()
    .regex(/^[a-z_][a-z0-9_]*$/i, 'expected a name of letters, digits and _')
    .max(longestName),
  rollup,
)

/** What is wrong between a rollup and its table, by the path of the key that has to change. */
export function findRollupFaults(
  rollups: RollupsConfig,
  tables: ParsedTables,
): readonly { readonly path: readonly string[]; readonly message: string }[] {
  const clash = findClash(resolveRollups(rollups, tables))
  const clashes =
    clash === undefined
      ? []
      : [
          {
            path: ['rollups', clash.rollup],
            message: `rollup ${clash.other} has something called ${clash.relation}, too; choose another name`,
          },
        ]
  const timeless = Object.entries(rollups).flatMap(([name, one]) => {
    if (one.bucket === undefined || timeOf(one, tables) !== undefined) return []
    return [{ path: ['rollups', name, 'time'], message: 'expected the column of time that `bucket` is about' }]
  })
  return [...timeless, ...clashes]
}

export function resolveRollups(rollups: RollupsConfig, tables: ParsedTables): readonly Rollup[] {
  return Object.entries(rollups).map(([name, one]) => ({
    name,
    ...sourceOf(one, tables),
    bucket: bucketOf(one, tables),
    by: one.by ?? [],
    where: one.where,
    rowSecurity: one.rowSecurity ?? 'refuse',
    measures: Object.entries(one.measures).map(([measureName, measure]) =>
      resolveMeasure(measureName, measure, { inTotals: one.totals !== undefined && one.bucket === undefined }),
    ),
    totals: one.totals === undefined ? undefined : resolveTotals(one.totals),
    levels: one.levels === undefined || one.levels.length === 0 ? undefined : one.levels.toSorted(byLength),
    retention: one.retention === 'keep' ? undefined : one.retention,
    subscriber: one.subscriber === true ? one.subscriber : undefined,
  }))
}

/** In whichever order they are declared, they are the same. */
const byLength = (one: TimeUnit, other: TimeUnit): number => timeUnits.indexOf(one) - timeUnits.indexOf(other)

function resolveTotals({ windows = {}, compute = {}, index = [] }: TotalsConfig): Totals {
  return {
    windows: Object.entries(windows).map(([name, text]) => {
      const [, count, unit] = windowPattern.exec(text) ?? []
      return { name, span: { unit: unit as WindowSpan['unit'], count: Number(count) } }
    }),
    compute: Object.entries(compute).map(([name, value]) => ({ name, value })),
    index: index.map((text) => {
      const [, column = text, direction = 'asc'] = indexPattern.exec(text) ?? []
      return { column, descending: direction.toLowerCase() === 'desc' }
    }),
  }
}

function sourceOf({ from }: RollupConfig, tables: ParsedTables): Pick<Rollup, 'schema' | 'table'> {
  if (typeof from !== 'string') return { schema: from[0], table: from[1] }
  return placeOf(from, tables[from] ?? {})
}

function bucketOf(one: RollupConfig, tables: ParsedTables): Bucket | undefined {
  const span = one.bucket === undefined ? undefined : spanOf(one.bucket)
  const column = timeOf(one, tables)
  return span === undefined || column === undefined
    ? undefined
    : { column, span, zone: one.zone ?? tableOf(one, tables)?.zone ?? 'UTC' }
}

function timeOf(one: RollupConfig, tables: ParsedTables): string | undefined {
  return one.time ?? tableOf(one, tables)?.time
}

function tableOf({ from }: RollupConfig, tables: ParsedTables): ParsedTables[string] | undefined {
  return typeof from === 'string' ? tables[from] : undefined
}
