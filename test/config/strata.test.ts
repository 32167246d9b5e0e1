// From a configuration to statements on real servers: the pool reads from replicas, a session sees its own writes, closing
// leaves no connection.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { resolveConfig } from '../../src/config/index.ts'
import { startCluster, type EmbeddedCluster } from '../../src/embedded/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import { waitUntil } from '../support/wait.ts'

let cluster: EmbeddedCluster
beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, replicas: 1 })
})
afterAll(() => cluster.stop())

const open = (): Strata =>
  openStrata(
    resolveConfig(
      {
        database: {
          primary: cluster.primary.url(),
          replicas: [{ url: cluster.replicas[0]?.url(), name: 'reader', routes: ['read', 'analytics'], maxLag: '10s' }],
          queries: { totals: 'analytics' },
          settings: { analytics: { work_mem: '77MB' } },
          pool: { max: 3, statementTimeout: '300ms', drainTimeout: '1s' },
          readWait: '2s',
        },
      },
      { root: '/project', name: 'pgstrata.config.ts' },
    ),
  )

const connectionsLeft = async (): Promise<number> => {
  const counts = [cluster.primary, ...cluster.replicas].map(async (node) => {
    const db = openDb({ url: node.url(), max: 1, applicationName: 'onlooker' })
    try {
      const { rows } = await db.query<{ count: number }>(
        sql`select count(*)::int4 as count from pg_stat_activity where application_name = 'pgstrata' and state is not null`,
      )
      return rows[0]?.count ?? 0
    } finally {
      await db.close()
    }
  })
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
}

test('a session sees what it wrote, on the replica; its token carries on elsewhere', async () => {
  const [writer, reader] = [open(), open()]
  try {
    await writer.pool.start()
    await reader.pool.start()
    const token = await writer.scope(undefined, async (session) => {
      await writer.pool.query('create table song (id int)')
      await writer.pool.query('insert into song values (1)')
      return session.toString()
    })
    expect(token).not.toBe('')
    const session = reader.session(token)
    const { rows } = await session.run(() =>
      reader.pool.query<{ songs: number }>('select count(*)::int4 as songs from song'),
    )
    expect(rows).toEqual([{ songs: 1 }])
    await waitUntil(() => reader.explainRouting('select from song').node === 'reader', {
      what: 'a route to the reader',
    })
    expect(reader.explainRouting('insert into song values (2)')).toMatchObject({ route: 'write', node: 'primary' })
  } finally {
    await Promise.all([writer.close(), reader.close()])
  }
})

test('a class of queries has its route with its settings, and the statement timeout holds', async () => {
  const strata = open()
  try {
    await strata.pool.start()
    const text = `select setting from pg_settings where name = 'work_mem'`
    const setting = await strata.pool.query({ text, route: 'totals' })
    expect(setting.rows).toEqual([{ setting: String(77 * 1024) }])
    const explain = (): string => strata.routed('totals', () => strata.explainRouting('select from song').route)
    await waitUntil(() => explain() === 'analytics', { what: 'the classifier to be loaded' })
    await expect(strata.pool.query('select pg_sleep(10)')).rejects.toMatchObject({ code: '57014' })
  } finally {
    await strata.close()
  }
})

test('nothing connects before use, and nothing is left after close', async () => {
  const strata = open()
  expect(strata.pool.totalCount).toBe(0)
  await strata.pool.query('select 1')
  expect(strata.pool.totalCount).toBeGreaterThan(0)
  await strata.db.query(sql`select 1`)
  await strata.readNodes()
  await Promise.all([strata.close(), strata.close()])
  await expect(strata.pool.query('select 1')).rejects.toMatchObject({ code: 'POOL_CLOSED' })
  await waitUntil(async () => (await connectionsLeft()) === 0, { what: 'all connections to be closed' })
})
