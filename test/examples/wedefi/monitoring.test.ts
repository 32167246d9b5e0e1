// The four monitoring rules of the app, with their thresholds and actions, on servers of their own: each is fired by a real fault and over once
// when that is mended, its action is done, and what came of it stands with the alert. Only how often is looked, and for how long a value has to
// last, is of seconds here.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import { monitoringRules } from '../../../examples/wedefi/src/monitoring.ts'
import { openWedefi, type WedefiConfig, type WedefiStrata } from '../../../examples/wedefi/src/strata.ts'
import { sql } from '../../../src/sql/sql.ts'
import { waitUntil } from '../../support/wait.ts'
import { connect, openOperations, repeat, run, watchedConfig, type Operations } from './monitoring-support.ts'
import { openManagers } from './portfolio-support.ts'

const fireMs = 30_000
const names = Object.keys(monitoringRules)
/** Of 120 that the server takes; the rule fires over 80. */
const busy = 85
const wallets = 150_000

let cluster: EmbeddedCluster
let daemon: WedefiStrata
let resolved: WedefiConfig
let url = ''
let operations: Operations
let stopReading: () => Promise<unknown>

beforeAll(async () => {
  cluster = await startCluster({
    replicas: 1,
    inMemory: true,
    preload: ['pg_stat_statements'],
    settings: {
      // Few buffers, so that an index that is read as a whole does not fit; and pages cost alike in any order, as on an SSD.
      shared_buffers: '8MB',
      random_page_cost: '1.1',
      max_parallel_workers_per_gather: '0',
      autovacuum: 'off',
      max_connections: '120',
      max_slot_wal_keep_size: '256MB',
    },
  })
  url = await cluster.createDatabase('wedefi')
  operations = await openOperations(cluster)
  resolved = watchedConfig({ cluster, url, operationsUrl: operations.url })
  daemon = openWedefi(resolved)
  await daemon.migrate.up({ lint: false })
  await fillWallets()
  await daemon.apply()
  // Else a job would, which reads the table by an index that is larger than its memory.
  await daemon.rollup.fill('wallets_by_value')
  stopReading = await keepReading()
  await untilWarm()
  await daemon.start({ jobs: true })
}, 120_000)

afterAll(async () => {
  await stopReading()
  await daemon.close()
  await cluster.stop()
  operations.close()
}, 60_000)

/** Past the pool of the app, which would tell of a statement that takes its time. */
async function fillWallets(): Promise<void> {
  await run(
    url,
    `insert into "Wallet" (address, "chainId", "createdAt", "topUsd", "topBand")
      select '0x' || lpad(to_hex(n), 40, '0'), 1, now() - make_interval(secs => n), n, wallet_band(n)
      from generate_series(1, ${wallets}) as n`,
    'vacuum analyze "Wallet"',
  )
}

/** Wallets by their ids, all found in memory: thousands of blocks a second, on a busy machine too, beside which what the daemon itself reads is few. */
async function keepReading(): Promise<() => Promise<unknown>> {
  const client = await connect(url)
  const { rows } = await client.query<{ ids: readonly string[] }>(
    `select array_agg(id) as ids from (select id from "Wallet" order by "createdAt" limit 200) as first`,
  )
  const ids = rows[0]?.ids
  const end = repeat(async () => {
    await client.query('select count("chainId") from "Wallet" where id = any ($1)', [ids])
    await client.query('select pg_sleep(0.03)')
  })
  return async () => {
    await end()
    await client.end()
  }
}

/** What filling took is told of late, and is none of the daemon's business. */
async function untilWarm(): Promise<void> {
  const client = await connect(url)
  let before = { hit: 0, read: 0 }
  const isWarm = async (): Promise<boolean> => {
    const { rows } = await client.query<typeof before>(
      'select sum(idx_blks_hit)::float8 as hit, sum(idx_blks_read)::float8 as read from pg_statio_user_tables',
    )
    const now = rows[0] ?? before
    const [hit, read] = [now.hit - before.hit, now.read - before.read]
    if (hit + read < 5_000) return false
    before = now
    return hit / (hit + read) > 0.99
  }
  await waitUntil(isWarm, { what: 'indexes are found in memory', timeoutMs: fireMs })
  await client.query('select pg_stat_reset()')
  await client.end()
}

