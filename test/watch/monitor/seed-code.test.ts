// The code that applications have for such a monitor, as they have it: it runs, on either pool, and says what is true.
// `console` is one that keeps what it is told; everything else is as an application writes it.

// oxlint-disable typescript/restrict-template-expressions, typescript/no-misused-promises -- as applications write it

import { describe, expect, onTestFinished, test } from 'vitest'
import { DatabasePerformanceMonitor } from '../../../src/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import { useDatabase, type TestDatabase } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { openPool, poolKinds } from './support.ts'

async function prepare({ db }: TestDatabase): Promise<void> {
  await db.query(sql`
    create table songs (id int primary key, title text, genre text, strategy text);
    create table plays (id int primary key, song_id int, played_at timestamptz not null default now());
    insert into songs select n, 'song ' || n, 'Rock', 'gift' from generate_series(1, 2000) n;
    create index songs_strategy_idx on songs (strategy);
    create materialized view mv_platform_stats as
      select count(*) as total_songs, now() - interval '3 hours' as last_refreshed from songs;
    create materialized view mv_genre_stats as select genre, count(*), now() as last_refreshed from songs group by genre`)
}

function keepingConsole(): Pick<Console, 'log' | 'warn'> & { readonly said: string[] } {
  const said: string[] = []
  const say = (text: string): void => void said.push(text)
  return { said, log: say, warn: say }
}

