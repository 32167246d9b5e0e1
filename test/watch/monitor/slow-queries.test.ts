// What a slowQuery event carries: the text without constants, the server's name of the statement, its past, its plan, what it
// waited for; and when there is one.

import type pg from 'pg'
import { describe, expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import type { MonitorOptions, SlowQueryEvent } from '../../../src/watch/index.ts'
import { fakeClock, type FakeClock } from '../../support/fake-clock.ts'
import { describeOnEachVersion, useDatabase, type TestDatabase } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { openMonitored, poolKinds, type Monitored } from './support.ts'

async function prepare({ db, name }: TestDatabase): Promise<void> {
  await db.query(sql`
    create extension pg_stat_statements;
    create table songs (id int primary key, title text, genre text);
    insert into songs select n, 'song ' || n, 'Rock' from generate_series(1, 1000) n;
    analyze songs`)
  await db.query(sql`alter database ${sql.ident(name)} set pg_stat_statements.track = 'top'`)
}

function heard({ monitor }: Monitored): SlowQueryEvent[] {
  const events: SlowQueryEvent[] = []
  monitor.on('slowQuery', (event) => void events.push(event))
  return events
}

async function nextOf(events: readonly SlowQueryEvent[], count: number): Promise<SlowQueryEvent> {
  await waitUntil(() => events.length >= count, { what: `${count} slow queries` })
  return events.at(count - 1) as SlowQueryEvent
}

/** On a busy machine the server may take longer than the second that is waited for it. */
function unhurried(): MonitorOptions {
  return { clock: fakeClock(), thresholds: { slowQueryMs: 0 } }
}

/** Its own clock says so: how long it really takes plays no part. */
async function takes(pool: pg.Pool, durationMs: number, clock: FakeClock): Promise<void> {
  const client = await pool.connect()
  const running = client.query('select pg_sleep(0)')
  clock.advance(durationMs)
  await running
  client.release()
}

describeOnEachVersion(
  'a slow query',
  (_version, database) => {
    test.each([
      ['without parameters', `select title from songs where genre = 'Rock' and id < 50 order by id`, []],
      [
        'with parameters',
        'select title from songs where genre = $1 and id = any($2::int[]) limit $3',
        ['Rock', [1, 2], 5],
      ],
      ['that changes rows', 'update songs set title = $2 where id = $1', [7, 'So What']],
      ['in a CTE', 'with found as (select id from songs where id = $1) select * from found join songs using (id)', [7]],
    ])('%s has the identifier that pg_stat_statements has', async (_, text, values) => {
      const monitored = openMonitored(database().url, unhurried())
      const events = heard(monitored)
      await monitored.pool.query(text, values)
      const { queryid, queryidUnavailable } = await nextOf(events, 1)
      expect(queryidUnavailable).toBe(undefined)
      const { rows } = await database().db.query<{ query: string }>(sql`
        select query from pg_stat_statements where queryid = ${queryid}::bigint`)
      expect(rows.map(({ query }) => query.replaceAll(/\$\d+( \/\*.*?\*\/)?|'.*?'|\d+/g, '?'))).toEqual([
        text.replaceAll(/\$\d+|'.*?'|\d+/g, '?'),
      ])
    })

    test('has its past by pg_stat_statements, its generic plan, and says why it has no waits', async () => {
      const monitored = openMonitored(database().url, unhurried())
      const events = heard(monitored)
      for (let time = 0; time < 4; time++) await monitored.pool.query('select * from songs where id = $1', [time])
      const event = await nextOf(events, 4)
      const { from, hours, unavailable } = await event.history()
      expect({ from, unavailable }).toEqual({ from: 'pg_stat_statements', unavailable: undefined })
      expect(hours).toHaveLength(1)
      expect(hours[0]).toMatchObject({ calls: 4, rows: 3 })
      expect((await event.plan()).plan).toMatchObject({
        Plan: { 'Node Type': 'Index Scan', 'Index Name': 'songs_pkey', 'Index Cond': '(songs.id = $1)' },
      })
      expect(await event.waits()).toEqual({ waits: [], unavailable: expect.stringContaining('no daemon samples') })
    })

    test('has its past and its waits from what is stored, where something is', async () => {
      const { db, url } = database()
      const monitored = openMonitored(url, unhurried())
      const events = heard(monitored)
      await monitored.pool.query('select count(*) from songs')
      const event = await nextOf(events, 1)
      await db.query(sql`
        create schema pgstrata;
        create table pgstrata.watch_statement (at timestamptz, queryid bigint, calls bigint, exec_ms float8, rows bigint);
        create table pgstrata.watch_session (at timestamptz, queryid bigint, wait_type text, wait text, samples bigint)`)
      await db.query(sql`
        insert into pgstrata.watch_statement
        values (now(), ${event.queryid}::bigint, 10, 250, 10), (now(), ${event.queryid}::bigint, 10, 350, 10), (now(), 1, 5, 5, 5)`)
      await db.query(sql`
        insert into pgstrata.watch_session
        values (now(), ${event.queryid}::bigint, 'IO', 'DataFileRead', 3), (now(), ${event.queryid}::bigint, 'CPU', '', 5)`)
      const history = await event.history()
      expect(history.from).toBe('watch_statement')
      expect(history.hours.reduce((sum, { calls }) => sum + calls, 0)).toBe(20)
      expect(await event.waits()).toEqual({
        waits: [
          { waitType: 'CPU', wait: '', seconds: 5 },
          { waitType: 'IO', wait: 'DataFileRead', seconds: 3 },
        ],
        unavailable: undefined,
      })
      await db.query(sql`drop schema pgstrata cascade`)
    })

    test('of a server that does not identify statements says so, and keeps its plan', async () => {
      const { db, name, url } = database()
      await db.query(sql`alter database ${sql.ident(name)} set compute_query_id = 'off'`)
      const monitored = openMonitored(url, unhurried())
      const events = heard(monitored)
      await monitored.pool.query('select 1')
      const event = await nextOf(events, 1)
      expect(event).toMatchObject({
        queryid: undefined,
        queryidUnavailable: expect.stringContaining('compute_query_id'),
      })
      expect((await event.plan()).plan).toBeDefined()
      expect(await event.history()).toMatchObject({
        from: undefined,
        unavailable: expect.stringContaining('compute_query_id'),
      })
      await db.query(sql`alter database ${sql.ident(name)} reset compute_query_id`)
    })
  },
  prepare,
)

describe.each(poolKinds)('on %s', (kind) => {
  const database = useDatabase(18, prepare)

  test('constants and values are in no event and in no list, whatever becomes of the statement', async () => {
    const monitored = openMonitored(database().url, { kind, thresholds: { slowQueryMs: 0 } })
    const events = heard(monitored)
    const { pool, monitor } = monitored
    await pool.query(`select 'geheim' as word -- geheim`)
    await pool.query('select $1::text', ['geheim'])
    await expect(pool.query(`select 'geheim'::int`)).rejects.toMatchObject({ code: '22P02' })
    await expect(pool.query(`selec 'geheim'`)).rejects.toMatchObject({ code: '42601' })
    await pool.query(`do $$ begin perform 'geheim'; end $$`)
    await pool.query(`create role "geheimnis_${kind.length}" password 'geheim'`)
    await pool.query(`drop role "geheimnis_${kind.length}"`)
    await nextOf(events, 7)
    const said = JSON.stringify([...events, ...monitor.getSlowQueries(100), await monitor.getShapes()])
    expect(said.replaceAll(/geheimnis/g, '')).not.toContain('geheim')
    expect(events.map(({ query, sqlstate }) => [query, sqlstate])).toEqual([
      ['select $1 as word', undefined],
      ['select $1::text', undefined],
      ['select $1::int', '22P02'],
      ['selec …', '42601'],
      ['do $1', undefined],
      [expect.stringMatching(/^create role .* password \$1$/), undefined],
      [expect.stringMatching(/^drop role/), undefined],
    ])
  })

  test('only what takes longer than the threshold is one, and what the monitor asks itself never', async () => {
    const clock = fakeClock()
    const monitored = openMonitored(database().url, { kind, clock, thresholds: { slowQueryMs: 40 } })
    const events = heard(monitored)
    const { pool, monitor } = monitored
    await pool.query('select 1')
    await takes(pool, 40, clock)
    await nextOf(events, 1)
    monitor.setThresholds({ slowQueryMs: 0 })
    await monitor.getDatabaseInfo()
    await pool.query('select 2')
    await nextOf(events, 2)
    expect(events.map(({ query }) => query)).toEqual(['select pg_sleep($1)', 'select $1'])
    expect(events[0]?.duration).toBe(40)
    expect(monitor.getSlowQueries(1).map(({ query }) => query)).toEqual(['select pg_sleep($1)'])
    expect(monitor.getStats(60_000).count).toBe(3)
  })

  test('a slow statement carries the name of the work it was part of; slow work without one is told of by itself', async () => {
    const clock = fakeClock()
    const monitored = openMonitored(database().url, { kind, clock, thresholds: { slowQueryMs: 40 } })
    const events = heard(monitored)
    const { pool, monitor } = monitored
    await pool.query('select 1')
    await monitor.trackQuery(async () => {
      const client = await pool.connect()
      // The second one waits on its client, and goes out in the context of the first one's answer.
      const first = client.query('select 1')
      const second = client.query('select pg_sleep(0)')
      await first
      clock.advance(60)
      await second
      client.release()
    }, 'dashboard')
    await takes(pool, 70, clock)
    await nextOf(events, 2)
    expect(events.map(({ name }) => name)).toEqual(['dashboard', undefined])
    await expect(
      monitor.trackQuery(async () => {
        await pool.query('select 1')
        clock.advance(50)
        throw new Error('no')
      }, 'many small ones'),
    ).rejects.toThrow('no')
    const event = await nextOf(events, 3)
    expect(event).toMatchObject({ query: 'many small ones', name: 'many small ones', failed: true, queryid: undefined })
    expect((await event.plan()).unavailable).toContain('work of the application')
    expect(monitor.getStats(60_000, 'many small ones')).toMatchObject({ count: 1, errorRate: 1 })
    expect(events).toHaveLength(3)
  })

  test('a listener that throws is reported by the process, and no statement hears of it', async () => {
    const { pool, monitor } = openMonitored(database().url, { kind, thresholds: { slowQueryMs: 0 } })
    const thrown: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.once('uncaughtException', (error) => void thrown.push(error))
    monitor.on('slowQuery', () => {
      throw new Error('from the listener')
    })
    await expect(pool.query('select 1 as one')).resolves.toMatchObject({ rows: [{ one: 1 }] })
    await waitUntil(() => thrown.length > 0, { what: 'the error of the listener' })
    for (const listener of listeners) process.on('uncaughtException', listener)
    expect(thrown).toEqual([new Error('from the listener')])
  })

  test('each is told of within a second though the server does not answer, and what is too many is counted', async () => {
    const monitored = openMonitored(database().url, { kind, max: 1, thresholds: { slowQueryMs: 0 } })
    const { pool, monitor } = monitored
    const events = heard(monitored)
    const dropped: { count: number; total: number }[] = []
    monitor.on('slowQueriesDropped', (told) => void dropped.push(told))
    // There is no other connection by which the server could be asked.
    const client = await pool.connect()
    try {
      for (let time = 0; time < 300; time++) await client.query('select 1')
      expect(monitor.getSlowQueries(1_000)).toHaveLength(100)
      await nextOf(events, 300)
      expect(events.every(({ queryidUnavailable }) => queryidUnavailable?.includes('within a second'))).toBe(true)
      expect(dropped).toEqual([])
      for (let time = 0; time < 2_500; time++) monitor.recorder.record('select 2', 0, time, null, undefined)
      expect(monitor.getSlowQueries(1)).toMatchObject([{ query: 'select $1', duration: 2_499 }])
      await waitUntil(() => dropped.length > 0, { what: 'what was dropped' })
      // A thousand wait while one is told of.
      expect(dropped).toEqual([{ count: 1_499, total: 1_499 }])
      expect(events).toHaveLength(1_301)
      expect(monitor.getPrometheusMetrics()).toContain('db_slow_queries_dropped_total 1499\n')
    } finally {
      client.release()
    }
  })

  test('a text that is too long to be read is told of all the same, by its first word', async () => {
    const monitored = openMonitored(database().url, { kind, thresholds: { slowQueryMs: 0 } })
    const events = heard(monitored)
    const { monitor } = monitored
    monitor.recorder.record(`select '${'x'.repeat(200_000)}'`, 0, 20, null, undefined)
    expect(monitor.getSlowQueries(1)).toMatchObject([{ query: 'select …', duration: 20 }])
    const event = await nextOf(events, 1)
    expect(event).toMatchObject({ query: 'select …', queryid: undefined })
    expect((await event.plan()).unavailable).toMatch(/has a plan/)
  })

  test('keeps the last hundred, and answers with the slowest of them', async () => {
    const clock = fakeClock()
    const { pool, monitor } = openMonitored(database().url, { kind, clock, thresholds: { slowQueryMs: 0 } })
    await pool.query('select 1')
    await takes(pool, 30, clock)
    for (let time = 0; time < 50; time++) await pool.query('select 1')
    expect(monitor.getSlowQueries(3)[0]?.query).toBe('select pg_sleep($1)')
    for (let time = 0; time < 150; time++) await pool.query('select 1')
    expect(monitor.getSlowQueries(1_000).length).toBeLessThanOrEqual(200)
    await waitUntil(() => monitor.getSlowQueries(1_000).length === 100, { what: 'all to be put in order' })
    expect(monitor.getSlowQueries(3)[0]?.query).toBe('select $1')
    expect(monitor.getSlowQueries(0)).toEqual([])
  })
})
