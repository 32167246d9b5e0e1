// The text of a scrape: valid, the same series every time, and what it says is what was measured.

import { describe, expect, test } from 'vitest'
import { useDatabase } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { openMonitored, poolKinds } from './support.ts'

/** Series and their values; fails where a line is none of the format. */
function parse(text: string): ReadonlyMap<string, number> {
  const series = new Map<string, number>()
  for (const line of text.trimEnd().split('\n')) {
    if (/^# (HELP|TYPE) [a-z_]+ \S/.test(line)) continue
    const [, name, value] = /^([a-z_]+(?:\{[a-z]+="[^"\\]*"\})?) (NaN|[\d.e+-]+)$/.exec(line) ?? []
    if (name === undefined || series.has(name)) throw new Error(`Not a series, or one twice: ${line}`)
    series.set(name, Number(value))
  }
  return series
}

describe.each(poolKinds)('of %s', (kind) => {
  const database = useDatabase(18)

  test('has the series of the usual panels, before the first statement as after it', async () => {
    const { pool, monitor } = openMonitored(database().url, { kind, max: 3, thresholds: { slowQueryMs: 0 } })
    const before = parse(monitor.getPrometheusMetrics())
    expect(before.get('db_query_duration_seconds{quantile="0.95"}')).toBeNaN()
    expect(before.get('db_query_duration_seconds_count')).toBe(0)
    // The first scrape asks for the ratio, and has none yet.
    await waitUntil(() => parse(monitor.getPrometheusMetrics()).has('db_cache_hit_ratio'), { what: 'the hit ratio' })
    await pool.query('select pg_sleep(0.02)')
    await expect(pool.query('select nothing')).rejects.toMatchObject({ code: '42703' })
    const after = parse(monitor.getPrometheusMetrics())
    expect([...before.keys(), 'db_cache_hit_ratio'].toSorted()).toEqual([...after.keys()].toSorted())
    const { p95Duration, avgDuration } = monitor.getStats(60_000)
    expect(after.get('db_query_duration_seconds{quantile="0.95"}')).toBe(p95Duration / 1_000)
    expect(after.get('db_query_duration_seconds_sum')).toBeCloseTo((2 * avgDuration) / 1_000, 6)
    expect(Object.fromEntries(after)).toMatchObject({
      db_query_duration_seconds_count: 2,
      db_query_errors_total: 1,
      db_slow_queries_total: 2,
      'db_pool_connections{state="max"}': 3,
      'db_pool_connections{state="waiting"}': 0,
    })
    // After a failure the connection goes back when the server is ready again.
    await waitUntil(() => pool.idleCount === pool.totalCount, { what: 'an idle pool' })
    const client = await pool.connect()
    const busy = parse(monitor.getPrometheusMetrics())
    expect(busy.get('db_pool_connections{state="active"}')).toBe(1)
    expect(busy.get('db_pool_connections{state="total"}')).toBe(
      1 + (busy.get('db_pool_connections{state="idle"}') ?? 0),
    )
    client.release()
  })
})
