// The feed put together with the cache: two processes' worth of Strata on one Redis, one of which runs the feed. What plain
// SQL changes is never served stale once the feed has acknowledged it; a session that has come further than the cache gets what
// it wrote; tables that nobody captures gain nothing by the feed.

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { ensureInstalled } from '../../../src/catalog/install.ts'
import { changesProbes } from '../../../src/changes/feed/index.ts'
import { resolveConfig } from '../../../src/config/index.ts'
import type { Db } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { startCluster, type EmbeddedCluster } from '../../../src/embedded/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import { openStrata, type Strata } from '../../../src/strata.ts'
import { command } from '../../support/command.ts'
import { versions } from '../../support/postgres.ts'
import { createProject } from '../../support/project.ts'
import { useRedis } from '../../support/redis.ts'
import { waitUntil } from '../../support/wait.ts'

const redis = useRedis()
const tables = ['songs', ['Odd "one"', 'a.b']]
const noJobs = { jobs: { builtIn: { partitions: false, retention: false, drain: false } } }

describe.each(versions)('on PostgreSQL %d', (version) => {
  let cluster: EmbeddedCluster
  let db: Db
  beforeAll(async () => {
    cluster = await startCluster({
      version,
      inMemory: true,
      settings: { wal_level: 'logical', max_slot_wal_keep_size: '64MB' },
    })
    db = openDb({ url: cluster.primary.url() })
    await db.withSession(async (session) => void (await ensureInstalled(session)))
    await db.query(sql`create table songs (id int primary key, title text)`)
    await db.query(sql`create schema "Odd ""one"""`)
    await db.query(sql`create table "Odd ""one"""."a.b" (id int primary key, body text)`)
    await db.query(sql`create table unheard (id int primary key, body text)`)
    await db.query(sql`insert into songs select n, '0' from generate_series(1, 20) n`)
    await db.query(sql`insert into unheard values (1, '0')`)
  })
  afterAll(async () => {
    await db.close()
    await cluster.stop()
  })

  const configOf = (source: string): object => ({
    database: { primary: cluster.primary.url() },
    cache: { redis: redis().url, namespaces: { query: { ttl: '10 min' } } },
    changes: { tables, source },
    ...noJobs,
  })
  const open = (source: string): Strata => {
    const strata = openStrata(resolveConfig(configOf(source), { root: '/', name: 'test' }))
    onTestFinished(() => strata.close())
    return strata
  }
  const write = async (text: string): Promise<bigint> => {
    await db.query(sql.raw(text))
    const { rows } = await db.query<{ lsn: string }>(
      sql`select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text as lsn`,
    )
    return BigInt(rows[0]?.lsn ?? 0)
  }
  const acknowledged = async (runner: Strata, lsn: bigint): Promise<void> => {
    // Both wake a consumer that has nothing to do.
    await db.query(sql`select pg_logical_emit_message(true, 'test', ''), pg_notify('pgstrata_outbox', '')`)
    await waitUntil(() => (runner.changes.here.handled ?? 0n) >= lsn, { what: 'the feed has handled it' })
  }
  const title = async (strata: Strata, id: number): Promise<string | undefined> =>
    (await strata.query<{ title: string }>(sql`select title from songs where id = ${id}`, { cache: {} })).rows[0]?.title

  test.each(['wal', 'outbox'])('by %s: what the feed has acknowledged is served stale by nobody', async (source) => {
    const [runner, reader] = [open(source), open(source)]
    await runner.start({ jobs: true })
    await waitUntil(() => runner.changes.here.handled !== undefined, { what: 'the feed consumes' })
    for (let n = 1; n <= 30; n++) {
      const id = 1 + (n % 20)
      // Twice: loaded, then from a copy, or the test would show nothing.
      for (const strata of [runner, reader, runner, reader]) await title(strata, id)
      const lsn = await write(`update songs set title = '${source} ${n}' where id = ${id}`)
      await acknowledged(runner, lsn)
      expect([await title(runner, id), await title(reader, id)]).toEqual([`${source} ${n}`, `${source} ${n}`])
    }
    expect(reader.cache.stats().namespaces['query']?.localHits).toBeGreaterThan(0)
  })

  test('names are as odd as they like, and TRUNCATE counts', async () => {
    const [runner, reader] = [open('wal'), open('wal')]
    await runner.start({ jobs: true })
    const read = sql`select body from "Odd ""one"""."a.b" order by id`
    const bodies = async (): Promise<unknown> => (await reader.query(read, { cache: {} })).rows
    await write(`insert into "Odd ""one"""."a.b" values (1, 'one') on conflict do nothing`)
    await waitUntil(() => runner.changes.here.handled !== undefined, { what: 'the feed consumes' })
    await acknowledged(runner, await write(`update "Odd ""one"""."a.b" set body = 'two'`))
    expect(await bodies()).toEqual([{ body: 'two' }])
    await acknowledged(runner, await write(`truncate "Odd ""one"""."a.b"`))
    expect(await bodies()).toEqual([])
  })

  test('a session that has written is served from the cache once the feed has passed it, of captured tables alone', async () => {
    const [runner, reader] = [open('wal'), open('wal')]
    await runner.start({ jobs: true })
    await waitUntil(() => runner.changes.here.handled !== undefined, { what: 'the feed consumes' })
    const heard = sql`select title from songs where id = 2`
    const unheard = sql`select body from unheard where id = 1`
    const loads = (): number => reader.cache.stats().namespaces['query']?.loads ?? 0
    await reader.query(heard, { cache: {} })
    await reader.query(unheard, { cache: {} })
    let version = 0
    /** Of a session elsewhere that has just written what nobody captures: both values are older than that. */
    const writeUnheard = async (): Promise<string> => {
      const token = await runner.scope(undefined, async (session) => {
        await runner.query(sql`update unheard set body = ${String(++version)} where id = 1`)
        return session.toString()
      })
      expect(token).not.toBe('')
      await acknowledged(runner, await write('select'))
      return token
    }
    // What is captured is looked up at the first question of a session, and how far the feed is comes by Redis.
    const isServed = async (): Promise<boolean> => {
      const token = await writeUnheard()
      const before = loads()
      await reader.scope(token, () => reader.query(heard, { cache: {} }))
      return loads() === before
    }
    await waitUntil(isServed, { what: 'the cache serves a session that the feed has passed' })
    const token = await writeUnheard()
    await reader.scope(token, async () => {
      expect((await reader.query(unheard, { cache: {} })).rows).toEqual([{ body: String(version) }])
    })
  })

  test('what a session was answered from the cache is never unseen', async () => {
    const reader = open('wal')
    await reader.scope(undefined, async (session) => {
      await reader.query(sql`select title from songs where id = 3`, { cache: {} })
      expect(session.toString()).not.toBe('')
    })
    // From a copy, by which no server is asked.
    await reader.scope(undefined, async (session) => {
      await reader.query(sql`select title from songs where id = 3`, { cache: {} })
      expect(session.toString()).not.toBe('')
    })
  })

  test('the command shows how the feed stands, and doctor says what is wrong with it', async () => {
    const project = await createProject(cluster.primary.url(), {
      config: { changes: { tables: ['songs', 'nowhere'] } },
    })
    onTestFinished(() => project.close())
    const shown = await command(project.dir, 'changes', 'status', '--json')
    expect(shown.code).toBe(0)
    expect(JSON.parse(shown.out)).toMatchObject({
      epoch: { source: expect.stringMatching(/wal|outbox/) },
      capBytes: 64 * 1024 ** 2,
      findings: [{ table: 'nowhere' }],
    })
    expect((await command(project.dir, 'changes')).out).toContain('public.nowhere: The table is not there')
    const settings = { tables: [{ schema: 'public', table: 'songs' }], source: 'auto', ownCapBytes: undefined } as const
    const verdicts = await Promise.all(
      changesProbes(db, settings).map(async (probe) => [probe.name, (await probe.run()).verdict]),
    )
    expect(Object.fromEntries(verdicts)).toMatchObject({ 'changes: source': 'ok', 'changes: tables': 'ok' })
    expect(changesProbes(db, undefined)).toEqual([])
  })

  test('nothing is consumed where nothing is declared', async () => {
    const strata = openStrata(
      resolveConfig({ database: { primary: cluster.primary.url() }, ...noJobs }, { root: '/', name: 'test' }),
    )
    onTestFinished(() => strata.close())
    await strata.start({ jobs: true })
    expect(strata.changes.declared).toBeUndefined()
    expect(strata.changes.here.role).toBe('stopped')
    await expect(strata.changes.status()).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

test('on a server that would keep WAL without end the feed is refused, and jobs with it', async () => {
  const cluster = await startCluster({
    inMemory: true,
    settings: { wal_level: 'logical', max_slot_wal_keep_size: '-1' },
  })
  onTestFinished(() => cluster.stop())
  const strata = openStrata(
    resolveConfig(
      { database: { primary: cluster.primary.url() }, changes: { tables: ['songs'] }, ...noJobs },
      { root: '/', name: 'test' },
    ),
  )
  onTestFinished(() => strata.close())
  await strata.db.withSession(async (session) => void (await ensureInstalled(session)))
  await expect(strata.start({ jobs: true })).rejects.toMatchObject({ code: 'FEED_UNCAPPED' })
  const source = strata.probes.find(({ name }) => name === 'changes: source')
  expect(await source?.run()).toMatchObject({ verdict: 'fail', fix: expect.stringContaining('max_slot_wal_keep_size') })
})
