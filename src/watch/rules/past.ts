// What was measured of a metric between two times, as rules see it: of gauges the mean of each minute, of counters what was added per
// second since the reading before; what is kept by hour alone, by hour. A row of a minute has what was added since the row before, which is
// more than a minute where its probe is asked less often.
// Bound: 500,000 readings; more are refused, for a trial is something a person waits for.

import { StrataError } from '../../base/errors.ts'
import type { Queryable } from '../../db/db.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import type { PastReading } from './replay.ts'

export interface PastSpan {
  readonly metric: string
  readonly fromMs: number
  readonly toMs: number
}

export type ReadPast = (span: PastSpan) => Promise<readonly PastReading[]>

export interface PastTools {
  /** Until when only hours are kept; undefined: nothing is kept by hour. */
  readonly hoursUntilMs?: number | undefined
  /** How often the metric is read. Default: once a minute, or more often. */
  readonly everyMs?: number | undefined
}

const mostReadings = 500_000
const minuteMs = 60_000
const hourMs = 60 * minuteMs

export async function readPast(
  on: Queryable,
  { metric, fromMs, toMs }: PastSpan,
  { hoursUntilMs = fromMs, everyMs = minuteMs }: PastTools = {},
): Promise<readonly PastReading[]> {
  const turnMs = Math.min(toMs, Math.max(fromMs, hoursUntilMs))
  const isCounter = metric.endsWith('_total')
  const hours =
    turnMs <= fromMs
      ? []
      : await readRows(on, {
          metric,
          fromMs,
          toMs: turnMs,
          from: sql`pgstrata.watch_metric_hourly`,
          at: sql`bucket`,
          value: isCounter ? sql`sum` : sql`sum / n`,
        })
  const minutes =
    turnMs >= toMs
      ? []
      : await readRows(on, {
          metric,
          fromMs: turnMs,
          toMs,
          from: sql`pgstrata.watch_metric`,
          at: sql`at`,
          value: sql`value`,
        })
  if (!isCounter) return [...hours, ...minutes]
  return [...ratesOf(hours, Math.max(hourMs, everyMs)), ...ratesOf(minutes, Math.max(minuteMs, everyMs))]
}

interface Source extends PastSpan {
  readonly from: Sql
  readonly at: Sql
  readonly value: Sql
}

async function readRows(
  on: Queryable,
  { metric, fromMs, toMs, from, at, value }: Source,
): Promise<readonly PastReading[]> {
  const { rows } = await on.query<PastReading>(sql`
    select node, labels as series, extract(epoch from ${at})::float8 * 1000 as "atMs", (${value})::float8 as value
    from ${from}
    where metric = ${metric}
      and ${at} >= to_timestamp(${fromMs}::float8 / 1000)
      and ${at} < to_timestamp(${toMs}::float8 / 1000)
    order by 3
    limit ${mostReadings + 1}`)
  if (rows.length <= mostReadings) return rows
  throw new StrataError('ALERT_PAST_TOO_LONG', {
    message: `There is too much of ${metric} in that time`,
    expected: `at most ${mostReadings.toLocaleString('en-US')} readings`,
  })
}

/**
 * A counter has no row for a time in which nothing was added: there it was 0 until the next row. Readings of every five minutes stand in
 * whole minutes, so that from one to the next it may be six.
 */
export function ratesOf(added: readonly PastReading[], lengthMs: number): readonly PastReading[] {
  const next = new Map<string, number>()
  const rates: PastReading[] = []
  for (const reading of added.toReversed()) {
    const key = JSON.stringify([reading.node, reading.series])
    const afterMs = reading.atMs + lengthMs
    const lateMs = lengthMs % hourMs === 0 || lengthMs <= minuteMs ? 0 : minuteMs
    if ((next.get(key) ?? Number.POSITIVE_INFINITY) > afterMs + lateMs)
      rates.push({ ...reading, atMs: afterMs, value: 0 })
    rates.push({ ...reading, value: (reading.value * 1_000) / lengthMs })
    next.set(key, reading.atMs)
  }
  return rates.toSorted((a, b) => a.atMs - b.atMs)
}
