// Batches: answered in order, in one flight, each statement on its own.

import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { typed } from '../../../src/db/query/index.ts'
import { sql, type Sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { failureOf, openApi } from './support.ts'

describeOnEachVersion(
  'batch',
  (_version, database) => {
    it('answers each statement, on one connection', async () => {
      const { api, pool } = openApi({ connectionString: database().url, max: 1 })
      const [first, second, third] = await api.batch([
        typed<{ n: number }>(sql`select ${1}::int as n, ${'x'} as text`),
        sql`insert into b values (${1}, ${'one'}), (2, null)`,
        typed<{ id: number }>(sql`select id from b order by id`),
      ])
      expect(first.rows).toEqual([{ n: 1, text: 'x' }])
      expect(second.rowCount).toBe(2)
      expect(third.rows).toEqual([{ id: 1 }, { id: 2 }])
      expect(await api.batch([])).toEqual([])
      const many = await api.batch(Array.from({ length: 1_000 }, (_, index) => sql`select ${index}::int as n`))
      expect(many.map(({ rows }) => rows[0]?.['n'])).toEqual(Array.from({ length: 1_000 }, (_, index) => index))
      expect(pool.totalCount).toBe(1)
    })

    it('tells the first error when all have been answered, and the others stand', async () => {
      const { api } = openApi({ connectionString: database().url, max: 1 })
      await api.query(sql`truncate b`)
      const statements = [
        sql`insert into b values (1, 'a')`,
        sql`insert into b values (${1}, ${'hushhush'})`,
        sql`insert into b values (2, 'b')`,
        sql`select nonsense`,
      ]
      const error = await failureOf(api.batch(statements))
      expect(error).toMatchObject({ code: 'BATCH_FAILED', details: { index: 1, failed: [1, 3], sqlstate: '23505' } })
      expect(inspect(error)).not.toContain('hushhush')
      expect((await api.query(sql`select id from b order by id`)).rows).toEqual([{ id: 1 }, { id: 2 }])
      const outcomes = await api.batch([sql`select 1 as one`, sql`select 1 / 0`], { settle: true })
      expect(outcomes).toMatchObject([
        { status: 'fulfilled', value: { rows: [{ one: 1 }] } },
        { status: 'rejected', reason: { code: '22012' } },
      ])
    })

    it('leaves the connection fit when the last, the only, or every statement fails', async () => {
      const { api, pool } = openApi({ connectionString: database().url, max: 1 })
      const bad = sql`select 1 / 0`
      const good = sql`select 1 as one`
      for (const statements of [[good, bad], [bad], [bad, bad], [bad, good]] as Sql[][]) {
        expect(await failureOf(api.batch(statements))).toMatchObject({ code: 'BATCH_FAILED' })
        expect((await api.query(good)).rows).toEqual([{ one: 1 }])
      }
      expect(pool.totalCount).toBe(1)
      const unfit = {
        toPostgres: () => {
          throw new Error('no')
        },
      }
      expect(await failureOf(api.batch([good, sql`select ${unfit}`]))).toMatchObject({
        code: 'VALUE_INVALID',
        details: { index: 1 },
      })
      expect(await failureOf(api.batch([sql`begin`, good]))).toMatchObject({ code: 'VALUE_INVALID' })
      expect((await api.query(good)).rows).toEqual([{ one: 1 }])
    })

    it('answers every statement when the connection is lost in the middle', async () => {
      const { api } = openApi({ connectionString: database().url, max: 1 })
      await api.query(sql`truncate b`)
      const work = api.batch(
        [sql`insert into b values (1, 'a')`, sql`select pg_sleep(60)`, sql`insert into b values (2, 'b')`],
        {
          settle: true,
        },
      )
      const { db } = database()
      await waitUntil(
        async () =>
          (
            await db.query(sql`select pg_terminate_backend(pid) from pg_stat_activity
          where state = 'active' and query = 'select pg_sleep(60)' and datname = current_database()`)
          ).rowCount === 1,
        { what: 'the second statement to run' },
      )
      expect((await work).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
      expect((await api.query(sql`select id from b`)).rows).toEqual([{ id: 1 }])
    })
  },
  async ({ db }) => void (await db.query(sql`create table b (id int primary key, name text)`)),
)