describe.each(poolKinds)('on %s', (kind) => {
  const database = useDatabase(18, prepare)

  test('setting up: slow queries, a full pool and stale views are told of', async () => {
    const pool = openPool(kind, database().url, 2)
    const console = keepingConsole()

    const monitor = new DatabasePerformanceMonitor(pool)

    // Listen for slow queries
    monitor.on('slowQuery', (metric) => {
      console.warn(`Slow query detected: ${metric.query} (${metric.duration}ms)`)
    })

    // Listen for pool warnings
    monitor.on('poolWarning', (stats) => {
      console.warn(`Connection pool at ${stats.utilization}% capacity`)
    })

    // Listen for stale materialized views
    monitor.on('staleView', (view) => {
      console.warn(`Materialized view ${view.view} is ${view.hoursOld}h old`)
    })

    onTestFinished(() => monitor.close())
    await pool.query("select pg_sleep(0.06), 'secret'")
    const clients = [await pool.connect(), await pool.connect()]
    const stalled = monitor.check()
    for (const client of clients) client.release()
    await stalled
    await waitUntil(() => console.said.length >= 3, { what: 'three warnings' })
    expect(console.said.toSorted()).toEqual([
      'Connection pool at 100% capacity',
      'Materialized view mv_platform_stats is 3h old',
      expect.stringMatching(/^Slow query detected: select pg_sleep\(\$1\), \$2 \(\d+(\.\d+)?ms\)$/),
    ])
  })

  test('tracking queries: the result is that of the work, and the statistics are of it', async () => {
    const pool = openPool(kind, database().url)
    const monitor = new DatabasePerformanceMonitor(pool)
    onTestFinished(() => monitor.close())
    const console = keepingConsole()

    // Wrap queries with performance tracking
    const result = await monitor.trackQuery(async () => {
      return await pool.query('SELECT * FROM songs WHERE genre = $1', ['Rock'])
    }, 'songs_by_genre')

    // Get performance statistics
    const stats = monitor.getStats(60000) // Last 1 minute
    console.log(`Average query time: ${stats.avgDuration}ms`)
    console.log(`P95 latency: ${stats.p95Duration}ms`)
    console.log(`Error rate: ${stats.errorRate * 100}%`)

    expect(result.rows).toHaveLength(2_000)
    expect(stats.count).toBe(1)
    expect(stats.avgDuration).toBeGreaterThan(0)
    expect(console.said[2]).toBe('Error rate: 0%')
    await expect(pool.query('select nothing from songs')).rejects.toMatchObject({ code: '42703' })
    expect(monitor.getStats(60_000)).toMatchObject({ count: 2, errorRate: 0.5 })
    expect(monitor.getStats(60_000, 'songs_by_genre')).toMatchObject({ count: 1, errorRate: 0 })
  })

  test('view freshness, database health and the metrics of a scrape', async () => {
    const pool = openPool(kind, database().url)
    const monitor = new DatabasePerformanceMonitor(pool)
    onTestFinished(() => monitor.close())
    const console = keepingConsole()

    // Check if materialized views need refresh
    const viewStatus = await monitor.checkViewFreshness()

    viewStatus.forEach((view) => {
      if (view.stale) {
        console.log(`${view.view} needs refresh (${view.hoursOld}h old)`)
      }
    })
    expect(console.said).toEqual(['mv_platform_stats needs refresh (3h old)'])

    // Get overall database info
    const dbInfo = await monitor.getDatabaseInfo()
    console.log(`Database size: ${dbInfo.size}`)
    console.log(`Active connections: ${dbInfo.connections}`)

    // Get cache hit ratio (should be > 90%)
    const cacheStats = await monitor.getCacheHitRatio()
    console.log(`Cache hit ratio: ${cacheStats.cacheHitRatio}%`)

    // Find unused indexes
    const unusedIndexes = await monitor.getUnusedIndexes()
    unusedIndexes.forEach((idx) => {
      console.log(`Unused index: ${idx.indexname} (${idx.index_size})`)
    })

    expect(console.said.slice(1)).toEqual([
      expect.stringMatching(/^Database size: \d+ [kM]B$/),
      expect.stringMatching(/^Active connections: [1-9]\d*$/),
      expect.stringMatching(/^Cache hit ratio: \d+(\.\d+)?%$/),
      'Unused index: songs_strategy_idx (32 kB)',
    ])

    const sent: [string, string][] = []
    const app = {
      get: (_path: string, answer: (req: object, res: object) => void) =>
        answer(
          {},
          { set: (...header: [string, string]) => sent.push(header), send: (text: string) => sent.push(['', text]) },
        ),
    }
    // Expose metrics for Prometheus scraping
    app.get('/metrics/database', (req, res: any) => {
      res.set('Content-Type', 'text/plain')
      res.send(monitor.getPrometheusMetrics())
    })
    expect(sent[1]?.[1]).toMatch(/^db_query_duration_seconds\{quantile="0.95"\} /m)
    expect(sent[1]?.[1]).toMatch(/^db_pool_connections\{state="total"\} 1$/m)
    expect(sent[1]?.[1]).toMatch(/^db_pool_connections\{state="idle"\} \d$/m)
    expect(sent[1]?.[1]).toMatch(/^db_cache_hit_ratio (0\.\d+|1)$/m)
  })

  test('best practices: slow queries reviewed, indexes, upkeep, the pool, thresholds, long queries', async () => {
    const pool = openPool(kind, database().url)
    const monitor = new DatabasePerformanceMonitor(pool, { thresholds: { slowQueryMs: 0 } })
    onTestFinished(() => monitor.close())
    const console = keepingConsole()
    const queries = {
      getArtistDashboard: (address: string) => pool.query('select title from songs where genre = $1', [address]),
    }
    const address = 'Rock'

    // Always track critical queries
    const result = await monitor.trackQuery(async () => queries.getArtistDashboard(address), 'artist_dashboard')

    // Review performance weekly
    const slowQueries = monitor.getSlowQueries(10)
    slowQueries.forEach((q) => {
      console.log(`${q.query}: ${q.duration}ms`)
    })
    expect(result.rowCount).toBe(2_000)
    expect(console.said).toEqual([expect.stringMatching(/^select title from songs where genre = \$1: [\d.]+ms$/)])

    // Regularly check index usage
    const indexStats = await monitor.getIndexUsage()
    expect(indexStats.map(({ indexname }) => indexname).toSorted()).toEqual([
      'plays_pkey',
      'songs_pkey',
      'songs_strategy_idx',
    ])

    // Remove unused indexes (save disk space)
    const unused = await monitor.getUnusedIndexes()
    unused.forEach(async (idx) => {
      if (idx.index_size_bytes > 10000) {
        console.log(`Consider dropping: ${idx.indexname}`)
      }
    })
    expect(console.said[1]).toBe('Consider dropping: songs_strategy_idx')

    // After bulk inserts or updates
    await monitor.analyzeTable('plays')
    await monitor.analyzeTable('songs')

    // Vacuum to reclaim space
    await monitor.vacuumTable('plays')

    // Check pool health
    monitor.on('poolStats', (stats) => {
      if (stats.waiting > 5) {
        console.warn('Connection pool congestion')
      }

      if (stats.utilization > 80) {
        console.warn('Consider increasing pool size')
      }
    })

    // Customize thresholds for your use case
    monitor.setThresholds({
      slowQueryMs: 500, // Warn if query > 500ms
      connectionPoolWarning: 70, // Warn at 70% utilization
      materialized_view_staleness_hours: 1, // Warn if > 1 hour old
    })
    expect(monitor.thresholds).toMatchObject({ slowQueryMs: 500, connectionPoolWarning: 70 })

    const longQueries = await monitor.getLongRunningQueries()
    expect(longQueries).toEqual([])
  })
})
