// What a monitor says of the database is true, and other where the situation is another.

import { describe, expect, onTestFinished, test } from 'vitest'
import { onlyRow } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, testDatabase, useDatabase, type TestDatabase } from '../../support/postgres.ts'
import { startPgBouncer } from '../../support/pgbouncer.ts'
import { waitUntil } from '../../support/wait.ts'
import { openMonitored, openPool, poolKinds, watchPool } from './support.ts'

async function prepare({ db }: TestDatabase): Promise<void> {
  await db.query(sql`
    create schema "Odd.One";
    create table "Odd.One"."My Table" (id int primary key, word text);
    create table "Mixed" (id int);
    create table "a.b" (id int);
    create view some_view as select 1 as n;
    insert into "Odd.One"."My Table" select n, 'w' from generate_series(1, 500) n;
    insert into "Mixed" select n from generate_series(1, 500) n;
    delete from "Mixed";
    select pg_stat_force_next_flush()`)
}

describeOnEachVersion(
  'a database',
  (version, database) => {
    test('is told of by its size, its connections and its version', async () => {
      const { monitor } = openMonitored(database().url)
      const more = openMonitored(database().url, { max: 3 })
      const clients = await Promise.all([more.pool.connect(), more.pool.connect(), more.pool.connect()])
      const info = await monitor.getDatabaseInfo()
      expect(info).toMatchObject({ database: database().name, max_connections: 200, active_connections: 0 })
      expect(info.version.startsWith(String(version))).toBe(true)
      expect(info.size_bytes).toBeGreaterThan(5_000_000)
      for (const client of clients) client.release(true)
      await waitUntil(async () => (await monitor.getDatabaseInfo()).connections === info.connections - 3, {
        what: 'three connections fewer',
      })
    })

    test('has the hit ratios of its tables and indexes, which are null where nothing was read', async () => {
      const fresh = await testDatabase(version)
      const { db, url } = fresh
      onTestFinished(() => fresh.close())
      const { monitor } = openMonitored(url)
      onTestFinished(() => monitor.close())
      expect(await monitor.getCacheHitRatio()).toMatchObject({ tableHitRatio: null, indexHitRatio: null })
      await db.query(sql`
        create table t as select n from generate_series(1, 2000) n;
        create index t_n on t (n);
        set enable_seqscan = off;
        select * from t where n = 7;
        reset enable_seqscan`)
      await db.query(sql`select pg_stat_force_next_flush()`)
      const found = await monitor.getCacheHitRatio()
      const { rows } = await db.query(sql`
        select round(100.0 * heap_blks_hit / (heap_blks_hit + heap_blks_read), 2)::float8 as "tableHitRatio",
          round(100.0 * idx_blks_hit / (idx_blks_hit + idx_blks_read), 2)::float8 as "indexHitRatio"
        from pg_statio_user_tables where relname = 't'`)
      expect(found).toMatchObject(onlyRow({ rows, rowCount: 1 }))
      expect(found.cacheHitRatio).toBeGreaterThan(50)
    })

    test('tells of what has been running for long: a blocked statement and the transaction it waits for', async () => {
      const { monitor } = openMonitored(database().url)
      const [holder, blocked] = [1, 2].map(() => openDb({ url: database().url, max: 1, applicationName: 'scripted' }))
      onTestFinished(async () => void (await Promise.all([holder?.close(), blocked?.close()])))
      expect(await monitor.getLongRunningQueries(0)).toEqual([])
      await holder?.withSession(async (session) => {
        await session.query(sql`begin; update "Odd.One"."My Table" set word = 'geheim' where id = 1`)
        const waits = blocked?.query(sql`update "Odd.One"."My Table" set word = 'secret' where id = 1`)
        const found = await waitUntil(
          async () => {
            const running = await monitor.getLongRunningQueries(0)
            return running.length === 2 && running.every(({ state }) => state !== 'idle') ? running : undefined
          },
          { what: 'two that run' },
        )
        const waiting = found.find(({ wait_event_type: type }) => type === 'Lock')
        expect(waiting).toMatchObject({
          query: 'update "Odd.One"."My Table" set word = $1 where id = $2',
          state: 'active',
          application_name: 'scripted',
          blocked_by: [session.pid],
        })
        expect(found.find(({ pid }) => pid === session.pid)).toMatchObject({
          state: 'idle in transaction',
          blocked_by: [],
        })
        expect(JSON.stringify(found)).not.toMatch(/geheim|secret/)
        expect(await monitor.getLongRunningQueries(60_000)).toEqual([])
        await session.query(sql`rollback`)
        await waits
      })
    })

    test('says of which sessions it may not tell, and tells of its own', async () => {
      const { db, name, url } = database()
      const role = `${name}_app`
      await db.query(sql`create role ${sql.ident(role)} login`)
      onTestFinished(() => db.query(sql`drop role ${sql.ident(role)}`).then(() => undefined))
      const asRole = new URL(url)
      asRole.username = role
      const { pool, monitor } = openMonitored(asRole.href)
      const client = await pool.connect()
      await client.query('begin; select 7')
      await db.withSession(async (session) => {
        await session.query(sql`begin; select 8`)
        const found = await monitor.getLongRunningQueries(0)
        expect(found.map(({ usename, state }) => [usename, state])).toEqual([[role, 'idle in transaction']])
        expect(found.unavailable).toBe(
          `not available because role "${role}" may not see the sessions of others: grant pg_monitor to it`,
        )
        await db.query(sql`grant pg_monitor to ${sql.ident(role)}`)
        const all = await monitor.getLongRunningQueries(0)
        expect(all.map(({ pid }) => pid)).toContain(session.pid)
        expect(all.unavailable).toBe(undefined)
        await session.query(sql`rollback`)
      })
      await client.query('rollback')
      client.release()
      await pool.end()
    })
  },
  prepare,
)

