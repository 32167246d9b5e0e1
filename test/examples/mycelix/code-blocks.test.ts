// Every code block of the original design, in its order, under its heading: it runs, and what it says is true. What is written there without
// `await` has it here where ours answers later (`cache.get`). Blocks that need a server of their own stand in other files, named below.

// oxlint-disable typescript/restrict-template-expressions, typescript/no-misused-promises, no-console -- as applications write it

import { readFileSync } from 'node:fs'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openStrata, resolveConfig, type StrataConfig } from 'pgstrata'
import config from '../../../examples/mycelix/pgstrata.config.ts'
import {
  AnalyticsQueryBuilder,
  OptimizedQueries,
  QueryCache,
  type PlatformStats,
} from '../../../examples/mycelix/src/db/optimized-queries.ts'
import { DatabasePerformanceMonitor, QueryPlanAnalyzer } from '../../../examples/mycelix/src/db/performance-monitor.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { sql } from '../../../src/sql/sql.ts'
import { command } from '../../support/command.ts'
import { testDatabase } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { folder, useFilled } from './filled.ts'

/** All of them, in the order of the document; `in`: the file that has those which are not here. */
const blocks: readonly { readonly name: string; readonly in?: string }[] = [
  { name: 'mv_artist_analytics: example query' },
  { name: 'mv_song_analytics: trending score formula' },
  { name: 'mv_song_analytics: example query' },
  { name: 'mv_platform_stats: example query' },
  { name: 'mv_top_songs_week: example query' },
  { name: 'mv_listener_activity: example query' },
  { name: 'mv_genre_stats: example query' },
  { name: 'Using the OptimizedQueries class' },
  { name: 'Query builder' },
  { name: 'Query cache' },
  { name: 'Setting up monitoring' },
  { name: 'Tracking queries' },
  { name: 'Checking view freshness' },
  { name: 'Database health check' },
  { name: 'Prometheus metrics export' },
  { name: 'Query plan analysis' },
  { name: 'Manual view refresh' },
  { name: 'Automatic refresh schedule: pg_cron', in: 'pg-cron.test.ts' },
  { name: 'Automatic refresh schedule: node-cron' },
  { name: 'Use materialized views: do' },
  { name: 'Use materialized views: do not' },
  { name: 'Refresh views regularly' },
  { name: 'Monitor query performance' },
  { name: 'Use query cache for hot data' },
  { name: 'Optimize indexes' },
  { name: 'Analyze tables regularly' },
  { name: 'Monitor connection pool' },
  { name: 'Set performance thresholds' },
  { name: 'Example Grafana dashboard' },
  { name: 'Partitioning large tables' },
  { name: 'Query parallelization' },
  { name: 'Connection pooling', in: 'code-blocks-pgbouncer.test.ts' },
  { name: 'Slow queries: is the view stale' },
  { name: 'Slow queries: analyze the plan' },
  { name: 'Slow queries: missing indexes' },
  { name: 'Connection pool exhaustion: pool size' },
  { name: 'Connection pool exhaustion: timeouts' },
  { name: 'Connection pool exhaustion: long queries' },
]

const registered: string[] = []

function block(name: string, run: () => Promise<void> | void): void {
  registered.push(name)
  test(name, run)
}

/** One that keeps what it is told; everything else is as an application writes it. */
function keepingConsole(): Pick<Console, 'log' | 'warn'> & { readonly said: string[] } {
  const said: string[] = []
  const say = (text: unknown): void => void said.push(String(text))
  return { said, log: say, warn: say }
}

