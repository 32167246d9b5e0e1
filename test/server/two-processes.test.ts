// One process measures, another serves: both answer the same, as far as it is stored; and however slow it is to read the store, who
// measures goes on measuring.

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { resolveConfig } from '../../src/config/index.ts'
import { createServer } from '../../src/server/index.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import { bearer, readToken } from './support.ts'

// Nothing of it is another on another version.
describe.each(versions.slice(0, 1))('two processes on PostgreSQL %d', (version) => {
  let database: TestDatabase
  interface Opened {
    readonly strata: Strata
    readonly json: (path: string) => Promise<unknown>
    readonly status: (path: string) => Promise<number>
  }
  const open = async (config: object = { watch: {} }): Promise<Opened> => {
    const strata = openStrata(
      resolveConfig({ database: { primary: database.url }, ...config }, { root: '/', name: 'test' }),
    )
    const server = await createServer(strata, { port: 0, tokens: { read: readToken } })
    onTestFinished(async () => {
      await server.close()
      await strata.close()
    })
    const url = await server.listen()
    const get = (path: string): Promise<Response> => fetch(url + path, { headers: bearer(readToken) })
    return {
      strata,
      json: async (path) => await (await get(path)).json(),
      status: async (path) => {
        const response = await get(path)
        await response.arrayBuffer()
        return response.status
      },
    }
  }

  beforeAll(async () => {
    database = await testDatabase(version)
    await database.db.query(sql`
      create table song (id serial primary key, title text);
      create index song_title on song (title);
      insert into song (title) select 'song ' || i from generate_series(1, 5000) i;
      analyze song`)
    const strata = openStrata(
      resolveConfig({ database: { primary: database.url }, watch: {} }, { root: '/', name: 'test' }),
    )
    await strata.apply()
    await strata.close()
  })
  afterAll(() => database.close())

  test('the one that does not measure knows what is asked once in a quarter of an hour, totals, and who blocks whom', async () => {
    const one = await open()
    const { watch } = one.strata
    expect.assert(watch !== undefined)
    watch.start()
    const { db } = database
    await waitUntil(
      () => {
        watch.hurry()
        const states = watch.states().filter(({ node, atMs }) => node === 'primary' && atMs === undefined)
        return (
          watch.latest.series('pgstrata_table_size_bytes').length > 0 &&
          states.every(({ unavailable }) => unavailable !== undefined)
        )
      },
      { what: 'everything is measured', timeoutMs: 30_000 },
    )
    await db.withSession(async (holder) => {
      await holder.query(sql`begin`)
      await holder.query(sql`lock table song in access exclusive mode`)
      const waiting = db.query(sql`select count(*) from song`)
      const blocking = async (of: Opened): Promise<readonly { pid: number; depth: number }[]> => {
        const { nodes } = (await of.json('/api/sessions')) as {
          nodes: { blocking: { pid: number; depth: number }[] }[]
        }
        // Of the server, on which others may wait as well.
        const blocked = nodes[0]?.blocking ?? []
        const root = blocked.findIndex(({ pid }) => pid === holder.pid)
        return root < 0 ? [] : blocked.slice(root, root + 2)
      }
      await waitUntil(
        async () => {
          watch.hurry()
          return (await blocking(one)).length === 2
        },
        { what: 'the tree is seen', timeoutMs: 30_000 },
      )
      await watch.stop()
      const rows = await db.query<{ node: string; probe: string; series: number }>(sql`
        select node, probe, jsonb_array_length(series) as series from pgstrata.watch_now`)
      expect(rows.rows.length).toBeGreaterThan(15)

      const two = await open()
      expect(two.strata.watch?.role).toBe('off')
      expect(await blocking(two)).toMatchObject([{ depth: 0, pid: holder.pid }, { depth: 1 }])
      const { tables } = (await two.json('/api/tables')) as {
        tables: { table: string; measures: Record<string, number> }[]
      }
      const measures = tables.find(({ table }) => table === 'song')?.measures ?? {}
      const said = await db.query<{ scans: number }>(sql`
        select seq_scan::float8 as scans from pg_stat_user_tables where relname = 'song'`)
      // A total, and not what was added since somebody looked.
      expect(measures['sequential_scans_total']).toBe(said.rows[0]?.scans)
      expect(measures['size_bytes']).toBeGreaterThan(100_000)
      const { indexes } = (await two.json('/api/indexes')) as { indexes: { index: string; sizeBytes: number }[] }
      expect(indexes.find(({ index }) => index === 'song_title')?.sizeBytes).toBeGreaterThan(50_000)
      const { probes, missing } = (await two.json('/api/overview')) as {
        probes: { probe: string }[]
        missing: string[]
      }
      expect(probes).toHaveLength(rows.rows.length)
      expect(missing).toEqual([])
      expect(await two.json('/database/health')).toMatchObject({
        measures: {
          pgstrata_up: 1,
          pgstrata_deadlocks_total: 0,
          pgstrata_database_size_bytes: expect.any(Number) as number,
        },
      })
      await holder.query(sql`rollback`)
      await waiting
    })
  }, 60_000)

  test('what was measured long ago is nothing of now', async () => {
    await database.db.query(sql`update pgstrata.watch_now set at = at - interval '1 day'`)
    const { json } = await open()
    expect(await json('/api/tables')).toEqual({ tables: [] })
    expect(await json('/api/sessions')).toEqual({ nodes: [] })
    // It is asked instead.
    expect(await json('/database/health')).toMatchObject({ measures: { pgstrata_up: 1 }, missing: [] })
  })

  test('who reads a store that answers slowly is told so, and the lease is kept meanwhile', async () => {
    const { strata, status } = await open()
    strata.watch?.start()
    await waitUntil(() => strata.watch?.role === 'measuring', { what: 'it measures' })
    const { db } = database
    const expiry = async (): Promise<number> => {
      const { rows } = await db.query<{ at: number }>(sql`
        select extract(epoch from expires_at)::float8 as at from pgstrata.lease where name = 'watch'`)
      return rows[0]?.at ?? 0
    }
    await db.withSession(async (holder) => {
      await holder.query(sql`begin`)
      await holder.query(
        sql`lock table pgstrata.watch_statement, pgstrata.watch_metric, pgstrata.watch_now in access exclusive mode`,
      )
      const before = await expiry()
      let isOver = false
      const statuses = new Set<number>()
      const readers = Array.from({ length: 8 }, async (_, index) => {
        while (!isOver) statuses.add(await status(`/api/statements?limit=${index + 1}`))
      })
      // Renewed twice while nobody can read a thing.
      await waitUntil(async () => (await expiry()) > before + 4, { what: 'the lease is renewed', timeoutMs: 15_000 })
      isOver = true
      await holder.query(sql`rollback`)
      await Promise.all(readers)
      expect([...statuses].filter((one) => one !== 200 && one !== 504)).toEqual([])
      expect([...statuses]).toContain(504)
    })
    expect(strata.watch?.role).toBe('measuring')
  }, 60_000)

  test('without `watch` the server is asked, and connections of all its databases count', async () => {
    const elsewhere = openDb({ url: Object.assign(new URL(database.url), { pathname: '/postgres' }).href, max: 3 })
    onTestFinished(() => elsewhere.close())
    const { json } = await open({})
    const used = async (): Promise<number> => {
      const { measures } = (await json('/database/health')) as { measures: Record<string, number> }
      return Math.round(
        (measures['pgstrata_connections_used_ratio'] ?? 0) * (measures['pgstrata_connections_max'] ?? 0),
      )
    }
    await elsewhere.withSession(async () => {
      await elsewhere.withSession(async (session) => {
        const { rows } = await session.query<{ ours: number; all: number }>(sql`
          select count(*) filter (where datname = current_database())::int as ours, count(*)::int as all
          from pg_stat_activity
          where backend_type = 'client backend'`)
        expect(rows[0]?.ours).toBeGreaterThanOrEqual(2)
        // Other tests come and go on this server; those of one database alone are fewer.
        const counted = await database.db.query<{ own: number }>(sql`
          select numbackends::int as own from pg_stat_database where datname = current_database()`)
        expect(await used()).toBeGreaterThanOrEqual((counted.rows[0]?.own ?? 0) + 2)
      })
    })
  })
})
