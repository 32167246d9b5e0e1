// How long statements take as applications see them, and how many fail: of the last minute that every application has told of.
// Applications add what they measured to pgstrata.watch_call every ten seconds; the probe reads that and asks nobody else.

import type { Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import { middleOfBinMs } from '../calls/histogram.ts'
import type { Point } from '../model/metric.ts'
import type { Reading, ServerProbe } from '../model/server-probe.ts'
import { available, gauge } from './metrics.ts'
import { createSteadyTop } from './steady-top.ts'

const most = 20
const byShape = { labels: ['shape'], most }
/** A minute, and what is still on its way. */
const windowSeconds = 60
const lateSeconds = 15
/** Of fewer calls a share of failures says nothing: one of three is no tenth of all. */
const leastCalls = 20

interface BinRow {
  readonly shape: string
  readonly bin: number
  readonly calls: number
  readonly errors: number
  readonly seconds: number
}

export function createCallsProbe(): ServerProbe {
  const top = createSteadyTop(most)
  return {
    name: 'calls',
    question: 'How long do statements take as applications see them, and how many fail?',
    everyMs: 15_000,
    limitMs: 2_000,
    of: 'elsewhere',
    metrics: [
      gauge('pgstrata_call_p95_seconds', 'What 95 of 100 calls of that shape stay under, of the last minute.', byShape),
      gauge('pgstrata_call_p99_seconds', 'The same of 99 of 100.', byShape),
      gauge('pgstrata_call_max_seconds', 'The slowest call of that shape in the last minute.', byShape),
      gauge(
        'pgstrata_call_error_ratio',
        'Share of the calls of that shape that failed, of 20 a minute or more.',
        byShape,
      ),
      gauge('pgstrata_calls_error_ratio', 'Share of all calls that failed, of 20 a minute or more.'),
      gauge('pgstrata_calls_per_second', 'Calls of all applications.'),
    ],
    unavailable: available,
    read: async ({ on, facts: { node } }) => readingOf(await readBins(on), (sizes) => top.choose(node, sizes)),
  }
}

async function readBins(on: Queryable): Promise<readonly BinRow[]> {
  const { rows } = await on.query<BinRow>(sql`
    select shape, bin, sum(calls)::float8 as calls, sum(errors)::float8 as errors, sum(seconds)::float8 as seconds
    from pgstrata.watch_call
    where at > now() - ${windowSeconds + lateSeconds} * interval '1 s'
      and at <= now() - ${lateSeconds} * interval '1 s'
    group by shape, bin
    order by shape, bin`)
  return rows
}

function readingOf(
  bins: readonly BinRow[],
  choose: (sizes: ReadonlyMap<string, number>) => ReadonlySet<string>,
): Reading {
  const shapes = new Map<string, BinRow[]>()
  for (const row of bins) shapes.set(row.shape, [...(shapes.get(row.shape) ?? []), row])
  const sum = (rows: readonly BinRow[], of: 'calls' | 'errors' | 'seconds'): number =>
    rows.reduce((total, row) => total + row[of], 0)
  const chosen = choose(new Map([...shapes].map(([shape, rows]) => [shape, sum(rows, 'seconds')])))
  const calls = sum(bins, 'calls')
  return {
    points: [
      { metric: 'pgstrata_calls_per_second', labels: [], value: calls / windowSeconds },
      errorPoint('pgstrata_calls_error_ratio', [], { errors: sum(bins, 'errors'), calls }),
      ...[...shapes].flatMap(([shape, rows]): readonly Point[] => {
        if (!chosen.has(shape)) return []
        const all = sum(rows, 'calls')
        return [
          { metric: 'pgstrata_call_p95_seconds', labels: [shape], value: secondsAt(rows, 0.95 * all) },
          { metric: 'pgstrata_call_p99_seconds', labels: [shape], value: secondsAt(rows, 0.99 * all) },
          { metric: 'pgstrata_call_max_seconds', labels: [shape], value: secondsAt(rows, all) },
          errorPoint('pgstrata_call_error_ratio', [shape], { errors: sum(rows, 'errors'), calls: all }),
        ]
      }),
    ],
  }
}

function errorPoint(
  metric: string,
  labels: readonly string[],
  { errors, calls }: { readonly errors: number; readonly calls: number },
): Point {
  return { metric, labels, value: calls < leastCalls ? Number.NaN : errors / calls }
}

/** In the order of bins. */
function secondsAt(rows: readonly BinRow[], rank: number): number {
  let seen = 0
  for (const { bin, calls } of rows) {
    seen += calls
    if (seen >= Math.max(1, Math.ceil(rank - 1e-9))) return middleOfBinMs(bin) / 1_000
  }
  return 0
}
