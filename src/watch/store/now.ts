// What was measured last, whole: the newest reading of every probe, for processes that do not measure themselves. They know of now what
// the one who measures knows, ten seconds later: totals of counters, what is asked once in an hour, and trees of blocked sessions.
//
// What must be true: how old a reading is, is told by the database's clock alone; who measures and who reads may stand on machines whose
// clocks differ. Bounded: a row a probe and node; a reading that is too large to be told whole has no detail.

import type { Clock } from '../../base/clock.ts'
import type { Queryable } from '../../db/db.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { Latest, type LatestReading, type ProbeState, type Series } from '../model/latest.ts'
import type { Metric } from '../model/metric.ts'

const mostDetailBytes = 256 * 1024
/** Until it is written: the round of the writer, and a while for a server with much to do. */
const writtenWithinMs = 20_000
/** Of nodes and probes that nobody asks any more. */
const keptMs = 86_400_000

/** [metric, labels, value, perSecond] */
type StoredSeries = readonly [string, readonly string[], number | null, number | null]

export function upsertNow(rows: readonly LatestReading[], nowMs: number): Sql {
  const states = rows.map(({ state }) => state)
  return sql`
    insert into pgstrata.watch_now as n (node, probe, at, every_ms, took_ms, unavailable, failure, detail, series)
    select node, probe, clock_timestamp() - age_ms * interval '1 ms', every_ms, took_ms, unavailable, failure, detail, series
    from unnest(
      ${states.map(({ node }) => node)}::text[],
      ${states.map(({ probe }) => probe)}::text[],
      ${states.map(({ atMs }) => (atMs === undefined ? null : Math.max(0, nowMs - atMs)))}::float8[],
      ${states.map(({ everyMs }) => everyMs)}::float8[],
      ${states.map(({ tookMs }) => tookMs ?? null)}::float8[],
      ${states.map(({ unavailable }) => unavailable ?? null)}::text[],
      ${states.map(({ failure }) => failure ?? null)}::text[],
      ${states.map(detailOf)}::jsonb[],
      ${rows.map(({ series }) => JSON.stringify(series.map(storedOf), storable))}::jsonb[]
    ) as r (node, probe, age_ms, every_ms, took_ms, unavailable, failure, detail, series)
    order by node, probe
    on conflict (node, probe) do update
    set at = excluded.at, every_ms = excluded.every_ms, took_ms = excluded.took_ms, unavailable = excluded.unavailable,
      failure = excluded.failure, detail = excluded.detail, series = excluded.series, seen_at = now()`
}

function detailOf({ detail }: ProbeState): string | null {
  const text = detail === undefined ? undefined : JSON.stringify(detail, storable)
  return text === undefined || text.length > mostDetailBytes ? null : text
}

/** jsonb takes no NUL and no half of a character, which names of applications may be made to hold. */
function storable(_: string, value: unknown): unknown {
  return typeof value === 'string' ? value.replaceAll('\0', '').toWellFormed() : value
}

/** JSON has no NaN: a share of nothing is null there. */
function storedOf({ metric, labels, value, perSecond }: Series): StoredSeries {
  return [metric.name, labels, Number.isFinite(value) ? value : null, perSecond ?? null]
}

export function deleteOldNow(): Sql {
  return sql`delete from pgstrata.watch_now where seen_at < now() - ${keptMs} * interval '1 ms'`
}

interface Row {
  readonly node: string
  readonly probe: string
  readonly ageMs: number | null
  readonly everyMs: number
  readonly tookMs: number | null
  readonly unavailable: string | null
  readonly failure: string | null
  readonly detail: unknown
  readonly series: readonly StoredSeries[]
}

/** As whoever measures has it. Metrics that this version does not know are left out. */
export async function readNow(
  on: Queryable,
  { metrics, clock }: { readonly metrics: readonly Metric[]; readonly clock: Clock },
): Promise<Latest> {
  const { rows } = await on.query<Row>(sql`
    select node, probe, (extract(epoch from clock_timestamp() - at) * 1000)::float8 as "ageMs", every_ms as "everyMs",
      took_ms as "tookMs", unavailable, failure, detail, series
    from pgstrata.watch_now`)
  const known = new Map(metrics.map((metric) => [metric.name, metric]))
  const latest = new Latest(clock, writtenWithinMs)
  for (const { ageMs, detail, series, node, probe, everyMs, tookMs, unavailable, failure } of rows) {
    const atMs = ageMs === null ? undefined : clock.now() - ageMs
    latest.note({
      state: {
        node,
        probe,
        atMs,
        everyMs,
        tookMs: tookMs ?? undefined,
        unavailable: unavailable ?? undefined,
        failure: failure ?? undefined,
        detail: detail ?? undefined,
      },
      series: series.flatMap(([name, labels, value, perSecond]): readonly Series[] => {
        const metric = known.get(name)
        if (metric === undefined || atMs === undefined) return []
        return [{ node, metric, labels, value: value ?? Number.NaN, perSecond: perSecond ?? undefined, atMs }]
      }),
    })
  }
  return latest
}
