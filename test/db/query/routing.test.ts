// Where things go with a replica: reads there, writes to the primary, and a session never sees less than it wrote, even while
// the replica stands still.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { startCluster, type EmbeddedCluster, type EmbeddedReplica } from '../../../src/embedded/index.ts'
import { parseToken } from '../../../src/db/token.ts'
import { sql } from '../../../src/sql/sql.ts'
import { waitUntil } from '../../support/wait.ts'
import { openApi, type Opened } from './support.ts'

let cluster: EmbeddedCluster

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, replicas: 1 })
})
afterAll(() => cluster.stop())

async function open(): Promise<Opened & { replica: EmbeddedReplica }> {
  const [replica] = cluster.replicas
  if (replica === undefined) throw new Error('There is a replica')
  const opened = openApi({ connectionString: cluster.primary.url(), replicas: [{ connectionString: replica.url() }] })
  await opened.pool.start()
  await opened.api.query(sql`create table if not exists r (id int primary key, word text)`)
  await opened.api.query(sql`truncate r`)
  await replica.waitFor()
  return { ...opened, replica }
}

it('sends reads to the replica, and what writes to the primary', async () => {
  const { api, pool } = await open()
  const read = sql`select count(*) from r`
  const usesReplica = async (work: () => Promise<unknown>): Promise<boolean> => {
    const uses = (): number => pool.stats().find(({ node }) => node === 'replica-1')?.uses ?? 0
    const before = uses()
    await work()
    return uses() > before
  }
  await waitUntil(() => usesReplica(() => api.query(read)), { what: 'the replica to have caught up' })
  expect(await usesReplica(() => api.query(read, { route: 'write' }))).toBe(false)
  expect(await usesReplica(() => api.tx((tx) => tx.query(read), { readOnly: true }))).toBe(true)
  expect(await usesReplica(() => api.tx((tx) => tx.query(read), { readOnly: true, isolation: 'serializable' }))).toBe(
    false,
  )
  expect(await usesReplica(() => api.tx((tx) => tx.query(read)))).toBe(false)
  expect(await usesReplica(() => api.paginate(sql`select * from r`, { by: ['id'], size: 1 }))).toBe(true)
  expect(await usesReplica(() => api.batch([read, read]))).toBe(true)
  expect(await usesReplica(() => api.batch([read], { route: 'write' }))).toBe(false)
  expect(await usesReplica(() => api.batch([sql`insert into r values (1)`, read]))).toBe(false)
})

it('moves the token of its session on, and reads what it wrote past a replica that stands still', async () => {
  const { api, pool, replica } = await open()
  await replica.pauseReplay()
  try {
    await pool.scope(undefined, async (session) => {
      let before = 0n
      let rows = 0
      const moved = async (work: () => Promise<unknown>, added: number): Promise<void> => {
        await work()
        const { lsn } = parseToken(session.toString())
        expect(lsn > before).toBe(true)
        before = lsn
        rows += added
        expect((await api.query(sql`select count(*)::int as n from r`)).rows).toEqual([{ n: rows }])
        const [count] = await api.batch([sql`select count(*)::int as n from r`])
        expect(count.rows).toEqual([{ n: rows }])
        before = parseToken(session.toString()).lsn
      }
      const numbered = (from: number, count: number): { id: number }[] =>
        Array.from({ length: count }, (_, index) => ({ id: from + index }))
      await moved(() => api.query(sql`insert into r values (1)`), 1)
      await moved(() => api.tx((tx) => tx.query(sql`insert into r values (2)`)), 1)
      await moved(() => api.batch([sql`insert into r values (3)`, sql`insert into r values (4)`]), 2)
      await moved(() => api.bulkInsert('r', numbered(10, 5)), 5)
      await moved(() => api.bulkInsert('r', numbered(1_000, 3_000)), 3_000)
      await moved(() => api.copyIn(sql`copy r (id) from stdin`, ['5\n6\n']), 2)
      const page = await api.paginate(sql`select * from r`, { by: ['id'], size: 4 })
      expect(page.rows.map(({ id }) => id)).toEqual([1, 2, 3, 4])
    })
  } finally {
    await replica.resumeReplay()
  }
})
