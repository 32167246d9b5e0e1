// Daemons and their server: a replica that is promoted, a server that is away, a schema that is not there.

import { expect, onTestFinished, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { startCluster } from '../../src/embedded/index.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import type { SchedulerState } from '../../src/maintain/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { describeOnEachVersion, testDatabase, versions } from '../support/postgres.ts'
import { startTcpProxy, throughPort } from '../support/tcp-proxy.ts'
import { waitUntil } from '../support/wait.ts'
import { daemon, install, job, runsOf } from './support.ts'

const every = { schedule: { everyMs: 1_000 } }

const done = (db: Db, name: string, more: number): Promise<unknown> =>
  waitUntil(async () => (await runsOf(db, name)).filter(({ state }) => state === 'done').length >= more, {
    what: `${more} runs of ${name}`,
    timeoutMs: 30_000,
  })

describeOnEachVersion(
  'a daemon',
  (_version, database) => {
    test('goes on when its server comes back, without a busy loop, and never ends of itself', async () => {
      const { db, url } = database()
      const { port } = new URL(url)
      const proxy = await startTcpProxy(() => Number(port))
      onTestFinished(() => proxy.close())
      const states: SchedulerState['kind'][] = []
      const jobs = daemon(throughPort(url, proxy.port), [job('steady', async () => undefined, every)])
      await jobs.start({ onState: ({ kind }) => void states.push(kind) })
      await done(db, 'steady', 1)
      proxy.cutWhen = () => true
      await db.query(sql`
        select pg_terminate_backend(pid)
        from pg_stat_activity
        where application_name like 'pgstrata job%'
          and datname = current_database()`)
      await waitUntil(() => states.includes('failing'), { what: 'the daemon to notice' })
      const before = proxy.connections
      await waitUntil(() => proxy.connections >= before + 2, { what: 'it to try again' })
      const sofar = (await runsOf(db, 'steady')).filter(({ state }) => state === 'done').length
      proxy.cutWhen = undefined
      await done(db, 'steady', sofar + 1)
      expect(states).toEqual(['working', 'failing', 'working'])
      await jobs.stop()
    })

    test('goes on when the schema is dropped under it and installed again', async () => {
      const { db, url } = database()
      const states: SchedulerState['kind'][] = []
      const jobs = daemon(url, [job('again', async () => undefined, every)])
      await jobs.start({ onState: ({ kind }) => void states.push(kind) })
      await done(db, 'again', 1)
      await db.query(sql`drop schema pgstrata cascade`)
      await waitUntil(() => states.includes('failing'), { what: 'the daemon to notice' })
      await install(database())
      await done(db, 'again', 1)
      expect(states).toEqual(['working', 'failing', 'working'])
      await jobs.stop()
    })

    test('a role without rights is refused when it starts, with what it lacks', async () => {
      const { db, url } = database()
      const role = `reader_${new URL(url).pathname.slice(1)}`
      await db.query(sql`create role ${sql.ident(role)} login password 'x'`)
      onTestFinished(
        async () => void (await db.query(sql`drop owned by ${sql.ident(role)}; drop role ${sql.ident(role)}`)),
      )
      const lesser = Object.assign(new URL(url), { username: role, password: 'x' }).href
      const jobs = daemon(lesser, [job('barred', async () => undefined)])
      await expect(jobs.start()).rejects.toMatchObject({
        code: 'DATABASE_PRIVILEGE',
        advice: `Let its owner run: grant usage on schema pgstrata to ${role}`,
      })
      await db.query(sql`
        grant usage on schema pgstrata to ${sql.ident(role)};
        grant select on all tables in schema pgstrata to ${sql.ident(role)}`)
      await expect(jobs.runNow('barred')).rejects.toMatchObject({ code: '42501', message: /table job/ })
    })

    test('works through PgBouncer in transaction mode, many of them at once', async () => {
      const { db, url } = database()
      const bouncer = await startPgBouncer(url, 'transaction')
      await db.query(sql`create table pooled (tick timestamptz)`)
      const pooled = job(
        'pooled',
        async ({ db: on, tick }) => {
          await on.query(sql`insert into pooled values (${tick})`)
        },
        every,
      )
      const daemons = [1, 2, 3].map(() => daemon(bouncer.url, [pooled], { leaseMs: 5_000 }))
      await Promise.all(daemons.map((each) => each.start()))
      await done(db, 'pooled', 3)
      await Promise.all(daemons.map((each) => each.close()))
      const { rows } = await db.query<{ tick: string; count: number }>(
        sql`select tick::text as tick, count(*)::int4 as count from pooled group by tick`,
      )
      expect(rows.length).toBeGreaterThanOrEqual(3)
      expect(rows.filter(({ count }) => count !== 1)).toEqual([])
      const leases = await db.query(sql`select from pgstrata.lease where expires_at > clock_timestamp()`)
      expect(leases.rows).toEqual([])
      await bouncer.close()
    })
  },
  install,
)

test.each(versions)('without the schema a daemon refuses, and says what to do, on PostgreSQL %d', async (version) => {
  const database = await testDatabase(version)
  onTestFinished(() => database.close())
  const jobs = daemon(database.url, [job('any', async () => undefined)])
  await expect(jobs.start()).rejects.toMatchObject({ code: 'SCHEMA_OLDER', advice: 'Run `pgstrata apply`.' })
  await expect(jobs.list()).rejects.toMatchObject({ code: 'SCHEMA_OLDER' })
  await install(database)
  await jobs.start()
  await jobs.close()

  await database.db.query(sql`insert into pgstrata.installation (version) values (1000)`)
  const older = daemon(database.url, [job('any', async () => undefined)])
  await expect(older.start()).rejects.toMatchObject({ code: 'SCHEMA_NEWER' })
})

test.each(versions)(
  'the primary is gone: on a replica jobs wait, and go on after its promotion, on PostgreSQL %d',
  { timeout: 120_000 },
  async (version) => {
    const cluster = await startCluster({ version, replicas: 1, inMemory: true, database: 'app' })
    onTestFinished(() => cluster.stop())
    const primary = openDb({ url: cluster.primary.url() })
    onTestFinished(() => primary.close())
    await primary.withSession(async (session) => void (await ensureInstalled(session)))
    const [replica] = cluster.replicas
    if (replica === undefined) throw new Error('There is no replica')
    const promoted = openDb({ url: replica.url() })
    onTestFinished(() => promoted.close())
    // One address, as DNS or a proxy gives it.
    const portOf = (url: string): number => Number(new URL(url).port)
    let target = portOf(cluster.primary.url())
    const proxy = await startTcpProxy(() => target)
    onTestFinished(() => proxy.close())
    const states: SchedulerState['kind'][] = []
    const jobs = daemon(throughPort(cluster.primary.url(), proxy.port), [job('waits', async () => undefined, every)])
    await jobs.start({ onState: ({ kind }) => void states.push(kind) })
    await done(primary, 'waits', 1)
    await replica.waitFor()
    await cluster.primary.kill()
    await waitUntil(() => states.includes('failing'), { what: 'the daemon to notice', timeoutMs: 30_000 })
    const before = (await runsOf(promoted, 'waits')).length
    target = portOf(replica.url())
    await waitUntil(() => states.includes('replica'), { what: 'the daemon to look', timeoutMs: 30_000 })
    expect((await runsOf(promoted, 'waits')).length).toBe(before)
    await promoted.query(sql`select pg_promote()`)
    await done(promoted, 'waits', before + 2)
    expect(states).toEqual(['working', 'failing', 'replica', 'working'])
    await jobs.close()
  },
)
