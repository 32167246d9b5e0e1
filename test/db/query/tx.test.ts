// Transactions: all or nothing, run again when a race was lost, savepoints inside, bounded in time, never a connection left
// in the middle of one.

import { expect, it } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import type { Tx } from '../../../src/db/query/index.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { failureOf, openApi } from './support.ts'

describeOnEachVersion(
  'tx',
  (_version, database) => {
    it('commits all or nothing', async () => {
      const { api } = openApi({ connectionString: database().url, max: 2 })
      await api.query(sql`truncate t`)
      const value = await api.tx(async (tx) => {
        await tx.query(sql`insert into t values (1)`)
        return await tx.query(sql`insert into t values (2)`)
      })
      expect(value.rowCount).toBe(1)
      const error = await failureOf(
        api.tx(async (tx) => {
          await tx.query(sql`insert into t values (3)`)
          throw new Error('changed my mind')
        }),
      )
      expect(error.message).toBe('changed my mind')
      expect((await api.query(sql`select id from t order by id`)).rows).toEqual([{ id: 1 }, { id: 2 }])
    })

    it('says so when a swallowed error made COMMIT a ROLLBACK', async () => {
      const { api } = openApi({ connectionString: database().url })
      const error = await failureOf(
        api.tx(async (tx) => {
          await tx.query(sql`insert into t values (50)`)
          await tx.query(sql`select 1 / 0`).catch(() => undefined)
        }),
      )
      expect(error).toMatchObject({ code: 'TRANSACTION_ABORTED', cause: { code: '22012' } })
      expect((await api.query(sql`select from t where id = 50`)).rowCount).toBe(0)
    })

    it('runs again after a serialization failure, with waits that grow, and only so often', async () => {
      const clock = fakeClock()
      const { api } = openApi({ connectionString: database().url }, { clock, random: () => 0.5 })
      await api.query(sql`truncate t`)
      await api.query(sql`insert into t values (1)`)
      let attempts = 0
      const disturbed = async (tx: Tx): Promise<void> => {
        attempts++
        await tx.query(sql`select * from t`)
        await api.query(sql`update t set n = n + 1`)
        await tx.query(sql`update t set n = n + 100`)
      }
      expect(await failureOf(api.tx(disturbed, { isolation: 'repeatable read', retries: 3 }))).toMatchObject({
        code: '40001',
      })
      expect(attempts).toBe(4)
      expect(clock.slept).toEqual([10, 20, 40])
      attempts = 0
      await api.tx(
        async (tx) => {
          attempts++
          await tx.query(sql`select * from t`)
          if (attempts < 3) await api.query(sql`update t set n = n + 1`)
          await tx.query(sql`update t set n = n + 100`)
        },
        { isolation: 'repeatable read' },
      )
      expect(attempts).toBe(3)
      expect((await api.query(sql`select n from t`)).rows).toEqual([{ n: 106 }])
    })

    it('runs again after a deadlock', async () => {
      const { api } = openApi({ connectionString: database().url })
      await api.query(sql`truncate t`)
      await api.query(sql`insert into t values (1), (2)`)
      let attempts = 0
      let arrived = 0
      const cross = (first: number, second: number): Promise<void> =>
        api.tx(async (tx) => {
          attempts++
          await tx.query(sql`update t set n = n + 1 where id = ${first}`)
          arrived++
          await waitUntil(() => arrived >= 2, { what: 'both to hold a row' })
          await tx.query(sql`update t set n = n + 1 where id = ${second}`)
        })
      await Promise.all([cross(1, 2), cross(2, 1)])
      expect(attempts).toBe(3)
      expect((await api.query(sql`select n from t order by id`)).rows).toEqual([{ n: 2 }, { n: 2 }])
    })

    it('undoes what fails in a savepoint, and goes on', async () => {
      const { api } = openApi({ connectionString: database().url })
      await api.query(sql`truncate t`)
      await api.tx(async (tx) => {
        await tx.query(sql`insert into t values (1)`)
        const failed = tx.tx(async (inner) => {
          await inner.query(sql`insert into t values (2)`)
          await inner.tx((innermost) => innermost.query(sql`insert into t values (3)`))
          await inner.query(sql`insert into t values (1)`)
        })
        expect(await failureOf(failed)).toMatchObject({ code: '23505' })
        await tx.tx((inner) => inner.query(sql`insert into t values (4)`))
      })
      expect((await api.query(sql`select id from t order by id`)).rows).toEqual([{ id: 1 }, { id: 4 }])
    })

    it('refuses one inside another, a tx beside its savepoint, and a tx after its end', async () => {
      const { api } = openApi({ connectionString: database().url, max: 2 })
      let kept: Tx | undefined
      await api.tx(async (tx) => {
        kept = tx
        expect(await failureOf(api.tx(() => Promise.resolve()))).toMatchObject({ code: 'TRANSACTION_MISUSED' })
        await tx.tx(async () => {
          expect(await failureOf(tx.query(sql`select 1`))).toMatchObject({ code: 'TRANSACTION_MISUSED' })
        })
        await api.tx((other) => other.query(sql`insert into t values (70)`), { separate: true })
      })
      expect(await failureOf((kept as Tx).query(sql`select 1`))).toMatchObject({ code: 'TRANSACTION_MISUSED' })
      expect((await api.query(sql`select from t where id = 70`)).rowCount).toBe(1)
    })

    it('is cancelled and rolled back when its time is over or its signal fires', async () => {
      const { api, pool } = openApi({ connectionString: database().url, max: 1 })
      const sleeping = (tx: Tx): Promise<unknown> => tx.query(sql`insert into t select 90 from pg_sleep(60)`)
      expect(await failureOf(api.tx(sleeping, { timeoutMs: 100 }))).toMatchObject({ code: 'QUERY_TIMEOUT' })
      const abort = new AbortController()
      const work = api.tx(sleeping, { signal: abort.signal })
      const isSleeping = async (): Promise<boolean> =>
        (
          await database().db.query(
            sql`select from pg_stat_activity where state = 'active' and query like 'insert into t select 90%'`,
          )
        ).rowCount === 1
      await waitUntil(isSleeping, { what: 'the statement to run' })
      abort.abort()
      expect(await failureOf(work)).toMatchObject({ code: 'INTERRUPTED' })
      // It does not wait for what is not the database's.
      const forever = new Promise<never>(() => undefined)
      expect(await failureOf(api.tx(() => forever, { timeoutMs: 50 }))).toMatchObject({ code: 'QUERY_TIMEOUT' })
      expect((await api.query(sql`select from t where id = 90`)).rowCount).toBe(0)
      expect(pool.totalCount).toBe(1)
      expect(await isSleeping()).toBe(false)
    })

    it('says that it does not know when the connection is lost in COMMIT', async () => {
      const { api } = openApi({ connectionString: database().url })
      const { db } = database()
      await db.query(sql`create table slow (id int)`)
      await db.query(
        sql`create function hang() returns trigger language plpgsql as 'begin perform pg_sleep(60); return null; end'`,
      )
      await db.query(sql`create constraint trigger hang after insert on slow deferrable initially deferred
        for each row execute function hang()`)
      const failed = failureOf(api.tx((tx) => tx.query(sql`insert into slow values (1)`)))
      await waitUntil(
        async () =>
          (
            await db.query(sql`select pg_terminate_backend(pid) from pg_stat_activity
          where state = 'active' and query = 'commit' and datname = current_database()`)
          ).rowCount === 1,
        { what: 'COMMIT to run' },
      )
      expect(await failed).toMatchObject({ code: 'COMMIT_UNKNOWN' })
    })

    it('prepares anew, by running again, when a table has changed under a prepared statement', async () => {
      const { api } = openApi({ connectionString: database().url, max: 1 })
      await api.query(sql`create table changing (a int)`)
      const read = (): Promise<number> =>
        api.tx(async (tx) => Object.keys((await tx.query(sql`select * from changing`)).fields).length)
      expect(await read()).toBe(1)
      await api.query(sql`alter table changing add b int`)
      expect(await read()).toBe(2)
    })

    it('refuses options that cannot be', async () => {
      const { api } = openApi({ connectionString: database().url })
      const nothing = (): Promise<void> => Promise.resolve()
      expect(await failureOf(api.tx(nothing, { route: 'read' }))).toMatchObject({ code: 'VALUE_INVALID' })
      expect(await failureOf(api.tx(nothing, { retries: -1 }))).toMatchObject({ code: 'VALUE_INVALID' })
      expect(await failureOf(api.tx(nothing, { isolation: 'x; drop' as never }))).toMatchObject({
        code: 'VALUE_INVALID',
      })
      expect(
        await failureOf(api.tx((tx) => tx.query(sql`insert into t values (1)`), { readOnly: true })),
      ).toMatchObject({
        code: '25006',
      })
    })
  },
  async ({ db }) => void (await db.query(sql`create table t (id int primary key, n int not null default 0)`)),
)
