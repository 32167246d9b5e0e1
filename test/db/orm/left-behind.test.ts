// What ORMs leave behind: transactions that never began, could not be rolled back, or were forgotten. No connection is lost
// to them, nobody else meets what they left, and the pool can be ended.

import { randomUUID } from 'node:crypto'
import { PrismaPg } from '@prisma/adapter-pg'
import { sql as drizzleSql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { sql as kyselySql } from 'kysely'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import type { StrataPoolConfig } from '../../../src/db/pool/options.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { sql } from '../../../src/sql/sql.ts'
import { waitUntil } from '../../support/wait.ts'
import { artist } from './drizzle-app.ts'
import { openKysely } from './kysely-app.ts'
import { createMusic } from './music.ts'
import { inTransaction, query } from './prisma-app.ts'
import { useReplicas } from './replicas.ts'

describe('what an ORM leaves behind', () => {
  const database = useReplicas(18, createMusic)
  const suicide = 'select pg_terminate_backend(pg_backend_pid())'

  describe.each([{ where: 'with one server' }, { where: 'with replicas' }])('$where', ({ where }) => {
    const open = (more: StrataPoolConfig = {}): StrataPool => {
      const { url, config } = database()
      const shared = { ...more, application_name: `left ${randomUUID()}` }
      return new StrataPool({ ...(where === 'with one server' ? { connectionString: url } : config), ...shared })
    }

    /** Nobody holds a connection, none is inside a transaction, and the pool ends. */
    async function expectNothingLeft(pool: StrataPool): Promise<void> {
      await waitUntil(() => pool.totalCount === pool.idleCount, { what: 'every connection to be idle' })
      expect(pool.waitingCount).toBe(0)
      const { rows } = await pool.query({
        text: `select count(*)::int as open from pg_stat_activity
          where application_name = current_setting('application_name') and state like 'idle in transaction%'`,
        route: 'write',
      })
      expect(rows).toEqual([{ open: 0 }])
      let ended = false
      void pool.end().then(() => (ended = true))
      await waitUntil(() => ended, { what: 'the pool to end' })
      expect(pool.totalCount).toBe(0)
    }

    test('a BEGIN that the server refuses, outside of every try', async () => {
      const pool = open({ max: 2 })
      const db = drizzle(pool)
      for (let round = 0; round < 5; round++) {
        const failed = db.transaction(async () => undefined, { isolationLevel: 'sideways' as 'serializable' })
        await expect(failed).rejects.toMatchObject({ cause: { code: '42601' } })
      }
      expect(await db.transaction((tx) => tx.select().from(artist))).toEqual([])
      await expectNothingLeft(pool)
    })

    test('a BEGIN for which no connection comes free', async () => {
      const pool = open({ max: 1, connectionTimeoutMillis: 200 })
      const held = await pool.connect()
      await held.query('begin')
      const failed = drizzle(pool).transaction(async () => undefined)
      if (where === 'with one server') await expect(failed).rejects.toThrow(/200 ms/)
      else await expect(failed).rejects.toMatchObject({ cause: { code: 'POOL_TIMEOUT' } })
      await held.query('rollback')
      held.release()
      await expectNothingLeft(pool)
    })

    test('a BEGIN on a connection that was cut off a moment before', async () => {
      const pool = open({ max: 1 })
      pool.on('error', () => undefined)
      const db = drizzle(pool)
      for (let round = 0; round < 5; round++) {
        const { rows } = await pool.query<{ pid: number }>({ text: 'select pg_backend_pid() as pid', route: 'write' })
        await database().db.query(sql`select pg_terminate_backend(${rows[0]?.pid ?? 0}::int)`)
        const began = db.transaction(async () => 'began').catch(() => 'failed')
        expect(['began', 'failed']).toContain(await began)
      }
      await expectNothingLeft(pool)
    })

    test('a connection lost inside a transaction, where ROLLBACK fails too', async () => {
      const pool = open({ max: 2 })
      pool.on('error', () => undefined)
      const kysely = openKysely(pool)
      const prisma = await new PrismaPg(pool).connect()
      const lost = [
        drizzle(pool).transaction((tx) => tx.execute(drizzleSql.raw(suicide))),
        kysely.transaction().execute((tx) => kyselySql.raw(suicide).execute(tx)),
        inTransaction(prisma, 'SERIALIZABLE', (tx) => tx.queryRaw(query(suicide))),
      ]
      for (const outcome of await Promise.allSettled(lost)) expect(outcome.status).toBe('rejected')
      expect(await kysely.selectFrom('artist').selectAll().execute()).toEqual([])
      await expectNothingLeft(pool)
    })

    test('a transaction that nobody ended is rolled back, told of, and unseen by who comes next', async () => {
      const pool = open({ max: 1 })
      const healed: unknown[] = []
      pool.on('clientHealed' as 'release', (what: unknown) => healed.push(what))
      const forgetful = await pool.connect()
      await forgetful.query('begin')
      await forgetful.query("insert into artist (name) values ('Nobody')")
      forgetful.release()
      const next = await pool.connect()
      const { rows } = await next.query(
        'select count(*)::int as artists, pg_current_xact_id_if_assigned() as xid from artist',
      )
      expect(rows).toEqual([{ artists: 0, xid: null }])
      expect(healed).toEqual([{ node: 'primary' }])
      // Aborted, and not ended.
      await next.query('begin')
      await expect(next.query('select 1 / 0')).rejects.toMatchObject({ code: '22012' })
      next.release()
      expect((await pool.query('insert into artist (name) values ($1) returning name', ['Nina'])).rows).toEqual([
        { name: 'Nina' },
      ])
      expect(healed).toHaveLength(2)
      await pool.query('truncate artist cascade')
      await expectNothingLeft(pool)
    })

    test('a transaction that only reads and that nobody ended', async () => {
      const pool = open({ max: 1 })
      await pool.start()
      const healed: unknown[] = []
      pool.on('clientHealed' as 'release', (what: unknown) => healed.push(what))
      const forgetful = await pool.connect()
      await forgetful.query('begin read only')
      await forgetful.query('select count(*) from artist')
      forgetful.release()
      await waitUntil(() => healed.length === 1, { what: 'the transaction to be rolled back' })
      await expectNothingLeft(pool)
    })

    test('a client given back while its statement still runs is nobody else before that has ended', async () => {
      const pool = open({ max: 2 })
      const hasty = await pool.connect()
      await hasty.query('begin')
      const answers: string[] = []
      const slow = hasty.query('select pg_sleep(0.2), 1 as n').then(({ rows }) => answers.push(`slow ${rows[0].n}`))
      hasty.release()
      const other = await pool.connect()
      await other.query('begin')
      await other.query("insert into artist (name) values ('Ella')")
      await slow
      expect((await other.query('select name from artist')).rows).toEqual([{ name: 'Ella' }])
      await other.query('rollback')
      other.release()
      expect(answers).toEqual(['slow 1'])
      await expectNothingLeft(pool)
    })

    test('a client that is released twice, or used after it', async () => {
      const pool = open()
      const client = await pool.connect()
      await client.query('select 1')
      client.release()
      expect(() => client.release()).toThrow(/already been released/)
      await expect(client.query('select 1')).rejects.toMatchObject({ code: 'POOL_RELEASED_TWICE' })
      const [again, done] = await new Promise<[pg.PoolClient, () => void]>((resolve, reject) => {
        pool.connect((error, given, done) => (given === undefined ? reject(error) : resolve([given, done])))
      })
      await again.query('select 1')
      done()
      expect(() => done()).toThrow(/already been released/)
      expect(() => again.release()).toThrow(/already been released/)
      await expectNothingLeft(pool)
    })

    test('a pool is told by its class, so each transaction has a connection of its own', async () => {
      const pool = open()
      expect(pool).toBeInstanceOf(pg.Pool)
      const prisma = await new PrismaPg(pool).connect()
      expect(prisma.underlyingDriver()).toBe(pool)
      let inside = 0
      const pids = await Promise.all(
        [1, 2, 3].map(() =>
          drizzle(pool).transaction(async (tx) => {
            const ask = drizzleSql`select pg_backend_pid() as pid`
            const first = await tx.execute<{ pid: number }>(ask)
            inside++
            await waitUntil(() => inside === 3, { what: 'all three to be inside' })
            const second = await tx.execute<{ pid: number }>(ask)
            expect(second.rows).toEqual(first.rows)
            return first.rows[0]?.pid
          }),
        ),
      )
      expect(new Set(pids).size).toBe(3)
      await prisma.dispose()
      await expectNothingLeft(pool)
    })
  })
})
