// A real Prometheus scrapes the server of a real database: every metric of the dashboard and of the rules is there, or it is
// said of what it depends; every expression can be evaluated; and no series comes or goes while nothing changes.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resolveConfig } from '../../src/config/index.ts'
import { createServer, type StrataServer } from '../../src/server/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import { createDashboard, defaultRules, renderPrometheusRules } from '../../src/watch/index.ts'
import { knownMetrics } from '../../src/watch/rules/known-metrics.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { startPrometheus, type TestPrometheus } from '../support/prometheus.ts'
import { scaled } from '../support/property.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { waitUntil } from '../support/wait.ts'
import { readToken } from './support.ts'

interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}

const panels = (createDashboard()['panels'] as readonly Panel[]).filter(({ targets }) => targets !== undefined)
const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
const metricsIn = (text: string): readonly string[] =>
  [...text.matchAll(/\b(?:pgstrata|db)_[a-z0-9_]+\b/g)].map(([name]) => name)
const named = [
  ...new Set([...expressions.flatMap(metricsIn), ...defaultRules().map(({ metric }) => metric)]),
].toSorted()

/** What this one server has not, and why. */
const conditional: Readonly<Record<string, string>> = {
  pgstrata_archives: 'no table has tiers',
  pgstrata_archives_damaged: 'no table has tiers',
  pgstrata_backup_age_seconds: 'no backup is declared',
  pgstrata_backup_verified_age_seconds: 'no backup is declared',
  pgstrata_bloat_bytes: 'nothing here is large enough to be told',
  pgstrata_pgbouncer_waiting: 'there is no PgBouncer',
  pgstrata_redis_memory_ratio: 'this Redis may use any amount',
  pgstrata_replica_lag_bytes: 'there is no replica',
  pgstrata_replica_lag_seconds: 'there is no replica',
  pgstrata_slot_inactive: 'there is no replication slot',
  pgstrata_slot_retained_bytes: 'there is no replication slot',
  pgstrata_slot_retained_ratio: 'there is no replication slot',
  pgstrata_tier_bytes: 'no table has tiers',
  pgstrata_tier_loose_bytes: 'no table has tiers',
  pgstrata_tier_moves_failed: 'no table has tiers',
  pgstrata_tier_saved_bytes: 'no table has tiers',
}

/** What comes from us: alerts are Prometheus' own, and come and go as they should. */
const scraped = '{job="pgstrata",__name__!~"ALERTS.*"}'

/** Of the API: one for each series. */
type Vector = {
  readonly result: readonly { readonly metric: Record<string, string>; readonly value: [number, string] }[]
}

