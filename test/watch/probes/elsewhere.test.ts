// What is asked that is no server: applications by what they stored, a pooler, Redis, and what is kept up.

import { expect, test } from 'vitest'
import { openDb } from '../../../src/db/pg-db.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { systemRandom } from '../../../src/base/random.ts'
import { RedisLink } from '../../../src/redis/index.ts'
import { partitionHealth, jobHealth } from '../../../src/strata/upkeep-health.ts'
import { binOf } from '../../../src/watch/calls/histogram.ts'
import { createApplicationsProbe } from '../../../src/watch/probes/applications.ts'
import { createCallsProbe } from '../../../src/watch/probes/calls.ts'
import { createPgBouncerProbe } from '../../../src/watch/probes/pgbouncer.ts'
import { createRedisProbe } from '../../../src/watch/probes/redis.ts'
import { createUpkeepProbes } from '../../../src/watch/probes/upkeep.ts'
import { startPgBouncer } from '../../support/pgbouncer.ts'
import { startRedis } from '../../support/redis.ts'
import { waitUntil } from '../../support/wait.ts'
import { sql } from '../../../src/sql/sql.ts'
import { ask, describeOnWatched, run, strataOf } from '../support.ts'

describeOnWatched('what is no server', (_version, database) => {
  test('calls of all applications in the last minute, by shape; older and newer ones are not counted', async () => {
    const { db } = database()
    const probe = createCallsProbe()
    expect((await ask(db, probe)).points).toEqual([
      { metric: 'pgstrata_calls_per_second', labels: [], value: 0 },
      { metric: 'pgstrata_calls_error_ratio', labels: [], value: Number.NaN },
    ])
    const row = (shape: string, ms: number, calls: number, errors: number, ago: number): string =>
      `insert into pgstrata.watch_call values (now() - interval '${ago} s', 'app', '${shape}', ${binOf(ms)}, ${calls}, ${errors}, ${(calls * ms) / 1_000})`
    await run(
      db,
      row('slow', 10, 90, 0, 30),
      row('slow', 2_000, 6, 3, 40),
      row('slow', 10, 4, 0, 50),
      row('slow', 60_000, 1, 1, 120),
      row('slow', 60_000, 1, 1, 2),
      row('quick', 1, 100, 0, 30),
    )
    const { valueOf } = await ask(db, probe)
    expect(valueOf('pgstrata_calls_per_second')).toBeCloseTo(200 / 60)
    expect(valueOf('pgstrata_calls_error_ratio')).toBeCloseTo(3 / 200)
    expect(valueOf('pgstrata_call_error_ratio', 'slow')).toBeCloseTo(0.03)
    const near = (seconds: number | undefined, truth: number): void => {
      expect(Math.abs((seconds ?? 0) / truth - 1)).toBeLessThan(0.05)
    }
    near(valueOf('pgstrata_call_p95_seconds', 'slow'), 2)
    near(valueOf('pgstrata_call_max_seconds', 'slow'), 2)
    near(valueOf('pgstrata_call_p99_seconds', 'quick'), 0.001)
    // Of a few calls a share of failures says nothing.
    await run(
      db,
      `update pgstrata.watch_call set calls = 1 where shape = 'slow'`,
      `delete from pgstrata.watch_call where shape = 'quick'`,
    )
    const few = await ask(db, probe)
    expect(few.valueOf('pgstrata_calls_per_second')).toBeGreaterThan(0)
    expect(few.valueOf('pgstrata_calls_error_ratio')).toBeNaN()
    expect(few.valueOf('pgstrata_call_error_ratio', 'slow')).toBeNaN()
  })

  test('of each process the newest is known, and counters grow by what it added', async () => {
    const { db } = database()
    const probe = createApplicationsProbe()
    const told = (metric: string, process: string, value: number, ago: number): Promise<void> =>
      run(
        db,
        `insert into pgstrata.watch_metric values (now() - interval '${ago} s', 'app', '${metric}', '["${process}"]', ${value})`,
      )
    await told('pgstrata_pool_used_ratio', 'a', 0.5, 20)
    await told('pgstrata_pool_used_ratio', 'a', 0.9, 10)
    await told('pgstrata_pool_used_ratio', 'gone', 1, 300)
    await told('pgstrata_pool_exhausted_total', 'a', 2, 20)
    await told('pgstrata_pool_exhausted_total', 'a', 3, 10)
    const first = await ask(db, probe)
    expect(first.valueOf('pgstrata_pool_used_ratio', 'a')).toBe(0.9)
    expect(first.valueOf('pgstrata_pool_used_ratio', 'gone')).toBe(undefined)
    // What a new process counted at first is seen as added by the second reading.
    expect(first.valueOf('pgstrata_pool_exhausted_total', 'a')).toBe(0)
    expect((await ask(db, probe)).valueOf('pgstrata_pool_exhausted_total', 'a')).toBe(5)
    await told('pgstrata_pool_exhausted_total', 'a', 4, 0)
    expect((await ask(db, probe)).valueOf('pgstrata_pool_exhausted_total', 'a')).toBe(9)
    expect((await ask(db, probe)).valueOf('pgstrata_pool_exhausted_total', 'a')).toBe(9)
  })

  test('rollups that have something to merge, and what jobs and partitions come to', async () => {
    const { db, url } = database()
    const strata = strataOf(url)
    try {
      for (const { name } of strata.rollup.declared) await strata.rollup.fill(name)
      await strata.rollup.merge('watch_session_hourly')
      const probes = createUpkeepProbes({
        rollups: () => strata.rollup.status(),
        views: () => strata.views.status(),
        partitions: async () => partitionHealth(await strata.partitions.status(), Date.now()),
        jobs: () => jobHealth(strata.jobs),
      })
      const [rollups, views, partitions, jobs] = probes
      expect.assert(rollups !== undefined && views !== undefined && partitions !== undefined && jobs !== undefined)
      const pending = async (): Promise<number | undefined> =>
        (await ask(db, rollups)).valueOf('pgstrata_rollup_pending_rows', 'watch_session_hourly')
      expect(await pending()).toBe(0)
      await run(db, `insert into pgstrata.watch_session values (now(), 'primary', 'IO', 'DataFileRead', 0, 1)`)
      expect(await pending()).toBe(1)
      expect((await ask(db, partitions)).valueOf('pgstrata_partitions_ahead', 'pgstrata.watch_metric')).toBe(3)
      expect((await ask(db, views)).points).toEqual([])
      await strata.jobs.runNow('partitions')
      const { valueOf } = await ask(db, jobs)
      expect(valueOf('pgstrata_job_seconds', 'partitions')).toBeGreaterThan(0)
      expect(valueOf('pgstrata_job_failures', 'partitions')).toBe(0)
      // Of all there were: also of those that nobody looked at, and while the next one is under way.
      await run(
        db,
        `insert into pgstrata.job_run (job, tick, state, holder, fence, started_at, finished_at)
        select 'partitions', now() + n * interval '1 hour', state, 'h', 1, now() - interval '3 seconds',
          case when state <> 'running' then now() end
        from unnest(array['failed', 'done', 'failed', 'skipped', 'lost', 'failed', 'running']) with ordinality as r (state, n)`,
      )
      const failing = await ask(db, jobs)
      expect(failing.valueOf('pgstrata_job_failures', 'partitions')).toBe(3)
      expect(failing.valueOf('pgstrata_job_seconds', 'partitions')).toBe(3)
    } finally {
      await strata.close()
    }
  })

  test('who waits at a pooler is seen', async () => {
    const { url, db, name } = database()
    const bouncer = await startPgBouncer(url, 'session')
    const admin = openDb({ url: Object.assign(new URL(bouncer.url), { pathname: '/pgbouncer' }).href, max: 1 })
    const pooled = openDb({ url: bouncer.url, max: 6 })
    try {
      const probe = createPgBouncerProbe(admin)
      const look = async () => await ask(db, probe)
      const asleep = Promise.allSettled(Array.from({ length: 5 }, () => pooled.query(sql`select pg_sleep(60)`)))
      const seen = await waitUntil(
        async () => {
          const asked = await look()
          return asked.valueOf('pgstrata_pgbouncer_active', name) === 4 ? asked : undefined
        },
        { what: 'a full pool' },
      )
      expect(seen.valueOf('pgstrata_pgbouncer_waiting', name)).toBe(1)
      expect(
        await waitUntil(async () => (await look()).valueOf('pgstrata_pgbouncer_wait_seconds', name), {
          what: 'how long',
        }),
      ).toBeGreaterThan(0)
      await pooled.close({ now: true })
      await asleep
      await waitUntil(async () => (await look()).valueOf('pgstrata_pgbouncer_waiting', name) === 0, {
        what: 'that nobody waits',
      })
    } finally {
      await pooled.close({ now: true })
      await admin.close({ now: true })
      await bouncer.close()
    }
  })
})