describe('the code blocks of the original design', () => {
  const filled = useFilled(18, { plays: 4_000 })
  let pool: StrataPool
  let queries: OptimizedQueries
  let monitor: DatabasePerformanceMonitor
  let analyzer: QueryPlanAnalyzer
  /** Those with most plays. */
  const known = { artist: '', listener: '' }

  beforeAll(async () => {
    pool = filled().strata.pool
    queries = new OptimizedQueries(pool)
    monitor = new DatabasePerformanceMonitor(pool)
    analyzer = new QueryPlanAnalyzer(pool)
    await filled().strata.rollup.merge('song_plays')
    for (const [who, column] of [
      ['artist', 'artist_address'],
      ['listener', 'listener_address'],
    ] as const) {
      const { rows } = await pool.query(`select ${column} as who from plays group by 1 order by count(*) desc limit 1`)
      known[who] = (rows[0] as { readonly who: string }).who
    }
  })
  afterAll(() => monitor.close())

  block('mv_artist_analytics: example query', async () => {
    const { rows } = await pool.query('SELECT * FROM mv_artist_analytics WHERE artist_address = $1', [known.artist])
    expect(rows).toHaveLength(1)
  })

  block('mv_song_analytics: trending score formula', async () => {
    // With the edges of whole hours, at which songs leave the windows of the view: they are moved on by the next merge.
    const differ = async (): Promise<number> => {
      await filled().strata.rollup.merge('song_plays')
      const { rows } = await pool.query(`
        select v.song_id
        from mv_song_analytics v
        left join (
          SELECT song_id, SUM(
              CASE
                  WHEN played_at >= date_trunc('hour', NOW() - INTERVAL '1 day') THEN 10
                  WHEN played_at >= date_trunc('hour', NOW() - INTERVAL '7 days') THEN 5
                  WHEN played_at >= date_trunc('hour', NOW() - INTERVAL '30 days') THEN 1
                  ELSE 0
              END
          ) as score
          FROM plays
          GROUP BY song_id
        ) raw using (song_id)
        where v.trending_score <> coalesce(raw.score, 0)`)
      return rows.length
    }
    await waitUntil(async () => (await differ()) === 0, { what: 'no score that differs' })
  })

  block('mv_song_analytics: example query', async () => {
    const { rows } = await pool.query(`
      -- Get trending songs
      SELECT * FROM mv_song_analytics
      ORDER BY trending_score DESC
      LIMIT 20;`)
    expect(rows).toHaveLength(20)
  })

  block('mv_platform_stats: example query', async () => {
    const { rows } = await pool.query('SELECT * FROM mv_platform_stats;')
    expect(rows).toHaveLength(1)
  })

  block('mv_top_songs_week: example query', async () => {
    const { rows } = await pool.query('SELECT * FROM mv_top_songs_week WHERE rank <= 10;')
    expect(rows).toHaveLength(10)
  })

  block('mv_listener_activity: example query', async () => {
    const { rows } = await pool.query('SELECT * FROM mv_listener_activity WHERE listener_address = $1', [
      known.listener,
    ])
    expect(rows).toHaveLength(1)
  })

  block('mv_genre_stats: example query', async () => {
    const { rows } = await pool.query<{ popularity_rank: string }>(
      'SELECT * FROM mv_genre_stats ORDER BY popularity_rank;',
    )
    expect(rows.map((row) => Number(row.popularity_rank))).toEqual(rows.map((_, index) => index + 1))
  })

  block('Using the OptimizedQueries class', async () => {
    const queries = new OptimizedQueries(pool)

    // Get artist analytics
    const artistStats = await queries.getArtistAnalytics(known.artist)

    // Get trending songs
    const trending = await queries.getTrendingSongs(20, 'Electronic')

    // Get platform statistics
    const platformStats = await queries.getPlatformStats()

    // Get listener activity
    const listenerActivity = await queries.getListenerActivity(known.listener)

    expect(artistStats?.total_plays).toBeGreaterThan(0)
    expect(new Set(trending.map(({ genre }) => genre))).toEqual(new Set(['Electronic']))
    expect(platformStats.total_plays).toBe(4_000)
    expect(listenerActivity?.total_plays).toBeGreaterThan(0)
  })

  block('Query builder', async () => {
    const builder = new AnalyticsQueryBuilder()
    const { query, params } = builder
      .genre('Electronic')
      .strategy('pay-per-stream')
      .minPlays(1)
      .sortBy('trending_score', 'DESC')
      .limit(20)
      .build()

    const result = await pool.query(query, params)
    const { rows } = await pool.query(`
      select count(*)::integer as n from mv_song_analytics
      where genre = 'Electronic' and strategy = 'pay-per-stream' and play_count >= 1`)
    expect(result.rows).toHaveLength(Math.min(20, (rows[0] as { n: number }).n))
    expect(params).toEqual(['Electronic', 'pay-per-stream', 1, 20])
  })

  block('Query cache', async () => {
    const cache = new QueryCache()

    // Try cache first
    let stats = await cache.get<PlatformStats>('platform_stats')
    expect(stats).toBeUndefined()

    if (!stats) {
      // Cache miss - fetch from database
      stats = await queries.getPlatformStats()
      cache.set('platform_stats', stats, 60000) // 1 minute TTL
    }
    expect(await cache.get('platform_stats')).toEqual(stats)
  })

  block('Setting up monitoring', async () => {
    const console = keepingConsole()
    const small = new StrataPool({ connectionString: filled().url, max: 2 })
    onTestFinished(() => small.end())
    const monitor = new DatabasePerformanceMonitor(small, {
      thresholds: { slowQueryMs: 1, materialized_view_staleness_hours: 1e-9 },
    })
    onTestFinished(() => monitor.close())

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

    await small.query("select pg_sleep(0.02), 'secret'")
    const clients = [await small.connect(), await small.connect()]
    const checked = monitor.check()
    for (const client of clients) client.release()
    await checked
    const saw = (what: RegExp): boolean => console.said.some((line) => what.test(line))
    await waitUntil(() => saw(/^Slow query detected: select pg_sleep\(\$1\), \$2 \([\d.]+ms\)$/), {
      what: 'a slow query',
    })
    expect(console.said).toContain('Connection pool at 100% capacity')
    expect(saw(/^Materialized view .*platform_stats is [\d.e-]+h old$/)).toBe(true)
  })

  block('Tracking queries', async () => {
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

    expect(result.rows.length).toBeGreaterThan(0)
    expect(stats.count).toBeGreaterThan(0)
    expect(console.said).toEqual([
      expect.stringMatching(/^Average query time: [\d.]+ms$/),
      expect.stringMatching(/^P95 latency: [\d.]+ms$/),
      'Error rate: 0%',
    ])
  })

  block('Checking view freshness', async () => {
    const console = keepingConsole()
    // Check if materialized views need refresh
    const viewStatus = await monitor.checkViewFreshness()

    viewStatus.forEach((view) => {
      if (view.stale) {
        console.log(`${view.view} needs refresh (${view.hoursOld}h old)`)
      }
    })
    expect(viewStatus).toHaveLength(6)
    expect(console.said).toEqual([])
  })

  block('Database health check', async () => {
    const console = keepingConsole()
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

    expect(console.said.slice(0, 3)).toEqual([
      expect.stringMatching(/^Database size: \d+ [kM]B$/),
      expect.stringMatching(/^Active connections: [1-9]\d*$/),
      expect.stringMatching(/^Cache hit ratio: \d+(\.\d+)?%$/),
    ])
    expect(console.said.slice(3)).toHaveLength(unusedIndexes.length)
  })

  block('Prometheus metrics export', () => {
    const sent = new Map<string, string>()
    const res = {
      set: (name: string, value: string) => sent.set(name, value),
      send: (text: string) => sent.set('body', text),
    }
    const app = { get: (_path: string, answer: (req: object, to: typeof res) => void) => answer({}, res) }
    // Expose metrics for Prometheus scraping
    app.get('/metrics/database', (req, res) => {
      res.set('Content-Type', 'text/plain')
      res.send(monitor.getPrometheusMetrics())
    })
    expect(sent.get('Content-Type')).toBe('text/plain')
    expect(sent.get('body')).toMatch(/^db_query_duration_seconds\{quantile="0.95"\} /m)
  })

  block('Query plan analysis', async () => {
    const console = keepingConsole()
    const analyzer = new QueryPlanAnalyzer(pool)

    // Explain query plan
    const plan = await analyzer.explain('SELECT * FROM songs WHERE genre = $1', ['Rock'])
    console.log(plan)

    // Explain analyze (actually runs query)
    const analyzedPlan = await analyzer.explainAnalyze('SELECT * FROM songs WHERE genre = $1', ['Rock'])

    // Get detailed JSON plan
    const detailedPlan = await analyzer.explainDetailed('SELECT * FROM songs WHERE genre = $1', ['Rock'])

    // Get index suggestions
    const suggestions = await analyzer.suggestIndexes('SELECT * FROM songs WHERE genre = $1 AND strategy = $2', [
      'Rock',
      'pay-per-stream',
    ])
    suggestions.forEach((s) => console.log(s))

    expect(console.said[0]).toMatch(/Scan .*on songs/)
    expect(analyzedPlan).toMatch(/actual time=/)
    expect(JSON.stringify(detailedPlan)).toContain('songs')
    expect(console.said).toHaveLength(1 + suggestions.length)
  })

  block('Manual view refresh', async () => {
    const queries = new OptimizedQueries(pool)

    // Refresh all materialized views
    const all = await queries.refreshAllViews()

    // Refresh only artist-related views
    const some = await queries.refreshArtistViews(known.artist)

    expect(all.views.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 6 }, () => 'refreshed'))
    expect(some.views).toMatchObject([{ view: 'artist_analytics', outcome: 'refreshed' }])
  })

  /** A job in place of node-cron: it is run by one process of many, and what it did is kept. */
  async function runScheduled(schedule: string, work: () => Promise<unknown>): Promise<void> {
    const whole: StrataConfig = config
    const { watch: _, alerts: __, expect: ___, server: ____, ...rest } = whole
    const own = { refresh_all_views: { cron: schedule, run: async () => void (await work()) } }
    const strata = openStrata(
      resolveConfig<unknown>(
        { ...rest, database: { primary: filled().url }, jobs: { own } },
        { root: folder, name: 'pgstrata.config.ts' },
      ),
    )
    onTestFinished(() => strata.close())
    const declared = strata.jobs.declared.find(({ name }) => name === 'refresh_all_views')
    expect(declared?.schedule).toContain(schedule)
    expect(await strata.jobs.runNow('refresh_all_views')).toMatchObject({ state: 'done', failure: null })
  }

  block('Automatic refresh schedule: node-cron', async () => {
    const console = keepingConsole()
    // Refresh every hour
    await runScheduled('0 * * * *', async () => {
      console.log('Refreshing materialized views...')
      await queries.refreshAllViews()
      console.log('Materialized views refreshed')
    })
    expect(console.said).toEqual(['Refreshing materialized views...', 'Materialized views refreshed'])
  })

  block('Use materialized views: do', async () => {
    // Fast query on materialized view
    const trending = await queries.getTrendingSongs(20)
    expect(trending).toHaveLength(20)
  })

  block('Use materialized views: do not', async () => {
    // Slow query with joins and aggregations
    const trending = await pool.query(`
      SELECT s.song_id, COUNT(*) as plays
      FROM songs s
      JOIN plays p ON s.song_id = p.song_id
      WHERE p.played_at >= NOW() - INTERVAL '7 days'
      GROUP BY s.song_id
      ORDER BY plays DESC
      LIMIT 20
    `)
    const top = await queries.getTopSongs(20)
    expect(trending.rows.map(({ plays }: { plays: string }) => Number(plays))).toEqual(top.map(({ plays }) => plays))
  })

  block('Refresh views regularly', async () => {
    // Hourly refresh
    await runScheduled('0 * * * *', () => queries.refreshAllViews())
    const { views } = filled().strata.config
    const at = new Map(views.map(({ name, refresh }) => [name, JSON.stringify(refresh)]))
    expect(new Set(at.values()).size).toBe(3)
    expect(at.get('song_analytics')).toBe(at.get('top_songs_week'))
  })

  block('Monitor query performance', async () => {
    const console = keepingConsole()
    const address = known.artist
    monitor.setThresholds({ slowQueryMs: 0 })
    // Always track critical queries
    const result = await monitor.trackQuery(async () => queries.getArtistDashboard(address), 'artist_dashboard')

    // Review performance weekly
    const slowQueries = monitor.getSlowQueries(10)
    slowQueries.forEach((q) => {
      console.log(`${q.query}: ${q.duration}ms`)
    })
    monitor.setThresholds({ slowQueryMs: 100 })
    expect(result?.earnings_by_day).toHaveLength(30)
    expect(console.said.some((line) => line.includes('mv_artist_analytics'))).toBe(true)
  })

  block('Use query cache for hot data', async () => {
    const cache = new QueryCache(filled().strata.cache)
    // Cache frequently accessed, slowly changing data
    const CACHE_TTL = {
      platformStats: 60000, // 1 minute
      topSongs: 300000, // 5 minutes
      artistProfile: 600000, // 10 minutes
    }

    let stats = await cache.get<PlatformStats>('platform_stats')
    if (!stats) {
      stats = await queries.getPlatformStats()
      cache.set('platform_stats', stats, CACHE_TTL.platformStats)
    }
    expect(await cache.get('platform_stats')).toEqual(stats)
    expect((await import('../../../examples/mycelix/src/db/optimized-queries.ts')).CACHE_TTL).toEqual(CACHE_TTL)
  })

  block('Optimize indexes', async () => {
    const console = keepingConsole()
    // Regularly check index usage
    const indexStats = await monitor.getIndexUsage()

    // Remove unused indexes (save disk space)
    const unused = await monitor.getUnusedIndexes()
    unused.forEach(async (idx) => {
      if (idx.index_size_bytes > 10000000) {
        // > 10MB
        console.log(`Consider dropping: ${idx.indexname}`)
      }
    })
    expect(indexStats.map(({ indexname }) => indexname)).toContain('songs_genre_idx')
    expect(console.said).toEqual([])
  })

  block('Analyze tables regularly', async () => {
    // After bulk inserts or updates
    await monitor.analyzeTable('plays')
    await monitor.analyzeTable('songs')

    // Vacuum to reclaim space
    await monitor.vacuumTable('plays')

    const { rows } = await pool.query(`
      select relname from pg_stat_user_tables where relname = 'songs' and last_analyze is not null`)
    expect(rows).toHaveLength(1)
  })

  block('Monitor connection pool', async () => {
    const console = keepingConsole()
    const full = new StrataPool({ connectionString: filled().url, max: 1 })
    onTestFinished(() => full.end())
    const monitor = new DatabasePerformanceMonitor(full)
    onTestFinished(() => monitor.close())
    // Check pool health
    monitor.on('poolStats', (stats) => {
      if (stats.waiting > 5) {
        console.warn('Connection pool congestion')
      }

      if (stats.utilization > 80) {
        console.warn('Consider increasing pool size')
      }
    })
    const client = await full.connect()
    const waiting = Array.from({ length: 6 }, () => full.query('select 1'))
    await waitUntil(() => console.said.length >= 2, { what: 'two warnings', timeoutMs: 20_000 })
    client.release()
    await Promise.all(waiting)
    expect(console.said.slice(0, 2)).toEqual(['Connection pool congestion', 'Consider increasing pool size'])
  })

  block('Set performance thresholds', () => {
    const before = monitor.thresholds
    // Customize thresholds for your use case
    monitor.setThresholds({
      slowQueryMs: 500, // Warn if query > 500ms
      connectionPoolWarning: 70, // Warn at 70% utilization
      materialized_view_staleness_hours: 1, // Warn if > 1 hour old
    })
    expect(monitor.thresholds).toMatchObject({
      slowQueryMs: 500,
      connectionPoolWarning: 70,
      materialized_view_staleness_hours: 1,
    })
    monitor.setThresholds(before)
  })

  block('Example Grafana dashboard', async () => {
    const dashboard = {
      panels: [
        { title: 'Query Latency (P95)', targets: [{ expr: 'db_query_duration_seconds{quantile="0.95"}' }] },
        {
          title: 'Connection Pool Utilization',
          targets: [{ expr: 'db_pool_connections{state="total"} - db_pool_connections{state="idle"}' }],
        },
        { title: 'Cache Hit Ratio', targets: [{ expr: 'db_cache_hit_ratio' }] },
      ],
    }
    await monitor.getCacheHitRatio()
    const measured = monitor.getPrometheusMetrics().split('\n')
    const exported = JSON.parse((await command(folder, 'export', 'dashboard')).out) as {
      readonly panels: readonly unknown[]
    }
    for (const { title, targets } of dashboard.panels) {
      for (const { expr } of targets) {
        for (const series of expr.split(' - '))
          expect(
            measured.some((line) => line.startsWith(`${series} `)),
            series,
          ).toBe(true)
        expect(JSON.stringify(exported.panels)).toContain(JSON.stringify(expr))
      }
      expect(JSON.stringify(exported.panels)).toContain(JSON.stringify(title))
    }
  })

  block('Partitioning large tables', async () => {
    const database = await testDatabase(18)
    onTestFinished(() => database.close())
    await database.db.query(
      sql.raw(`
      -- Partition plays table by month
      CREATE TABLE plays (
          id BIGSERIAL,
          played_at TIMESTAMPTZ NOT NULL
          -- other columns...
      ) PARTITION BY RANGE (played_at);

      -- Create monthly partitions
      CREATE TABLE plays_2024_01 PARTITION OF plays
          FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');

      CREATE TABLE plays_2024_02 PARTITION OF plays
          FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');`),
    )
    const tables = { plays: { time: 'played_at', partition: 'month', ahead: 2, from: '2024-01-01' } } as const
    const strata = openStrata(
      resolveConfig<unknown>({ database: { primary: database.url }, tables }, { root: folder, name: 'config' }),
    )
    onTestFinished(() => strata.close())
    await strata.apply()
    await database.db.query(sql`insert into plays (played_at) values ('2024-01-15'), ('2024-03-15'), (now())`)
    const { rows } = await database.db.query<{ name: string }>(sql`
      select distinct tableoid::regclass::text as name from plays order by name`)
    expect(rows.map(({ name }) => name).slice(0, 2)).toEqual(['plays_2024_01', 'plays_2024_03'])
    expect(rows).toHaveLength(3)
    expect((await strata.plan()).steps).toEqual([])
  })

  block('Query parallelization', async () => {
    const client = await pool.connect()
    try {
      await client.query('begin')
      // Adjust for your hardware
      await client.query('SET LOCAL max_parallel_workers_per_gather = 4')
      await client.query('SET LOCAL parallel_tuple_cost = 0.1')
      await client.query('SET LOCAL parallel_setup_cost = 1000')
      const { rows } = await client.query(`
        select current_setting('max_parallel_workers_per_gather') as workers, current_setting('parallel_tuple_cost') as tuple,
          current_setting('parallel_setup_cost') as setup`)
      expect(rows).toEqual([{ workers: '4', tuple: '0.1', setup: '1000' }])
    } finally {
      await client.query('rollback')
      client.release()
    }
  })

  block('Slow queries: is the view stale', async () => {
    const status = await monitor.checkViewFreshness()
    expect(status.map(({ view }) => view.replace(/^materialized\./, '')).toSorted()).toEqual([
      'artist_analytics',
      'genre_stats',
      'listener_activity',
      'platform_stats',
      'song_analytics',
      'top_songs_week',
    ])
  })

  const query = 'select count(*) from plays where strategy = $1 and duration_s > $2'
  const params = ['auction', 300]

  block('Slow queries: analyze the plan', async () => {
    const plan = await analyzer.explainAnalyze(query, params)
    expect(plan).toMatch(/plays_\d{4}_\d\d.*actual time=/)
  })

  block('Slow queries: missing indexes', async () => {
    const suggestions = await analyzer.suggestIndexes(query, params)
    // Two thousand plays are read as fast without one: what is suggested has to be of that table at least.
    for (const suggestion of suggestions) expect(JSON.stringify(suggestion)).toContain('plays')
  })

  block('Connection pool exhaustion: pool size', async () => {
    for (const Pool of [StrataPool, pg.Pool]) {
      const pool = new Pool({ connectionString: filled().url, max: 50 })
      const clients = await Promise.all(Array.from({ length: 50 }, () => pool.connect()))
      expect(pool.totalCount).toBe(50)
      for (const client of clients) client.release()
      await pool.end()
    }
  })

  block('Connection pool exhaustion: timeouts', async () => {
    const pool = new StrataPool({
      connectionString: filled().url,
      max: 20,
      connectionTimeoutMillis: 5000,
      idleTimeoutMillis: 30000,
    })
    onTestFinished(() => pool.end())
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expect(pool.options).toMatchObject({ max: 20, connectionTimeoutMillis: 5000, idleTimeoutMillis: 30000 })
  })

  block('Connection pool exhaustion: long queries', async () => {
    const longQueries = await monitor.getLongRunningQueries()
    expect([...longQueries]).toEqual([])
  })
})

test('none is missing', () => {
  const here = blocks.filter((one) => one.in === undefined).map(({ name }) => name)
  expect(registered).toEqual(here)
  for (const { name, in: file } of blocks) {
    if (file === undefined) continue
    const text = readFileSync(new URL(file, import.meta.url), 'utf8')
    const needed = name.includes('pg_cron') ? ['cron.schedule', 'refresh_all_materialized_views()'] : [name]
    for (const part of needed) expect(text, name).toContain(part)
  }
})