type Found = Awaited<ReturnType<WedefiStrata['alerts']['history']>>[number]

/** Fired, with everything done that was to be done about it. */
async function fired(rule: string): Promise<Found> {
  return await waitUntil(
    async () => {
      const [alert] = await daemon.alerts.history({ rule })
      return alert?.actions.every(({ state }) => state === 'done') === true ? alert : undefined
    },
    { what: `${rule} fires, and its actions are done`, timeoutMs: fireMs },
  )
}

/** And everybody was told. */
async function over(rule: string): Promise<void> {
  const isOver = async (): Promise<boolean> => {
    const [alert] = await daemon.alerts.history({ rule })
    return alert?.state === 'resolved' && alert.actions.every(({ state }) => state === 'done')
  }
  await waitUntil(isOver, { what: `${rule} is over`, timeoutMs: fireMs })
}

function reportOf({ actions }: Found, action: string): unknown {
  const done = actions.find((one) => one.action === action && one.event === 'fired')
  expect(done?.state).toBe('done')
  return done?.report
}

test('while nothing is wrong, none of them fires', async () => {
  const readings = new Set<number>()
  await waitUntil(
    () => {
      for (const { probe, atMs } of daemon.watch?.states() ?? [])
        if (probe === 'database' && atMs !== undefined) readings.add(atMs)
      return readings.size >= 6
    },
    { what: 'three readings of both servers', timeoutMs: fireMs },
  )
  const found = await daemon.alerts.history()
  expect(found.filter(({ rule }) => names.includes(rule))).toEqual([])
})

test('SlowQueryDetected: a read of the app that a lock holds up for five seconds is logged with its text, and whoever is on call is told', async () => {
  const app = openManagers(resolved)
  const holder = await connect(url)
  await holder.query('begin; lock table "GovernanceLock" in access exclusive mode')
  await isLockedOnReplica()
  const beganMs = performance.now()
  const reading = app.manager.getGovernanceLocks('w-0')
  await waitUntil(() => performance.now() - beganMs > 5_200, { what: 'more than five seconds' })
  await holder.query('rollback')
  await holder.end()
  expect(await reading).toEqual([])
  // What a process saw of its calls is stored when it ends; that time goes by is told to the table.
  await app.strata.close()
  const age = (seconds: number): Promise<unknown> =>
    daemon.query(sql`update pgstrata.watch_call set at = at - make_interval(secs => ${seconds})`)
  await age(16)
  const alert = await fired('SlowQueryDetected')
  expect(alert).toMatchObject({ state: 'firing', severity: 'critical', node: 'app' })
  expect(alert.value).toBeGreaterThan(5)
  expect(reportOf(alert, 'log_and_alert')).toMatchObject({
    statements: [{ text: expect.stringContaining('"GovernanceLock"') as unknown }],
  })
  const told = operations.posted.filter(({ path }) => path === '/oncall').map(({ body }) => body)
  expect(told).toMatchObject([{ event: 'fired', alerts: [{ rule: 'SlowQueryDetected', id: alert.id }] }])
  await age(75)
  await over('SlowQueryDetected')
})

/** Reads go there: what was asked before it heard of the lock would not wait. */
async function isLockedOnReplica(): Promise<void> {
  const replica = await connect(cluster.replicas[0]?.url('wedefi') ?? '')
  const isThere = async (): Promise<boolean> => {
    const { rowCount } = await replica.query(
      `select from pg_locks where mode = 'AccessExclusiveLock' and relation = '"GovernanceLock"'::regclass`,
    )
    return rowCount === 1
  }
  await waitUntil(isThere, { what: 'the replica has heard of the lock' })
  await replica.end()
}

