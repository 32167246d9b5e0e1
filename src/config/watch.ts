// `watch` of a configuration, as types and as a schema: that servers are watched, how often, and how long what was measured is kept.

import { z } from 'zod'
import { parseDurationMs } from '../base/units.ts'
import { listProbes, type WatchSettings } from '../watch/index.ts'
import { duration, url, type Duration } from './values.ts'

export interface WatchConfig {
  /** 'off' besides. */
  readonly every?: Readonly<Record<string, Duration>> | undefined
  readonly store?: { readonly raw?: string | undefined; readonly hours?: string | undefined } | undefined
  readonly pgbouncer?: string | undefined
  readonly cores?: number | undefined
}

const spanPattern = /^([1-9]\d{0,3}) (day|week|month|year)s?$/
const dayMs = 86_400_000
/** At the least, for what is read of months. */
const daysOf: Readonly<Record<string, number>> = { day: 1, week: 7, month: 30, year: 365 }
const defaultRaw = '7 days'
const defaultHours = '90 days'

const span = z.string().regex(spanPattern, "expected how long, as in '7 days', '4 weeks', '3 months' or '1 year'")

const interval = z.union([z.literal('off'), duration]).check((context) => {
  const { value } = context
  if (value === 'off' || shortest <= safeMs(value)) return
  context.issues.push({ code: 'custom', message: "expected at least '1s', or 'off'", input: value, continue: true })
})
const shortest = 1_000

function safeMs(value: Duration): number {
  try {
    return parseDurationMs(value)
  } catch {
    // That it is no duration is said already.
    return shortest
  }
}

export const watchSchema: z.ZodType<WatchConfig> = z.strictObject({
  every: z
    .record(z.string(), interval)
    .optional()
    .describe(
      "How often single probes are asked (docs/watch.md has their names), or 'off': `{ tables: '1 min', bloat: 'off' }`.",
    ),
  store: z
    .strictObject({
      raw: span.optional().describe(`How long minutes are kept. Default: '${defaultRaw}'.`),
      hours: span.optional().describe(`How long hours are kept, and texts of statements. Default: '${defaultHours}'.`),
    })
    .optional()
    .describe('How long what was measured is kept.'),
  pgbouncer: url
    .optional()
    .describe("URL of PgBouncer's console, `postgres://user@host:6432/pgbouncer`, to ask for its pools."),
  cores: z
    .int()
    .min(1)
    .max(10_000)
    .optional()
    .describe('Processors of a server on another machine, whose load is then told by the sessions on them.'),
})

export function findWatchFaults(
  watch: WatchConfig | undefined,
): readonly { readonly path: readonly string[]; readonly message: string }[] {
  const names = Object.keys(watch?.every ?? {})
  if (names.length === 0) return []
  const probes = listProbes().map(({ name }) => name)
  return names.flatMap((name) =>
    probes.includes(name)
      ? []
      : [{ path: ['watch', 'every', name], message: `expected the name of a probe: ${probes.join(', ')}` }],
  )
}

export function resolveWatch(watch: WatchConfig | undefined): WatchSettings | undefined {
  if (watch === undefined) return undefined
  const { every = {}, store = {}, pgbouncer, cores } = watch
  const { raw = defaultRaw, hours = defaultHours } = store
  return {
    every: Object.fromEntries(
      Object.entries(every).map(([name, said]) => [name, said === 'off' ? said : parseDurationMs(said)]),
    ),
    raw,
    hours,
    rawMs: spanMs(raw),
    hoursMs: spanMs(hours),
    pgbouncer,
    cores,
  }
}

function spanMs(text: string): number {
  const [, count, unit = ''] = spanPattern.exec(text) ?? []
  return Number(count) * (daysOf[unit] ?? 0) * dayMs
}
