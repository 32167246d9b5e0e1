// Each check on the server as a whole finds its situation, on servers of its own: settings that damage data, an archive that takes
// nothing, slots and replicas, prepared transactions, pages that do not match their checksum.

import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Db } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { startCluster, type EmbeddedCluster } from '../../../src/embedded/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import { versions } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { about, ask, everything, mendAndBack, run, script, subjects } from './support.ts'

describe.each(versions)('checks on the server on PostgreSQL %i', (version) => {
  let cluster: EmbeddedCluster
  let db: Db

  beforeAll(async () => {
    cluster = await startCluster({
      version,
      inMemory: true,
      replicas: 1,
      preload: ['pg_stat_statements'],
      settings: {
        'pg_stat_statements.max': '100',
        archive_mode: 'on',
        archive_command: 'false',
        max_prepared_transactions: '4',
        checkpoint_timeout: '1h',
      },
    })
    db = openDb({ url: cluster.primary.url(), max: 2 })
  })
  afterAll(async () => {
    await db.close()
    await cluster.stop()
  })

  test('statements-missing: until it is installed', async () => {
    await mendAndBack(db, 'statements-missing', 'pg_stat_statements')
    await db.query(sql`create extension pg_stat_statements`)
    expect(await ask(db, 'statements-missing')).toEqual([])
  })

  test('statements-evicted: once there is no place for all', async () => {
    expect(await ask(db, 'statements-evicted')).toEqual([])
    for (let columns = 1; columns <= 130; columns += 1)
      await db.query(sql.raw(`select ${Array.from({ length: columns }, (_, n) => n).join(', ')}`))
    const found = about(await ask(db, 'statements-evicted'), 'pg_stat_statements.max')
    expect(found.fix).toEqual(['alter system set pg_stat_statements.max = 200'])
    await run(db, [...found.fix, ...found.undo])
  })

  test('unsafe-settings: those of a cluster for tests are; taken back, they are safe', async () => {
    expect(subjects(await ask(db, 'unsafe-settings')).toSorted()).toEqual(['fsync', 'full_page_writes'])
    for (const name of ['fsync', 'full_page_writes']) {
      const found = about(await ask(db, 'unsafe-settings'), name)
      await run(db, found.fix)
      await waitUntil(async () => !subjects(await ask(db, 'unsafe-settings')).includes(name), { what: `${name} is on` })
      await run(db, found.undo)
      await waitUntil(async () => subjects(await ask(db, 'unsafe-settings')).includes(name), { what: `${name} is off` })
    }
  })

  test('autovacuum-off for the server, io-timing-off and pending-restart', async () => {
    expect(await ask(db, 'autovacuum-off')).toEqual([])
    expect(await ask(db, 'pending-restart')).toEqual([])
    await run(db, [
      'alter system set autovacuum = off',
      'alter system set max_connections = 77',
      'select pg_reload_conf()',
    ])
    await waitUntil(async () => subjects(await ask(db, 'autovacuum-off')).includes('autovacuum'), { what: 'it is off' })
    expect(about(await ask(db, 'pending-restart'), 'max_connections').gravity).toBe('note')
    await run(db, ['alter system reset max_connections', ...about(await ask(db, 'autovacuum-off'), 'autovacuum').fix])
    await waitUntil(async () => (await ask(db, 'autovacuum-off')).length === 0, { what: 'it is on' })
    await waitUntil(async () => (await ask(db, 'pending-restart')).length === 0, { what: 'nothing waits' })
    const timing = about(await ask(db, 'io-timing-off'), 'track_io_timing')
    await run(db, timing.fix)
    await waitUntil(async () => (await ask(db, 'io-timing-off')).length === 0, { what: 'it is timed' })
    await run(db, timing.undo)
    await waitUntil(async () => (await ask(db, 'io-timing-off')).length === 1, { what: 'it is not timed' })
  })

  test('prepared-transactions and xmin-horizon: rolled back', async () => {
    await db.query(sql`create table prepared (a int)`)
    await db.withSession(async (session) => {
      await session.query(sql`begin`)
      await session.query(sql`insert into prepared values (1)`)
      await session.query(sql`prepare transaction 'It''s left'`)
    })
    expect(await ask(db, 'prepared-transactions')).toEqual([])
    expect(await ask(db, 'xmin-horizon')).toEqual([])
    const subject = "prepared transaction It's left"
    const horizon = about(await ask(db, 'xmin-horizon', { limits: everything }), subject)
    const found = about(await ask(db, 'prepared-transactions', { limits: everything }), subject)
    expect(found.fix).toEqual(horizon.fix)
    await run(db, found.fix)
    expect(await ask(db, 'prepared-transactions', { limits: everything })).toEqual([])
    expect(subjects(await ask(db, 'xmin-horizon', { limits: everything }))).not.toContain(subject)
  })

  test('xmin-horizon: a session with an old snapshot is ended', async () => {
    const other = openDb({ url: cluster.primary.url(), max: 1 })
    await other.withSession(async (session) => {
      await session.query(sql`begin isolation level repeatable read`)
      await session.query(sql`select 1`)
      const subject = `session ${session.pid}`
      const found = about(await ask(db, 'xmin-horizon', { limits: everything }), subject)
      await run(db, found.fix)
      await waitUntil(async () => !subjects(await ask(db, 'xmin-horizon', { limits: everything })).includes(subject), {
        what: 'it is gone',
      })
    })
    await other.close()
  })

  test('archive-failures: what does not come through', async () => {
    await db.query(sql`select pg_switch_wal()`)
    await waitUntil(async () => (await ask(db, 'archive-failures')).length === 1, {
      what: 'the archiver has failed',
      timeoutMs: 20_000,
    })
    expect(about(await ask(db, 'archive-failures'), 'archive_command').evidence['segment']).toMatch(/^[0-9A-F]{24}$/)
    await run(db, [`alter system set archive_command = 'true'`, 'select pg_reload_conf()'])
    await db.query(sql`select pg_switch_wal()`)
    await waitUntil(async () => (await ask(db, 'archive-failures')).length === 0, {
      what: 'it comes through',
      timeoutMs: 90_000,
    })
  }, 100_000)

  test('inactive-slot and slot-retention: against what it may keep', async () => {
    expect(await ask(db, 'inactive-slot')).toEqual([])
    await db.query(sql`select pg_create_physical_replication_slot('left_behind', true)`)
    expect(about(await ask(db, 'inactive-slot'), 'slot left_behind').gravity).toBe('warn')
    await script(
      db,
      `create table wal (pad text); insert into wal select repeat('x', 1000) from generate_series(1, 2000)`,
    )
    const limits = { warn: 0.000_01, critical: 0.8, least: 0 }
    expect(await ask(db, 'slot-retention')).toEqual([])
    const kept = about(await ask(db, 'slot-retention', { limits }), 'slot left_behind')
    expect(kept.evidence['retainedBytes']).toBeGreaterThan(1_000_000)
    expect(
      about(await ask(db, 'inactive-slot', { limits: { warn: 0, critical: 1_000_000, least: 0 } }), 'slot left_behind')
        .gravity,
    ).toBe('critical')
    await mendAndBack(db, 'inactive-slot', 'slot left_behind')
    expect(subjects(await ask(db, 'slot-retention', { limits }))).not.toContain('slot left_behind')
  })

  test('replica-lag and standby-missing: a replica that does not replay, and one that is not there', async () => {
    const [replica] = cluster.replicas
    if (replica === undefined) throw new Error('There is no replica')
    const there = openDb({ url: replica.url(), max: 1 })
    const node = { name: 'replica-1', isReplica: true, ask: () => Promise.resolve([]) }
    expect(await ask(db, 'replica-lag')).toEqual([])
    expect(await ask(db, 'standby-missing', { others: [node] })).toEqual([])
    expect(subjects(await ask(db, 'standby-missing', { others: [node, { ...node, name: 'replica-2' }] }))).toEqual([
      'replicas',
    ])
    const limits = { warn: 500_000, critical: 1e9, least: 0 }
    await there.query(sql`select pg_wal_replay_pause()`)
    await script(db, `insert into wal select repeat('y', 1000) from generate_series(1, 2000)`)
    await waitUntil(async () => (await ask(db, 'replica-lag', { limits })).length === 1, { what: 'it is behind' })
    await there.query(sql`select pg_wal_replay_resume()`)
    await waitUntil(async () => (await ask(db, 'replica-lag', { limits })).length === 0, { what: 'it has caught up' })
    await there.close()
    await run(db, [`alter system set synchronous_standby_names = 'nobody'`, 'select pg_reload_conf()'])
    await waitUntil(async () => subjects(await ask(db, 'standby-missing')).includes('synchronous_standby_names'), {
      what: 'it is missing',
    })
    await run(db, ['alter system reset synchronous_standby_names', 'select pg_reload_conf()'])
    await waitUntil(async () => (await ask(db, 'standby-missing')).length === 0, { what: 'nobody is waited for' })
  })

  test('checkpoints-requested: those before their time', async () => {
    expect(await ask(db, 'checkpoints-requested')).toEqual([])
    for (let n = 0; n < 5; n += 1) await script(db, `insert into wal values ('z'); checkpoint;`)
    const limits = { warn: 0.2, critical: 2, least: 5 }
    await waitUntil(async () => (await ask(db, 'checkpoints-requested', { limits })).length === 1, {
      what: 'they are counted',
    })
    const found = about(await ask(db, 'checkpoints-requested', { limits }), 'max_wal_size')
    await run(db, [...found.fix, ...found.undo])
    await db.query(
      version < 17 ? sql`select pg_stat_reset_shared('bgwriter')` : sql`select pg_stat_reset_shared('checkpointer')`,
    )
    await waitUntil(async () => (await ask(db, 'checkpoints-requested', { limits })).length === 0, {
      what: 'counted anew',
    })
  })

  // Before 18 a cluster has no checksums unless it is asked for: nothing is noticed then, and nothing claimed.
  test.each(version < 18 ? [] : [version])('checksum-failures: a page that is not what was written (%i)', async () => {
    expect(await ask(db, 'checksum-failures')).toEqual([])
    await db.query(sql`create database whole`)
    const whole = openDb({ url: cluster.primary.url('whole'), max: 1 })
    await script(
      whole,
      `create table page (a text); insert into page select repeat('x', 100) from generate_series(1, 100)`,
    )
    const { rows } = await whole.query<{ path: string }>(sql`select pg_relation_filepath('page') as path`)
    await whole.close()
    await db.query(sql`checkpoint`)
    await damage(join(cluster.primary.dataDir, rows[0]?.path ?? ''))
    // The copy is made of files, so nothing of it is in memory yet.
    await db.query(sql`create database broken template whole strategy file_copy`)
    const broken = openDb({ url: cluster.primary.url('broken'), max: 1 })
    await expect(broken.query(sql`select count(*) from page`)).rejects.toMatchObject({ code: 'XX001' })
    await broken.close()
    const found = await waitUntil(async () => (await ask(db, 'checksum-failures'))[0], { what: 'it is counted' })
    expect(found).toMatchObject({ gravity: 'critical', subject: 'database broken', evidence: { failures: 1 } })
    await run(db, ['drop database broken', 'drop database whole'])
    expect(await ask(db, 'checksum-failures')).toEqual([])
  })
})

async function damage(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.write(Buffer.from('damaged'), 0, 7, 8_000)
  } finally {
    await file.close()
  }
}