describe.each(poolKinds)('upkeep by %s', (kind) => {
  const database = useDatabase(18, prepare)

  interface Upkeep {
    readonly analyzed: number
    readonly vacuumed: number
    readonly dead: number
  }
  const upkeepOf = async (table: string): Promise<Upkeep | undefined> => {
    const { rows } = await database().db.query<Upkeep>(sql`
      select analyze_count::int as analyzed, vacuum_count::int as vacuumed, n_dead_tup::int as dead
      from pg_stat_user_tables where relname = ${table}`)
    return rows[0]
  }

  test('finds a table by its exact name, or by its parts', async () => {
    const { monitor } = openMonitored(database().url, { kind })
    const before = { mixed: await upkeepOf('Mixed'), odd: await upkeepOf('My Table'), dotted: await upkeepOf('a.b') }
    expect(await monitor.vacuumTable('Mixed')).toMatchObject({ table: '"public"."Mixed"' })
    expect(await monitor.analyzeTable(['Odd.One', 'My Table'])).toMatchObject({ table: '"Odd.One"."My Table"' })
    await monitor.analyzeTable('a.b')
    await waitUntil(async () => (await upkeepOf('a.b'))?.analyzed === 1, { what: 'statistics of the last one' })
    expect({ mixed: await upkeepOf('Mixed'), odd: await upkeepOf('My Table') }).toEqual({
      mixed: { analyzed: 1, vacuumed: 1, dead: 0 },
      odd: { ...before.odd, analyzed: 1 },
    })
  })

  test.each([
    ['mixed', 'Names are exact'],
    ['Odd.One.My Table', 'give the parts'],
    [['Odd.One', 'none'], 'Names are exact'],
    ['some_view', 'Names are exact'],
    ['songs; drop table "Mixed"', 'Names are exact'],
  ] as const)('refuses %s, and says how names are given', async (name, advice) => {
    const { monitor } = openMonitored(database().url, { kind })
    await expect(monitor.analyzeTable(name)).rejects.toMatchObject({
      code: 'TABLE_UNKNOWN',
      advice: expect.stringContaining(advice),
    })
    expect(await upkeepOf('Mixed')).toBeDefined()
  })

  test('leaves the settings of the connection as they were, and none of them ends it', async () => {
    const { pool, monitor } = openMonitored(database().url, { kind, max: 1 })
    const client = await pool.connect()
    await client.query(`create table paced_${kind.length} as select n from generate_series(1, 2000) n`)
    // Nine pages, each of which takes its time.
    await client.query("set vacuum_cost_limit = 1; set vacuum_cost_delay = '60ms'")
    await client.query("set lock_timeout = '7s'; set statement_timeout = '400ms'")
    client.release()
    const { tookMs } = await monitor.vacuumTable(`paced_${kind.length}`)
    expect(tookMs).toBeGreaterThan(400)
    await monitor.analyzeTable(`paced_${kind.length}`)
    const { rows } = await pool.query(
      "select current_setting('lock_timeout') as lock, current_setting('statement_timeout') as statement",
    )
    expect(rows).toEqual([{ lock: '7s', statement: '400ms' }])
  })

  test('through a pooler: ANALYZE leaves nothing behind, VACUUM is refused, or goes the direct way', async () => {
    const bouncer = await startPgBouncer(database().url, 'transaction')
    const through = openPool(kind, bouncer.url, 1)
    try {
      const monitor = watchPool(through)
      await monitor.analyzeTable('Mixed')
      await expect(monitor.vacuumTable('Mixed')).rejects.toMatchObject({
        code: 'DATABASE_POOLER',
        advice: expect.stringContaining('direct'),
      })
      const before = await upkeepOf('Mixed')
      const db = openDb({ url: database().url, max: 1 })
      onTestFinished(() => db.close())
      for (const direct of [db, openPool(kind, database().url, 1)]) {
        await watchPool(through, { direct }).vacuumTable('Mixed')
      }
      await waitUntil(async () => (await upkeepOf('Mixed'))?.vacuumed === (before?.vacuumed ?? 0) + 2, {
        what: 'two vacuums',
      })
      expect((await through.query('show lock_timeout')).rows).toEqual([{ lock_timeout: '0' }])
      const { rows } = await db.query(sql`show lock_timeout`)
      expect(rows).toEqual([{ lock_timeout: '0' }])
    } finally {
      await through.end()
      await bouncer.close()
    }
  })
})

