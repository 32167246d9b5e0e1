// Bulk inserts: all or nothing, by either way the same, refused where something would be lost, and no value in an error.

import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { failureOf, openApi } from './support.ts'

function* numbered(count: number, word = 'word'): Generator<{ id: number; word: string }> {
  for (let id = 1; id <= count; id++) yield { id, word: `${word} ${id}` }
}

describeOnEachVersion(
  'bulkInsert',
  (_version, database) => {
    it.each([1, 3, 700, 5_000, 30_000])('writes %i rows, once each', async (count) => {
      const { api } = openApi({ connectionString: database().url })
      await api.query(sql`truncate words`)
      expect(await api.bulkInsert('words', numbered(count))).toEqual({ count, rows: [] })
      const { rows } = await api.query(
        sql`select count(*)::int as n, sum(id)::int as sum, min(made) as made from words`,
      )
      expect(rows).toEqual([{ n: count, sum: (count * (count + 1)) / 2, made: 'by default' }])
    })

    it('writes nothing for no rows, and takes lists, qualified names and async rows', async () => {
      const { api } = openApi({ connectionString: database().url })
      await api.query(sql`truncate words`)
      expect(await api.bulkInsert('words', [])).toEqual({ count: 0, rows: [] })
      const lists = async function* (): AsyncGenerator<unknown[]> {
        yield [1, 'a']
        yield await Promise.resolve([2, null])
      }
      expect((await api.bulkInsert(['public', 'words'], lists(), { columns: ['id', 'word'] })).count).toBe(2)
      expect((await api.query(sql`select id, word from words order by id`)).rows).toEqual([
        { id: 1, word: 'a' },
        { id: 2, word: null },
      ])
    })

    it.each([10, 20_000])('writes all of %i rows or none', async (count) => {
      const { api } = openApi({ connectionString: database().url, max: 1 })
      await api.query(sql`truncate words`)
      const failing = function* (end: 'throw' | 'twice' | 'wrong'): Generator<object> {
        yield* numbered(count, 'hushhush')
        if (end === 'throw') throw new Error('source broke')
        yield { id: end === 'twice' ? 1 : 'hushhush', word: 'hushhush' }
      }
      expect((await failureOf(api.bulkInsert('words', failing('throw')))).message).toBe('source broke')
      const twice = await failureOf(api.bulkInsert('words', failing('twice')))
      expect(twice).toMatchObject({ code: '23505', constraint: 'words_pkey' })
      const wrong = await failureOf(api.bulkInsert('words', failing('wrong')))
      expect(wrong).toMatchObject({ code: '22P02' })
      for (const error of [twice, wrong]) expect(inspect(error)).not.toMatch(/hushhush|\(1\)/)
      expect((await api.query(sql`select from words`)).rowCount).toBe(0)
    })

    it('closes its source when it fails, and reads no further than it writes', async () => {
      const { api } = openApi({ connectionString: database().url })
      await api.query(sql`truncate words`)
      let read = 0
      let isClosed = false
      const endless = function* (): Generator<object> {
        try {
          for (;;) yield { id: ++read < 50_000 ? read : 1, word: 'x' }
        } finally {
          isClosed = true
        }
      }
      expect(await failureOf(api.bulkInsert('words', endless()))).toMatchObject({ code: '23505' })
      expect(isClosed).toBe(true)
      // Between the row and the server's answer lie what the socket and the stream hold.
      expect(read).toBeLessThan(3_000_000)
    })

    it('commits batch by batch where it is told to, and says how far it came', async () => {
      const { api } = openApi({ connectionString: database().url })
      for (const batchSize of [100, 1_000]) {
        await api.query(sql`truncate words`)
        const seen: number[] = []
        const rows = function* (): Generator<object> {
          yield* numbered(batchSize * 2)
          yield { id: 1, word: 'hushhush' }
        }
        const options = { each: true, batchSize, onProgress: (count: number) => void seen.push(count) }
        const error = await failureOf(api.bulkInsert('words', rows(), options))
        expect(error).toMatchObject({
          code: 'BULK_INSERT_STOPPED',
          details: { count: batchSize * 2, written: batchSize * 2, sqlstate: '23505' },
        })
        expect(inspect(error)).not.toContain('hushhush')
        expect(seen).toEqual([batchSize, batchSize * 2])
        expect((await api.query(sql`select from words`)).rowCount).toBe(batchSize * 2)
      }
    })

    it('passes over or changes rows that are there, and gives rows back', async () => {
      const { api } = openApi({ connectionString: database().url })
      await api.query(sql`truncate words`)
      await api.bulkInsert('words', numbered(2))
      expect((await api.bulkInsert('words', numbered(12_000, 'new'), { onConflict: 'nothing' })).count).toBe(11_998)
      const answer = await api.bulkInsert<{ id: number; word: string }>('words', numbered(3, 'changed'), {
        onConflict: { columns: ['id'], update: ['word'] },
        returning: ['id', 'word'],
      })
      expect(answer).toEqual({ count: 3, rows: [...numbered(3, 'changed')] })
    })

    it('refuses what would be lost or cannot be', async () => {
      const { api } = openApi({ connectionString: database().url })
      const refused = async (table: string, rows: readonly object[], columns?: readonly string[]): Promise<string> => {
        const error = await failureOf(api.bulkInsert(table, rows, columns === undefined ? {} : { columns }))
        expect(error['code']).toBe('VALUE_INVALID')
        expect(error.message).not.toContain('hushhush')
        return error.message
      }
      expect(
        await refused('words', [
          { id: 1, word: 'a' },
          { id: 2, word: undefined },
        ]),
      ).toContain('Row 2, column "word"')
      expect(await refused('words', [{ id: 1 }, { id: 2, word: 'hushhush' }])).toContain('got "word", too')
      expect(await refused('words', [[1, 'a']])).toContain('`columns`')
      expect(await refused('words', [[1]], ['id', 'word'])).toContain('expected 2 values')
      expect(await refused('words', [{ nonsense: 1 }])).toContain('no column "nonsense"')
      expect(await refused('kinds', [{ made: 1 }])).toContain('generated')
      expect(await refused('kinds', [{ id: 1 }])).toContain('identity')
      expect(await refused('words', [{ id: 1, word: 'hushhush\0' }])).toContain('NUL')
      expect(await refused('words', [{ id: 1, word: 'hushhush\ud800' }])).toContain('well-formed')
      expect(await refused('words', [{ id: 1, word: { a: 'hushhush' } }])).toContain('got an object')
      expect(await failureOf(api.bulkInsert('nowhere', [{ a: 1 }]))).toMatchObject({ code: '42P01' })
      expect((await api.bulkInsert('kinds', [{ n: 1 }, { n: 2 }])).count).toBe(2)
      expect(await failureOf(api.bulkInsert('kinds', [{ short: 'toolong' }]))).toMatchObject({ code: '22001' })
      expect(await failureOf(api.bulkInsert('kinds', [{ nick: 'toolong' }]))).toMatchObject({ code: '22001' })
    })

    it('sees a table that was changed after a failure', async () => {
      const { api } = openApi({ connectionString: database().url })
      await api.query(sql`create table shifting (a int)`)
      await api.bulkInsert('shifting', [{ a: 1 }])
      await api.query(sql`alter table shifting rename a to b`)
      expect((await failureOf(api.bulkInsert('shifting', [{ a: 2 }])))['code']).toBe('42703')
      expect((await api.bulkInsert('shifting', [{ b: 2 }])).count).toBe(1)
    })

    it.each([10, 3_000])('writes %i rows under row security, and none if one of them is not allowed', async (count) => {
      // COPY is refused there.
      const { db, name, url } = database()
      const role = `tenant_${name}`
      await db.query(
        sql.raw(`create role ${role} login;
        create table shares (id int primary key, tenant text not null default current_user);
        alter table shares enable row level security;
        create policy own on shares using (tenant = current_user);
        grant select, insert on shares to ${role}`),
      )
      try {
        const { api, pool } = openApi({ connectionString: Object.assign(new URL(url), { username: role }).href })
        const shares = function* (others: string): Generator<object> {
          for (let id = 1; id < count; id++) yield { id, tenant: role }
          yield { id: count, tenant: others }
        }
        const refused = await failureOf(api.bulkInsert('shares', shares('hushhush')))
        expect(refused).toMatchObject({ code: '42501' })
        expect(inspect(refused)).not.toContain('hushhush')
        expect((await db.query(sql`select from shares`)).rowCount).toBe(0)
        expect((await api.bulkInsert('shares', shares(role))).count).toBe(count)
        await db.query(sql`insert into shares values (0, 'another')`)
        expect((await api.query(sql`select from shares`)).rowCount).toBe(count)
        await pool.end()
      } finally {
        await db.query(sql.raw(`drop table shares; drop role ${role}`))
      }
    })

    it('is part of a transaction, and of its savepoints', async () => {
      const { api } = openApi({ connectionString: database().url, max: 1 })
      await api.query(sql`truncate words`)
      await api.tx(async (tx) => {
        await tx.bulkInsert('words', numbered(3_000))
        await failureOf(tx.tx((inner) => inner.bulkInsert('words', numbered(5_000))))
        expect((await tx.query(sql`select from words`)).rowCount).toBe(3_000)
        const { count } = await tx.copyIn(sql`copy words (id, word) from stdin`, [
          '9001\tx\n',
          Buffer.from('9002\t\\N\n'),
        ])
        expect(count).toBe(2)
      })
      expect((await api.query(sql`select from words`)).rowCount).toBe(3_002)
    })

    it('ends when the connection is lost in the middle of a COPY', async () => {
      const { api } = openApi({ connectionString: database().url, max: 1 })
      await api.query(sql`truncate words`)
      const { db } = database()
      const rows = async function* (): AsyncGenerator<object> {
        yield* numbered(20_000)
        await waitUntil(
          async () =>
            (
              await db.query(sql`select pg_terminate_backend(pid) from pg_stat_activity
            where query like 'copy %' and datname = current_database()`)
            ).rowCount === 1,
          { what: 'the COPY to run' },
        )
        for (let id = 20_001; ; id++) yield { id, word: 'x' }
      }
      const error = await failureOf(api.bulkInsert('words', rows()))
      expect(error.message).toMatch(/terminat|ECONNRESET|EPIPE|closed|not queryable/i)
      expect((await api.query(sql`select from words`)).rowCount).toBe(0)
    })
  },
  async ({ db }) => {
    await db.query(sql`create table words (id int primary key, word text, made text default 'by default')`)
    await db.query(sql`create domain nickname as varchar(4)`)
    await db.query(sql`create table kinds (id int generated always as identity, n int,
      made int generated always as (n * 2) stored, short varchar(3), nick nickname)`)
  },
)

