// Cancelling as Kysely does it: another client, made of the pool's own options, asks the server to cancel the backend with
// the process id of the client. That id means something on one server only, and the options lead to the primary.

import { createServer, connect as connectTcp, type Server } from 'node:net'
import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { LazyClient } from '../../../src/db/pool/clients/lazy-client.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { waitUntil } from '../../support/wait.ts'
import { startWithReplicas, useReplicas } from './replicas.ts'

interface WithProcessId {
  readonly processID: number | null
  readonly node?: string
}

/** What Kysely does when a query is to be cancelled. */
async function cancelLikeKysely(pool: pg.Pool, processId: number | null): Promise<unknown> {
  const { Client } = pool as unknown as { Client: typeof pg.Client }
  const control = new Client({ ...(pool.options as pg.ClientConfig) })
  await control.connect()
  try {
    const { rows } = await control.query('select pg_cancel_backend($1) as hit', [processId])
    return rows
  } finally {
    await control.end()
  }
}

const processIdOf = (client: pg.PoolClient): number | null => (client as unknown as WithProcessId).processID

describe('cancelling by process id', () => {
  const database = useReplicas(
    18,
    async (db) => {
      await db.query(sql`create extension pg_stat_statements`)
    },
    { preload: ['pg_stat_statements'] },
  )
  const cancelsOn = async (url: string): Promise<number> => {
    const db = openDb({ url, max: 1 })
    try {
      const { rows } = await db.query<{ calls: number }>(sql`
        select coalesce(sum(calls), 0)::int as calls from pg_stat_statements where query like 'select pg_cancel_backend(%'`)
      return rows[0]?.calls ?? -1
    } finally {
      await db.close()
    }
  }
  const open = async (more: { readonly replicas?: readonly pg.PoolConfig[] } = {}): Promise<StrataPool> => {
    const pool = new StrataPool({ ...database().config, drainTimeout: '2s', ...more })
    onTestFinished(() => pool.end())
    await startWithReplicas(pool)
    return pool
  }

  test('reaches a lone read on its replica, and the primary is not even asked', async () => {
    const { cluster } = database()
    const pool = await open()
    const before = await cancelsOn(cluster.primary.url())
    const bystanders = Array.from({ length: 5 }, () => pool.query({ text: 'select pg_sleep(1)', route: 'write' }))
    const client = await pool.connect()
    expect(processIdOf(client)).toBeNull()
    const failure = client.query('select pg_sleep(60)').catch((error: unknown) => error)
    const processId = await waitUntil(() => processIdOf(client), { what: 'the read to run' })
    const urls = cluster.replicas.map((replica) => replica.url())
    await waitUntil(async () => (await Promise.all(urls.map((url) => runs(url, processId)))).includes(true), {
      what: 'the read to run on a replica',
    })
    expect(await cancelLikeKysely(pool, processId)).toEqual([{ hit: true }])
    expect(await failure).toMatchObject({ code: '57014' })
    expect(processIdOf(client)).toBeNull()
    client.release()
    await Promise.all(bystanders)
    expect(await cancelsOn(cluster.primary.url())).toBe(before)
    expect((await Promise.all(urls.map(cancelsOn))).toSorted()).toEqual([0, 1])
    expect(pool.totalCount).toBe(pool.idleCount)
  })

  test('reaches a transaction that only reads on its replica, and one that writes on the primary', async () => {
    const pool = await open()
    for (const [begin, where] of [
      ['begin read only', /^replica-/],
      ['begin', /^primary$/],
    ] as const) {
      const client = await pool.connect()
      await client.query(begin)
      expect((client as unknown as LazyClient).node).toMatch(where)
      const failure = client.query('select pg_sleep(60)').catch((error: unknown) => error)
      expect(await cancelLikeKysely(pool, processIdOf(client))).toEqual([{ hit: true }])
      expect(await failure).toMatchObject({ code: '57014' })
      await client.query('rollback')
      client.release()
    }
  })

  test('is refused where two nodes have a backend of that number, and hits neither', async () => {
    const { cluster } = database()
    const onPrimary = new pg.Client(database().url)
    await onPrimary.connect()
    onTestFinished(() => onPrimary.end())
    const urls: string[] = []
    for (const replica of cluster.replicas) urls.push(await startRenumbering(replica.url(), 4_711))
    const pool = await open({ replicas: urls.map((connectionString) => ({ connectionString })) })
    const reads = [1, 2].map(() => pool.query('select pg_sleep(1), 7 as n'))
    await waitUntil(() => pool.stats().filter(({ active }) => active > 0).length === 2, {
      what: 'a read on each replica',
    })
    await expect(cancelLikeKysely(pool, 4_711)).rejects.toMatchObject({ code: 'VALUE_INVALID' })
    for (const read of reads) expect((await read).rows[0]).toMatchObject({ n: 7 })
  })
})

async function runs(url: string, processId: number): Promise<boolean> {
  const db = openDb({ url, max: 1 })
  try {
    const { rows } = await db.query(
      sql`select from pg_stat_activity where pid = ${processId}::int and query like '%pg_sleep%'`,
    )
    return rows.length > 0
  } finally {
    await db.close()
  }
}

/** A way to the server on which every backend says that it has the given number. Gone with the test. */
async function startRenumbering(url: string, processId: number): Promise<string> {
  const { hostname, port } = new URL(url)
  const server: Server = createServer((near) => {
    const far = connectTcp(Number(port), hostname)
    let greeted = false
    far.on('data', (chunk) => {
      // BackendKeyData: 'K', length 12, number, secret. It comes once, before the first ReadyForQuery.
      const at = greeted ? -1 : chunk.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]))
      if (at >= 0) {
        greeted = true
        chunk.writeInt32BE(processId, at + 5)
      }
      near.write(chunk)
    })
    near.on('data', (chunk) => far.write(chunk))
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.on('error', () => other.destroy())
      socket.on('close', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  return Object.assign(new URL(url), { port: typeof address === 'object' ? String(address?.port) : '' }).href
}
