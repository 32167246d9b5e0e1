// Cursors, query streams and COPY, through the pool and through its clients, among other statements: each runs where it may,
// gives its connection back when it has ended in whatever way, and what it wrote is seen afterwards.

import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { LazyClient } from '../../../src/db/pool/clients/lazy-client.ts'
import type { StrataPoolConfig } from '../../../src/db/pool/options.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { sql } from '../../../src/sql/sql.ts'
import { waitUntil } from '../../support/wait.ts'
import { createMusic, emptyMusic } from './music.ts'
import { startWithReplicas, useReplicas, usesOf } from './replicas.ts'

const numbers = 'select n from generate_series(1, 1000) as s (n)'
const expected = Array.from({ length: 1_000 }, (_, index) => ({ n: index + 1 }))

async function collect(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const rows: unknown[] = []
  for await (const row of stream) rows.push(row)
  return rows
}

describe('streams', () => {
  const database = useReplicas(18, createMusic)

  describe.each([{ where: 'with one server' }, { where: 'with replicas' }])('$where', ({ where }) => {
    const replicated = where === 'with replicas'
    const open = async (more: StrataPoolConfig = {}): Promise<StrataPool> => {
      const { url, config, db, calm } = database()
      await emptyMusic(db)
      await calm()
      const pool = new StrataPool({
        ...(replicated ? config : { connectionString: url }),
        max: 2,
        drainTimeout: '2s',
        ...more,
      })
      onTestFinished(() => pool.end())
      if (replicated) await startWithReplicas(pool)
      return pool
    }
    const expectAllBack = async (pool: StrataPool): Promise<void> => {
      await waitUntil(() => pool.totalCount === pool.idleCount, { what: 'every connection to be idle' })
      expect(pool.waitingCount).toBe(0)
    }

    test('a cursor of a client reads in turns, and other statements of the client wait for it', async () => {
      const pool = await open()
      const client = await pool.connect()
      const cursor = client.query(new Cursor<{ n: number }>(`${numbers} where n > $1`, [990]))
      const after = client.query('select 42 as answer')
      expect(await cursor.read(4)).toEqual(expected.slice(990, 994))
      expect((client as unknown as LazyClient).node).toMatch(replicated ? /^replica-/ : /^primary$/)
      expect(await cursor.read(100)).toEqual(expected.slice(994))
      await cursor.close()
      expect((await after).rows).toEqual([{ answer: 42 }])
      const unfinished = client.query(new Cursor(numbers))
      expect(await unfinished.read(1)).toEqual([{ n: 1 }])
      await unfinished.close()
      expect((await client.query("insert into artist (name) values ('Nina') returning name")).rows).toEqual([
        { name: 'Nina' },
      ])
      client.release()
      await expectAllBack(pool)
    })

    test('a cursor inside a transaction stays on its connection', async () => {
      const pool = await open()
      const client = await pool.connect()
      await client.query('begin')
      await client.query("insert into artist (name) values ('Nina'), ('Ella')")
      const cursor = client.query(new Cursor('select name from artist order by name'))
      expect(await cursor.read(1)).toEqual([{ name: 'Ella' }])
      expect(await cursor.read(1)).toEqual([{ name: 'Nina' }])
      await cursor.close()
      await client.query('rollback')
      client.release()
      expect((await pool.query('select name from artist')).rows).toEqual([])
      await expectAllBack(pool)
    })

    test('query streams through the pool itself, more than there are connections, among other statements', async () => {
      const pool = await open()
      const before = usesOf(pool)
      const streams = Array.from({ length: 6 }, () =>
        collect(pool.query(new QueryStream(numbers, [], { batchSize: 64 }))),
      )
      const others = Array.from({ length: 20 }, (_, n) => pool.query('select $1::int as n', [n]))
      for (const rows of await Promise.all(streams)) expect(rows).toEqual(expected)
      for (const [n, { rows }] of (await Promise.all(others)).entries()) expect(rows).toEqual([{ n }])
      if (replicated) expect(usesOf(pool).replicas - before.replicas).toBeGreaterThanOrEqual(6)
      await expectAllBack(pool)
    })

    test('streams that end early: broken off, refused by the server, destroyed before they were sent', async () => {
      const pool = await open()
      for (let round = 0; round < 4; round++) {
        for await (const row of pool.query(new QueryStream(numbers, [], { batchSize: 8 }))) {
          if ((row as { n: number }).n === 20) break
        }
        await expect(
          collect(pool.query(new QueryStream('select 1 / (n - 30) from generate_series(1, 50) as s (n)'))),
        ).rejects.toMatchObject({ code: '22012' })
        await expect(collect(pool.query(new QueryStream('select nothing from nowhere')))).rejects.toMatchObject({
          code: '42P01',
        })
        pool.query(new QueryStream(numbers)).destroy()
      }
      expect(await collect(pool.query(new QueryStream(numbers)))).toEqual(expected)
      await expectAllBack(pool)
    })

    test('a stream may be the first that a pool is asked for, and is refused by one that has ended', async () => {
      const { url, config } = database()
      const pool = new StrataPool(replicated ? config : { connectionString: url })
      expect(await collect(pool.query(new QueryStream(numbers)))).toEqual(expected)
      await pool.end()
      await expect(collect(pool.query(new QueryStream(numbers)))).rejects.toMatchObject({ code: 'POOL_CLOSED' })
      await expect(pool.query(new Cursor(numbers)).read(1)).rejects.toMatchObject({ code: 'POOL_CLOSED' })
    })

    test('COPY out of and into tables, and what was copied in is seen at once in a session', async () => {
      const pool = await open()
      const { cluster, calm } = database()
      await pool.scope(undefined, async () => {
        if (replicated) for (const replica of cluster.replicas) await replica.pauseReplay()
        const lines = expected.map(({ n }) => `artist ${n}\t${n}\n`)
        await pipeline(Readable.from(lines), pool.query(copyFrom('copy artist (name, plays) from stdin')))
        expect((await pool.query('select count(*)::int as n, sum(plays)::int as plays from artist')).rows).toEqual([
          { n: 1_000, plays: 500_500 },
        ])
        const out = await collect(pool.query(copyTo('copy (select name, plays from artist order by plays) to stdout')))
        expect(Buffer.concat(out as Buffer[]).toString()).toBe(lines.join(''))
        const client = await pool.connect()
        await client.query('begin')
        await pipeline(Readable.from(['Nobody\t0\n']), client.query(copyFrom('copy artist (name, plays) from stdin')))
        expect((await client.query('select count(*)::int as n from artist')).rows).toEqual([{ n: 1_001 }])
        await client.query('rollback')
        const wrong = pipeline(
          Readable.from(['Nobody\tmany\n']),
          client.query(copyFrom('copy artist (name, plays) from stdin')),
        )
        await expect(wrong).rejects.toMatchObject({ code: '22P02' })
        expect((await client.query('select count(*)::int as n from artist')).rows).toEqual([{ n: 1_000 }])
        client.release()
      })
      await calm()
      await expectAllBack(pool)
      expect((await database().db.query(sql`select from artist`)).rows).toHaveLength(1_000)
    })
  })
})