describe.each(versions.slice(0, 1))('Prometheus and PostgreSQL %d', (version) => {
  let database: TestDatabase
  let strata: Strata
  let server: StrataServer
  let prometheus: TestPrometheus
  let redis: TestRedis
  const query = async (expr: string): Promise<Vector['result']> =>
    (await prometheus.ask<Vector>(`/api/v1/query?query=${encodeURIComponent(expr)}`)).result
  const scrapedAt = async (): Promise<number> =>
    Number((await query('timestamp(up{job="pgstrata"})'))[0]?.value[1] ?? 0)
  let rounds = 0
  let lastScrape = 0
  /** What an application does in a second: enough of everything for shares of it to say something. */
  const work = async (): Promise<void> => {
    const round = rounds++
    const { pool, cache } = strata
    for (let index = 0; index < 30; index++) await pool.query('select title from song where id = $1', [index])
    await pool.query('select sum((select id from song where id = i)) from generate_series(1, 600) i')
    await Promise.all(
      Array.from({ length: 120 }, (_, index) => cache.get(`${round}.${index % 60}`, () => Promise.resolve(index))),
    )
  }
  /** Works once a scrape, until `probe` is content; it is asked after each scrape. */
  const workUntil = async (probe: () => Promise<true | undefined>, what: string, seconds: number): Promise<true> =>
    await waitUntil(
      async () => {
        const at = await scrapedAt()
        if (at === lastScrape) return undefined
        lastScrape = at
        await work()
        return await probe()
      },
      { what, timeoutMs: seconds * 1_000 },
    )

  beforeAll(async () => {
    database = await testDatabase(version)
    const { db, url } = database
    await db.query(sql`
      create extension if not exists pg_stat_statements;
      create table song (id serial primary key, title text);
      create index song_title on song (title);
      insert into song (title) select 'song ' || i from generate_series(1, 20000) i;
      update song set title = title || '!' where id % 2 = 0;
      create table plays (at timestamptz not null, song int not null)`)
    redis = await startRedis()
    const config = {
      database: { primary: url },
      tables: { plays: { time: 'at', partition: 'month', ahead: 1 } },
      rollups: { song_plays: { from: 'plays', bucket: '1 day', by: ['song'], measures: { plays: { kind: 'count' } } } },
      views: {
        songs: { sql: 'select song, count(*) as n from plays group by song', refresh: '1 hour', unique: ['song'] },
      },
      watch: {},
      cache: { redis: redis.url },
      expect: { 'song of a title': { sql: "select * from song where title = 'song 1'", index: 'song_title' } },
      server: { port: 0, tokens: { read: readToken } },
    }
    strata = openStrata(resolveConfig(config, { root: '/', name: 'test' }))
    await strata.apply()
    await strata.start({ jobs: true })
    server = await createServer(strata)
    const { host } = new URL(await server.listen())
    prometheus = await startPrometheus({
      target: host,
      token: readToken,
      rules: renderPrometheusRules(defaultRules()),
      everySeconds: 1,
    })
  }, 120_000)
  afterAll(async () => {
    await prometheus.close()
    await server.close()
    await strata.close()
    await redis.close()
    await database.close()
  })

  test('every metric of the dashboard and of the rules is there, but for those of what is not', async () => {
    const valued = new Set<string | undefined>()
    const missing = (): readonly string[] =>
      named.filter((name) => !valued.has(name) && conditional[name] === undefined)
    // With a value: what there is too little of to tell is NaN.
    const look = async (): Promise<true | undefined> => {
      strata.watch?.hurry()
      for (const { metric, value } of await query(scraped)) if (value[1] !== 'NaN') valued.add(metric['__name__'])
      return missing().length === 0 ? true : undefined
    }
    // What applications tell is 15 s old before it counts.
    await workUntil(look, 'all metrics', 100).catch(() => undefined)
    expect(missing()).toEqual([])
    // What is conditional is a metric all the same, one that some probe declares.
    expect(Object.keys(conditional).filter((name) => knownMetrics[name] === undefined)).toEqual([])
  }, 120_000)

  test.each(panels.map((panel) => [panel.title, panel] as const))(
    'panel "%s" can be evaluated',
    async (_, { targets = [] }) => {
      for (const { expr } of targets) await query(expr.replaceAll('$__rate_interval', '10s').replaceAll('$node', '.*'))
    },
  )

  test('the rules are loaded and evaluated, all of them', async () => {
    type Groups = { groups: { rules: { name: string; health: string; lastError?: string }[] }[] }
    const rules = await waitUntil(
      async () => {
        const all = (await prometheus.ask<Groups>('/api/v1/rules')).groups.flatMap((group) => group.rules)
        return all.every(({ health }) => health !== 'unknown') ? all : undefined
      },
      { what: 'each was evaluated once', timeoutMs: 60_000 },
    )
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([])
    expect(rules.map(({ name }) => name).toSorted()).toEqual(
      defaultRules()
        .map(({ name }) => name)
        .toSorted(),
    )
  }, 70_000)

  test('no series goes, and none comes and goes, from scrape to scrape', async () => {
    const seconds = Math.min(60, scaled(5))
    const nameOf = (labels: Record<string, string>): string => JSON.stringify(Object.entries(labels).toSorted())
    const now = async (): Promise<ReadonlySet<string>> =>
      new Set((await query(scraped)).map(({ metric }) => nameOf(metric)))
    const before = await now()
    const beganAt = await scrapedAt()
    const isOver = async (): Promise<true | undefined> => ((await scrapedAt()) >= beganAt + seconds ? true : undefined)
    await workUntil(isOver, 'scrapes', seconds + 30)
    expect((await query('min_over_time(up{job="pgstrata"}[1m])')).map(({ value }) => value[1])).toEqual(['1'])
    const after = await now()
    const seen = await prometheus.ask<readonly Record<string, string>[]>(
      `/api/v1/series?match[]=${encodeURIComponent(scraped)}&start=${beganAt}&end=${beganAt + seconds}`,
    )
    expect([...before].filter((name) => !after.has(name))).toEqual([])
    expect(seen.map(nameOf).filter((name) => !after.has(name))).toEqual([])
    // What comes is of something that came: the first run of a job, what it made.
    const unexpected = [...after].filter(
      (name) =>
        !before.has(name) &&
        !/"(job_name|table|index|wait_type|wait|part|state|rollup|view)",|pgstrata_probe_/.test(name),
    )
    expect(unexpected).toEqual([])
    expect(before.size).toBeGreaterThan(100)
  }, 120_000)
})
