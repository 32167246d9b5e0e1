// What is known of now, for a process that does not measure itself: the newest minute of every series that the one who does has written.

import { sql } from '../../sql/sql.ts'
import type { Queryable } from '../../db/db.ts'
import type { Series } from '../model/latest.ts'
import { labelsOf, type Metric } from '../model/metric.ts'

const mostSeries = 10_000
/** A minute, its end, and ten seconds until it is written; what is asked less often is not shown. */
const newestMs = 180_000

export async function readRecent(on: Queryable, metrics: readonly Metric[]): Promise<readonly Series[]> {
  const { rows } = await on.query<{ at: number; node: string; metric: string; labels: string; value: number }>(sql`
    select distinct on (node, metric, labels) extract(epoch from at)::float8 * 1000 as at, node, metric, labels, value
    from pgstrata.watch_metric
    where at > now() - ${newestMs} * interval '1 ms'
    order by node, metric, labels, at desc
    limit ${mostSeries}`)
  const known = new Map(metrics.map((metric) => [metric.name, metric]))
  return rows.flatMap(({ at, node, metric: name, labels, value }): readonly Series[] => {
    const metric = known.get(name)
    if (metric === undefined) return []
    const perSecond = metric.kind === 'counter' ? value / 60 : undefined
    return [{ node, metric, labels: labelsOf(labels), value, perSecond, atMs: at }]
  })
}