test('HighConnectionCount: the load is told to who makes replicas, and there is one more', async () => {
  const sessions = await Promise.all(Array.from({ length: busy }, () => connect(url)))
  const ended = sessions.map(async (one) => await one.query('select pg_sleep(600)').catch(() => undefined))
  const alert = await fired('HighConnectionCount')
  expect(alert.value).toBeGreaterThanOrEqual(busy)
  expect(reportOf(alert, 'scale_read_replicas')).toMatchObject({
    asked: true,
    answer: { status: 200, answer: { made: 'replica-2' } },
  })
  expect(operations.posted.filter(({ path }) => path === '/replicas')).toMatchObject([
    { body: { threshold: 80, load: { maxConnections: 120, replicasConnected: 1 } } },
  ])
  expect(cluster.replicas).toHaveLength(2)
  const { rows } = await daemon.query<{ count: number }>(
    sql`select count(*)::integer as count from pg_stat_replication where state = 'streaming' and application_name like 'replica-%'`,
  )
  expect(rows).toEqual([{ count: 2 }])
  await daemon.query(sql`
    select pg_terminate_backend(pid)
    from pg_stat_activity
    where query = 'select pg_sleep(600)'`)
  await Promise.all(ended)
  await Promise.all(sessions.map(async (one) => await one.end().catch(() => undefined)))
  await over('HighConnectionCount')
})

test('IndexScanEfficiency: an index that was dropped is missed, and what is read instead is named', async () => {
  const client = await connect(url)
  // Of a larger table the planner would take an index that has the column, however far it has to read, by itself.
  await client.query('set enable_seqscan = off')
  // As the service counts wallets of some value, and as somebody shows the largest, who takes his time: only what is slow and run often is
  // worth an index.
  const counting = `select count(*) from "Wallet" where "topUsd" >= ${wallets - 50}`
  const showing = `select id, pg_sleep(0.02) from "Wallet" where "topUsd" >= ${wallets - 50} order by "topUsd" desc limit 10`
  await Promise.all(Array.from({ length: 16 }, () => run(url, ...Array.from({ length: 8 }, () => showing))))
  const other = await connect(url)
  const stops = [repeat(() => client.query(counting)), repeat(() => other.query(showing))]
  try {
    await run(url, 'drop index "Wallet_top_idx"')
    const alert = await fired('IndexScanEfficiency')
    expect(alert.node).toBe('primary')
    expect(alert.value).toBeLessThan(0.95)
    const report = reportOf(alert, 'analyze_missing_indexes') as { readonly readWhole: readonly object[] }
    expect(report.readWhole).toMatchObject([{ table: 'Wallet' }])
    expect(JSON.stringify(report)).toMatch(/create index[^;]+Wallet[^;]+topUsd/i)
    await run(url, 'create index concurrently "Wallet_top_idx" on "Wallet" ("topUsd")')
    await over('IndexScanEfficiency')
  } finally {
    await Promise.all(stops.map((stop) => stop()))
    await Promise.all([client.end(), other.end()])
  }
})

test('ReplicationLag: a replica that stands still is investigated', async () => {
  const [replica] = cluster.replicas
  await replica?.pauseReplay()
  const alert = await fired('ReplicationLag')
  expect(alert.value).toBeGreaterThan(1)
  expect(JSON.parse(alert.series)).toEqual(['read'])
  expect(reportOf(alert, 'investigate_replication')).toMatchObject({
    senders: expect.arrayContaining([expect.objectContaining({ replica: 'replica-1', state: 'streaming' })]) as unknown,
    slots: expect.arrayContaining([expect.objectContaining({ is_active: true })]) as unknown,
  })
  await replica?.resumeReplay()
  await over('ReplicationLag')
})

test('each has fired once, and is over', async () => {
  const found = (await daemon.alerts.history({ limit: 200 })).filter(({ rule }) => names.includes(rule))
  expect(found.map(({ rule, state }) => `${rule} ${state}`).toSorted()).toEqual(
    names.map((rule) => `${rule} resolved`).toSorted(),
  )
  expect(found.flatMap(({ actions }) => actions.map(({ state }) => state)).every((state) => state === 'done')).toBe(
    true,
  )
  expect(operations.posted.filter(({ path }) => path === '/replicas')).toHaveLength(1)
})