test('the memory of Redis, its hits, and what it forgot', async () => {
  const redis = await startRedis(['--maxmemory', '4mb', '--maxmemory-policy', 'allkeys-lru'])
  const link = new RedisLink({ url: redis.url, clock: systemClock, random: systemRandom })
  try {
    const probe = createRedisProbe(link)
    const look = async () => (await probe.read({} as never)).points
    const valueOf = (points: Awaited<ReturnType<typeof look>>, metric: string): number | undefined =>
      points.find((point) => point.metric === metric)?.value
    const before = await look()
    expect(valueOf(before, 'pgstrata_redis_hit_ratio')).toBeNaN()
    for (let index = 0; index < 60; index++) {
      await link.send(['SET', `k${index}`, 'x'.repeat(100_000)])
    }
    for (let index = 0; index < 150; index++) await link.send(['GET', index % 3 === 0 ? 'none' : 'k59'])
    const after = await look()
    expect(valueOf(after, 'pgstrata_redis_hit_ratio')).toBeCloseTo(2 / 3, 1)
    expect(valueOf(after, 'pgstrata_redis_evicted_total')).toBeGreaterThan(
      valueOf(before, 'pgstrata_redis_evicted_total') ?? 0,
    )
    expect(valueOf(after, 'pgstrata_redis_memory_ratio')).toBeGreaterThan(0.5)
    expect(valueOf(after, 'pgstrata_redis_memory_bytes')).toBeGreaterThan(
      valueOf(before, 'pgstrata_redis_memory_bytes') ?? 0,
    )
  } finally {
    await link.close()
    await redis.close()
  }
})
