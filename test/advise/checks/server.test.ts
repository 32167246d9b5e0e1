// Each check on the server as a whole finds its situation, on servers of its own: settings that damage data, an archive that takes
// nothing, slots and replicas, prepared transactions, pages that do not match their checksum.

import { open, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asOther } from '../../../src/advise/ask-node.ts'
import { countedFrom } from '../../../src/advise/checks/tools/counting.ts'
import { placesFor } from '../../../src/advise/checks/statements-evicted.ts'
import type { Finding, OtherNode } from '../../../src/advise/model.ts'
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
    // Not counted for an hour, nothing follows from it.
    expect(await ask(db, 'statements-evicted')).toEqual([])
    const found = about(await ask(db, 'statements-evicted', { limits: everything }), 'pg_stat_statements.max')
    const evictionsPerHour = Number(found.evidence['evictionsPerHour'])
    expect(found.fix).toEqual([
      `alter system set pg_stat_statements.max = ${placesFor({ places: 100, evictionsPerHour }) ?? 'too many'}`,
    ])
    await run(db, [...found.fix, ...found.undo])
  })

  test('statements-evicted: what was stored before the server was started is of fewer places', async () => {
    await db.query(sql`
      create schema pgstrata;
      create table pgstrata.watch_metric (at timestamptz, node text, metric text, labels text, value float8);
      insert into pgstrata.watch_metric
      select pg_postmaster_start_time() + i * interval '1 min', 'primary', m.metric, m.labels, m.each
      from generate_series(-70, -1) i
      cross join (values ('pgstrata_transactions_total', '["commit"]', 10), ('pgstrata_statements_evicted_total', '[]', 1)) m (metric, labels, each)`)
    try {
      expect(await ask(db, 'statements-evicted')).toEqual([])
    } finally {
      await db.query(sql`drop schema pgstrata cascade`)
    }
  })

  test('counted since: a database is not older than it is, however long the catalogs of the whole cluster were read', async () => {
    await run(db, ['vacuum pg_authid', 'vacuum pg_database', 'select from pg_authid order by rolname'])
    const counted = await db.query<{ at: string }>(sql`select clock_timestamp()::text as at`)
    const at = counted.rows[0]?.at ?? ''
    // Times of files are of whole seconds, by a clock that is up to a tick behind.
    const isLater = sql`select where clock_timestamp() > date_trunc('second', ${at}::timestamptz) + interval '1.1 s'`
    await waitUntil(async () => (await db.query(isLater)).rows.length === 1, { what: 'the next second' })
    await db.query(sql`create database yesterday`)
    const young = openDb({ url: cluster.primary.url('yesterday'), max: 1 })
    try {
      const { rows } = await young.query<{ isYounger: boolean }>(
        sql`select coalesce(${countedFrom(version)} > ${at}::timestamptz, true) as "isYounger"`,
      )
      expect(rows).toEqual([{ isYounger: true }])
    } finally {
      await young.close()
      await db.query(sql`drop database yesterday`)
    }
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
    // Nobody reads it, but not for long: its consumer may come back.
    expect(about(await ask(db, 'inactive-slot'), 'slot left_behind')).toMatchObject({
      fix: [],
      advice: expect.stringContaining('Start its consumer again'),
    })
    if (version >= 17) await mendAndBack(db, 'inactive-slot', 'slot left_behind', { limits: everything })
    else await db.query(sql`select pg_drop_replication_slot('left_behind')`)
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
    const limits = { warn: 0.2, critical: 2, least: 5, leastHours: 0 }
    await waitUntil(async () => (await ask(db, 'checkpoints-requested', { limits })).length === 1, {
      what: 'they are counted',
    })
    // Not for an hour, so nothing follows from it.
    expect(await ask(db, 'checkpoints-requested', { limits: { ...limits, leastHours: 1 } })).toEqual([])
    const found = (): Promise<Finding> =>
      ask(db, 'checkpoints-requested', { limits }).then((all) => about(all, 'max_wal_size'))
    const setting = async (): Promise<unknown> => (await found()).evidence['maxWalSizeBytes']
    await run(db, [`alter system set max_wal_size = '32MB'`, 'select pg_reload_conf()'])
    await waitUntil(async () => (await setting()) === 32 * 1_048_576, { what: 'it is small' })
    const small = await found()
    expect(small.fix[0]).toMatch(/^alter system set max_wal_size = '\d+MB'$/)
    expect(small.undo).toEqual([`alter system set max_wal_size = '32MB'`, 'select pg_reload_conf()'])
    await run(db, small.fix)
    await waitUntil(async () => (await setting()) !== 32 * 1_048_576, { what: 'it is large' })
    // What was counted is the same: it is not raised again.
    expect(await found()).toMatchObject({ fix: [], advice: expect.stringContaining('it comes in bursts') })
    await run(db, ['alter system reset max_wal_size', 'select pg_reload_conf()'])
    await db.query(
      version < 17 ? sql`select pg_stat_reset_shared('bgwriter')` : sql`select pg_stat_reset_shared('checkpointer')`,
    )
    await waitUntil(async () => (await ask(db, 'checkpoints-requested', { limits })).length === 0, {
      what: 'counted anew',
    })
  })

  test('unused-index: a standby that nobody asked may be the one that reads it', async () => {
    await script(db, `create table unread (a int); create index unread_a on unread (a); insert into unread values (1);`)
    const own = async (others: readonly OtherNode[]): Promise<Finding> =>
      about(await ask(db, 'unused-index', { limits: everything, others }), 'index public.unread_a')
    const [replica] = cluster.replicas
    if (replica === undefined) throw new Error('There is no replica')
    const there = openDb({ url: replica.url(), max: 1 })
    const node = asOther({ name: 'replica-1', db: there, isReplica: true })
    expect(await own([])).toMatchObject({ fix: [], evidence: { standbysNotAsked: 1 } })
    await waitUntil(
      async () => (await there.query(sql`select from pg_class where relname = 'unread_a'`)).rows.length === 1,
      { what: 'the replica has it' },
    )
    expect((await own([node])).fix).toEqual(['drop index concurrently "public"."unread_a"'])
    await script(there, `set enable_seqscan = off; select from unread where a = 1;`)
    await waitUntil(
      async () =>
        !subjects(await ask(db, 'unused-index', { limits: everything, others: [node] })).includes(
          'index public.unread_a',
        ),
      { what: 'it is seen that the replica reads it' },
    )
    await there.close()
  })

  test('unused-index: a standby of a replica may be the one that reads it', async () => {
    await script(db, `create table cascaded (a int); create index cascaded_a on cascaded (a);`)
    const node = (feeds: number, isFed = true): OtherNode => ({
      name: 'replica-1',
      isReplica: true,
      ask: async <Row extends object>() =>
        await Promise.resolve([
          { oid: 0, scans: 0, days: 1, standbys: feeds, isFed },
        ] as readonly object[] as readonly Row[]),
    })
    const own = async (other: OtherNode): Promise<Finding> =>
      about(await ask(db, 'unused-index', { limits: everything, others: [other] }), 'index public.cascaded_a')
    expect((await own(node(0))).fix).toHaveLength(1)
    expect(await own(node(1))).toMatchObject({ fix: [], evidence: { standbysNotAsked: 1 } })
    // That one reads an archive, so whom the primary feeds is somebody else.
    expect(await own(node(0, false))).toMatchObject({ fix: [], evidence: { standbysNotAsked: 1 } })
  })

  test('unused-index: how old an index is, the file of its transaction proves', async () => {
    await script(
      db,
      `create table proven (a int); insert into proven values (1); create index proven_a on proven (a); analyze proven;`,
    )
    const [replica] = cluster.replicas
    if (replica === undefined) throw new Error('There is no replica')
    const there = openDb({ url: replica.url(), max: 1 })
    const limits = { warn: 0, critical: Infinity, least: 0, leastHours: 1e-9 }
    const others = [asOther({ name: 'replica-1', db: there, isReplica: true })]
    const own = async (): Promise<Finding> =>
      about(await ask(db, 'unused-index', { limits, others }), 'index public.proven_a')
    expect((await own()).fix).toEqual([])
    await db.query(sql`insert into proven values (2)`)
    await db.query(sql`checkpoint`)
    const month = new Date(Date.now() - 30 * 86_400_000)
    await utimes(join(cluster.primary.dataDir, 'pg_xact', '0000'), month, month)
    const found = await own()
    expect(found).toMatchObject({ gravity: 'warn', fix: ['drop index concurrently "public"."proven_a"'] })
    // It is there for a month, and counted for no longer than the server runs.
    expect(found.evidence['days']).toBeGreaterThan(0)
    expect(found.evidence['days']).toBeLessThan(1)
    // One that is made now stands in the same file, and the file says nothing of it.
    await db.query(sql`create index proven_b on proven ((a + 1))`)
    const young = about(await ask(db, 'unused-index', { limits, others }), 'index public.proven_b')
    expect(young).toMatchObject({ fix: [], evidence: { countedDays: expect.any(Number) } })
    await there.close()
  })

  test.each(version < 17 ? [] : [version])('a server may allow no ALTER SYSTEM (%i)', async () => {
    const path = join(cluster.primary.dataDir, 'postgresql.conf')
    const before = await readFile(path, 'utf8')
    const timing = async (): Promise<Finding> => about(await ask(db, 'io-timing-off'), 'track_io_timing')
    try {
      await writeFile(path, `${before}\nallow_alter_system = off\n`)
      await run(db, ['select pg_reload_conf()'])
      await waitUntil(async () => (await timing()).fix[0]?.startsWith('alter system') === false, {
        what: 'it is not allowed',
      })
      expect((await timing()).fix).toEqual([`alter database "postgres" set track_io_timing = on`])
      expect(about(await ask(db, 'unsafe-settings'), 'fsync')).toMatchObject({
        fix: [],
        advice: expect.stringContaining("provider's parameter group"),
      })
    } finally {
      await writeFile(path, before)
      await run(db, ['select pg_reload_conf()'])
    }
    await waitUntil(async () => (await timing()).fix[0]?.startsWith('alter system') === true, { what: 'it is allowed' })
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
