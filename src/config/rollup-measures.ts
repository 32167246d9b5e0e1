// `measures` of a rollup of a configuration, as types and as a schema: what is counted of its rows.

import { z } from 'zod'
import { defaultError, type Measure } from '../rollups/index.ts'

export interface MeasureConfig {
  readonly kind: Measure['kind']
  readonly of?: string | undefined
  readonly filter?: string | undefined
  readonly floats?: boolean | undefined
  readonly order?: string | undefined
  readonly fraction?: number | undefined
  readonly error?: number | undefined
  readonly most?: number | undefined
  readonly windows?: boolean | undefined
}

export const sqlText: z.ZodString = z.string().min(1)

export const measureSchema: z.ZodType<MeasureConfig> = z
  .strictObject({
    kind: z
      .enum(['count', 'sum', 'avg', 'min', 'max', 'first', 'last', 'countDistinct', 'percentile', 'mode', 'topK'])
      .describe(
        'Made by `count()`, `sum(…)`, `avg(…)`, `countIf(…)`, `sumIf(…)`, `min(…)`, `max(…)`, `first(…)`, `last(…)`, `countDistinct(…)`, `percentile(…)`, `mode(…)`, `topK(…)`.',
      ),
    of: sqlText.optional().describe("An expression over a row: 'amount', 'amount * rate'."),
    filter: sqlText.optional().describe('Which rows are taken into account.'),
    floats: z
      .boolean()
      .optional()
      .describe('Add up floating point numbers, whose sum may differ from a recompute in the last digits.'),
    order: sqlText.optional().describe('Of `first` and `last`: by what. Default: the column of time.'),
    fraction: z.number().min(0).max(1).optional().describe('Of `percentile`: which one; 0.5 is the median.'),
    error: z
      .number()
      .min(0.0001)
      .max(0.5)
      .optional()
      .describe('Of `percentile`: how far it may be off, as a share of it. Default: 0.01.'),
    most: z.int().min(1).max(1000).optional().describe('Of `topK`: how many.'),
    windows: z
      .boolean()
      .optional()
      .describe(
        'Of `countDistinct`: count it in `totals`, too, of all time and in each window. Without a `bucket` it is there anyway.',
      ),
  })
  .check(({ value, issues }) => {
    const needed = { percentile: 'fraction', topK: 'most' } as const
    const key = value.kind === 'percentile' || value.kind === 'topK' ? needed[value.kind] : undefined
    if (key !== undefined && value[key] === undefined) {
      const message =
        key === 'fraction' ? "expected which one, as in percentile('x', 0.95)" : "expected how many, as in topK('x', 3)"
      issues.push({ code: 'custom', message, input: '', path: [key] })
    }
    if (value.windows === true && value.kind !== 'countDistinct') {
      const message = 'expected it of `countDistinct` alone: what is added up is in totals anyway, and the rest in none'
      issues.push({ code: 'custom', message, input: '', path: ['windows'] })
    }
    if (value.kind === 'count' || value.of !== undefined) return
    issues.push({
      code: 'custom',
      message: `expected of what, as in ${value.kind}('amount')`,
      input: '',
      path: ['of'],
    })
  })

/** `inTotals`: distinct values are there without being asked for, as it costs nothing more. */
export function resolveMeasure(
  name: string,
  { kind, of, filter, floats = false, ...more }: MeasureConfig,
  { inTotals }: { readonly inTotals: boolean },
): Measure {
  return {
    name,
    kind,
    of,
    filter,
    floats,
    order: more.order,
    fraction: more.fraction,
    error: kind === 'percentile' ? (more.error ?? defaultError) : undefined,
    most: more.most,
    ...(more.windows === true || (kind === 'countDistinct' && inTotals) ? { windows: true } : {}),
  }
}