describe('warnings about the server', () => {
  const database = useDatabase(18, prepare)

  test('a cache that has to read is told of, one that has everything is not', async () => {
    const { monitor } = openMonitored(database().url)
    const { db } = database()
    const told: object[] = []
    monitor.on('cacheWarning', (warning) => void told.push(warning))
    await db.query(sql`
      create extension pg_buffercache;
      create table large as select n, repeat('x', 500) as filler from generate_series(1, 40000) n;
      checkpoint`)
    const read = async (): Promise<void> => {
      await db.query(sql`select count(*) from large`)
      await db.query(sql`select pg_stat_force_next_flush()`)
      await monitor.check()
    }
    await read()
    await read()
    expect(told).toEqual([])
    await db.query(sql`select pg_buffercache_evict_relation('large')`)
    await read()
    expect(told).toMatchObject([{ threshold: 90, cacheHitRatio: expect.any(Number) }])
    expect((told[0] as { cacheHitRatio: number }).cacheHitRatio).toBeLessThan(50)
  })

  test('a threshold that is misspelt or out of reach is refused, and none is changed', () => {
    const { monitor } = openMonitored(database().url)
    expect(() => monitor.setThresholds({ slowQueryMs: 7, slowQuerySeconds: 1 } as object)).toThrow(
      expect.objectContaining({ code: 'VALUE_INVALID', message: expect.stringContaining('slowQueryMs, connection') }),
    )
    expect(() => monitor.setThresholds({ connectionPoolWarning: 101 })).toThrow('a number from 0 to 100')
    expect(() => monitor.setThresholds({ slowQueryMs: Number.NaN })).toThrow('a number from 0')
    expect(monitor.thresholds.slowQueryMs).toBe(50)
  })

  test('nothing is asked of a server that nobody asks about', async () => {
    const { pool, monitor } = openMonitored(database().url)
    await monitor.check()
    expect(pool.totalCount).toBe(0)
  })
})