describeOnEachVersion('copyIn', (_version, database) => {
  it('counts what it wrote, and writes nothing when its source or a row is bad', async () => {
    const { api } = openApi({ connectionString: database().url, max: 1 })
    await api.query(sql`create table lines (id int primary key, text text)`)
    const copy = sql`copy lines from stdin (format csv)`
    expect(await api.copyIn(copy, ['1,"a,b"\n2,', 'c\n'])).toEqual({ count: 2 })
    const broken = function* (): Generator<string> {
      yield '3,x\n'
      throw new Error('source broke')
    }
    expect((await failureOf(api.copyIn(copy, broken()))).message).toBe('source broke')
    expect(await failureOf(api.copyIn(copy, ['4,x\n1,x\n']))).toMatchObject({ code: '23505' })
    for (const text of [
      'select 1',
      'copy lines to stdout',
      "copy lines from '/tmp/x'",
      'copy lines from stdin; select 1',
    ]) {
      expect(await failureOf(api.copyIn(sql.raw(text), []))).toMatchObject({ code: 'VALUE_INVALID' })
    }
    expect(await failureOf(api.copyIn(sql`copy nowhere from stdin`, ['1\n']))).toMatchObject({ code: '42P01' })
    expect((await api.query(sql`select id from lines order by id`)).rows).toEqual([{ id: 1 }, { id: 2 }])
  })
})
