// What takes a whole server to show: a restart between two looks, statistics set back, a full table of statements, and replicas
// that are behind.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import type { Db } from '../../../src/db/db.ts'
import { startCluster, type EmbeddedCluster } from '../../../src/embedded/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import { createAgenda } from '../../../src/watch/sampler/agenda.ts'
import type { Series } from '../../../src/watch/index.ts'
import { createPositions } from '../../../src/watch/probes/positions.ts'
import { createReplicationProbe } from '../../../src/watch/probes/replication.ts'
import { createStatementsProbe } from '../../../src/watch/probes/statements.ts'
import { walProbe } from '../../../src/watch/probes/wal.ts'
import { waitUntil } from '../../support/wait.ts'
import { ask, run } from '../support.ts'

let cluster: EmbeddedCluster
let db: Db
let replicaDb: Db

beforeAll(async () => {
  cluster = await startCluster({
    replicas: 1,
    inMemory: true,
    preload: ['pg_stat_statements'],
    settings: { 'pg_stat_statements.max': '100', autovacuum: 'off' },
  })
  db = openDb({ url: cluster.primary.url() })
  replicaDb = openDb({ url: cluster.replicas[0]?.url() ?? '' })
  await run(db, 'create extension pg_stat_statements', 'create table written (n int, text text)')
}, 60_000)

afterAll(async () => {
  await replicaDb.close()
  await db.close()
  await cluster.stop()
})

const write = `insert into written select g, repeat('x', 100) from generate_series(1, 1000) g`

/** In one session, which tells at once what it did. */
async function counted(...statements: readonly string[]): Promise<void> {
  await db.withSession(async (session) => {
    for (const statement of [...statements, 'select pg_stat_force_next_flush()', 'select 1']) {
      await session.query(sql.raw(statement))
    }
  })
}

test('a replica that stands still is late by what it has not shown, in bytes and in time', async () => {
  const probe = createReplicationProbe({ clock: systemClock, asksReplicas: true })
  const look = async (): Promise<{ readonly bytes: number | undefined; readonly seconds: number | undefined }> => {
    await ask(db, probe)
    const { valueOf } = await ask(replicaDb, probe, { node: 'replica-1' })
    return {
      bytes: valueOf('pgstrata_replica_lag_bytes', 'replica-1'),
      seconds: valueOf('pgstrata_replica_lag_seconds', 'replica-1'),
    }
  }
  const [replica] = cluster.replicas
  await replica?.waitFor()
  await waitUntil(async () => (await look()).bytes === 0, { what: 'a replica that is not behind' })
  expect((await look()).seconds).toBe(0)
  await replica?.pauseReplay()
  try {
    await run(db, write)
    const before = await look()
    expect(before.bytes).toBeGreaterThan(50_000)
    const after = await waitUntil(
      async () => {
        const now = await look()
        return (now.seconds ?? 0) > 0.2 ? now : undefined
      },
      { what: 'that its lag grows' },
    )
    expect(after.seconds).toBeGreaterThan(before.seconds ?? 0)
    const { detail } = await ask(replicaDb, probe, { node: 'replica-1' })
    expect(detail).toMatchObject({ paused: true })
  } finally {
    await replica?.resumeReplay()
  }
  await waitUntil(async () => (await look()).seconds === 0, { what: 'that it has caught up' })
})

test('where no replica is configured, the primary tells of those it feeds', async () => {
  const probe = createReplicationProbe({ clock: systemClock, asksReplicas: false })
  await cluster.replicas[0]?.waitFor()
  const { points, detail } = await ask(db, probe)
  expect(points).toHaveLength(2)
  const [replica] = points[0]?.labels ?? []
  expect(detail).toMatchObject({ standbys: [{ replica, state: 'streaming' }] })
})

test('over a restart of the server, and over statistics set back, counters add nothing', async () => {
  const agenda = createAgenda({
    node: 'primary',
    probes: [walProbe],
    everyMs: () => 60_000,
    clock: systemClock,
    random: () => 0,
  })
  const [errand] = agenda.errands
  const look = async (): Promise<Series | undefined> => {
    expect.assert(errand !== undefined)
    const { series } = agenda.answered(errand, await ask(db, walProbe), 1)
    return series.find(({ metric }) => metric.name === 'pgstrata_wal_bytes_total')
  }
  expect((await look())?.perSecond).toBe(undefined)
  await counted(write)
  expect((await look())?.perSecond).toBeGreaterThan(0)
  await cluster.primary.stop('fast')
  await cluster.primary.start()
  // The pool finds out that its connections are gone.
  await counted(write).catch(() => counted(write))
  expect((await look())?.perSecond).toBe(undefined)
  await counted(write)
  expect((await look())?.perSecond).toBeGreaterThan(0)
  await counted(write, `select pg_stat_reset_shared('wal')`, write)
  expect((await look())?.perSecond).toBe(undefined)
  await counted(write)
  expect((await look())?.perSecond).toBeGreaterThan(0)
})

test('statements that were pushed out of a full table are told as forgotten; after a reset nothing is made up', async () => {
  const probe = createStatementsProbe()
  const before = await ask(db, probe)
  for (let index = 0; index < 250; index++) await db.query(sql.raw(`select 1${', 1'.repeat(index)}`))
  const full = await ask(db, probe)
  const evicted = (asked: typeof full): number => asked.valueOf('pgstrata_statements_evicted_total') ?? -1
  expect(evicted(full)).toBeGreaterThan(evicted(before))
  await db.query(sql`select pg_stat_statements_reset()`)
  await db.query(sql`select 'after the reset'`)
  const after = await ask(db, probe)
  expect(after.epoch).not.toBe(full.epoch)
  expect(after.statements).toEqual([])
  await db.query(sql`select 'after the reset'`)
  expect((await ask(db, probe)).statements?.length).toBeGreaterThan(0)
})

test('of a replica nothing is said before the primary was asked, and positions of another primary are forgotten', async () => {
  const unasked = createReplicationProbe({ clock: systemClock, asksReplicas: true })
  expect((await ask(replicaDb, unasked, { node: 'r' })).points).toEqual([])
  const positions = createPositions()
  expect(positions.behind(5n, 0)).toBe(undefined)
  positions.note(100n, 1_000)
  positions.note(100n, 2_000)
  positions.note(200n, 3_000)
  expect(positions.behind(200n, 9_000)).toEqual({ leastMs: 0, mostMs: 0, bytes: 0 })
  expect(positions.behind(150n, 9_000)).toEqual({ leastMs: 6_000, mostMs: 7_000, bytes: 50 })
  expect(positions.behind(50n, 9_000)).toEqual({ leastMs: 8_000, mostMs: 8_000, bytes: 150 })
  positions.note(60n, 10_000)
  expect(positions.behind(50n, 11_000)).toEqual({ leastMs: 1_000, mostMs: 1_000, bytes: 10 })
})
