// Statements prepared by name: bounded on the server, made anew where they are gone or out of date, and never believed to be
// there when they are not. What is believed is looked up in pg_prepared_statements.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { startCluster, type EmbeddedCluster } from '../../../src/embedded/index.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { errorOf, untilReading } from './strata-pool-support.ts'

let cluster: EmbeddedCluster
const opened: StrataPool[] = []

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true })
  await openPool().query('create table notes (id int4, body text)')
})

afterEach(async () => {
  await Promise.all(opened.splice(0).map((pool) => pool.end()))
})

afterAll(async () => {
  await cluster.stop()
})

function openPool(maxPrepared = 256): StrataPool {
  const pool = new StrataPool({ connectionString: cluster.primary.url(), max: 1, maxPrepared })
  opened.push(pool)
  return pool
}

async function countPrepared(pool: StrataPool): Promise<number> {
  const { rows } = await pool.query<{ n: number }>({
    text: `select count(*)::int4 as n from pg_prepared_statements where name like 'pgstrata\\_%' and statement like '%bound%'`,
  })
  return rows[0]?.n ?? -1
}

test('no more than maxPrepared stay on a connection, and one that went is prepared again', async () => {
  const pool = openPool(8)
  await untilReading(pool, 'select 1')
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < 20; n++) {
      const text = `select ${n} as bound_${n}, $1::int4 as given`
      const { rows } = await pool.query<Record<string, number>>({ text, values: [round], prepare: true })
      expect(rows).toEqual([{ [`bound_${n}`]: n, given: round }])
    }
    expect(await countPrepared(pool)).toBeLessThanOrEqual(8)
  }
  expect(await countPrepared(pool)).toBeGreaterThan(4)
})

test.each([false, true])('a table that changed since is no error (in a session: %s)', async (inSession) => {
  const pool = openPool()
  await untilReading(pool, 'select * from notes')
  const work = async (): Promise<void> => {
    const read = { text: 'select * from notes', prepare: true }
    const write = { text: `insert into notes (id) values (1) returning *`, prepare: true }
    const client = await pool.connect()
    await client.query(read)
    await client.query(write)
    for (const column of ['first', 'second']) {
      await client.query(`alter table notes add column ${column} int4`)
      expect((await client.query(read)).fields.map(({ name }) => name)).toContain(column)
      expect((await client.query(write)).rows).toHaveLength(1)
    }
    client.release()
    await pool.query('alter table notes drop column first, drop column second')
    expect((await pool.query(read)).fields.map(({ name }) => name)).toEqual(['id', 'body'])
    expect((await pool.query(write)).rows).toEqual([{ id: 1, body: null }])
  }
  await (inSession ? pool.scope(undefined, work) : work())
})

test.each(['discard all', 'deallocate all'])('%s by the application costs no later statement', async (text) => {
  const pool = openPool()
  await untilReading(pool, 'select 1')
  await pool.scope(undefined, async (session) => {
    const read = { text: 'select count(*) from notes', prepare: true }
    const write = { text: 'insert into notes values ($1)', values: [1], prepare: true }
    const own = { name: 'own', text: 'select 1 as n' }
    for (let round = 0; round < 2; round++) {
      for (const config of [read, write, own]) {
        await pool.query(config)
        await pool.query(text)
        expect(await errorOf(() => pool.query(config))).toBeUndefined()
        expect(await errorOf(() => pool.query(config))).toBeUndefined()
        expect(pool.explainRouting('select 1', { session }).reason).not.toContain('not known')
      }
    }
    const client = await pool.connect()
    await client.query(read)
    await client.query(text)
    expect(await errorOf(() => client.query(read))).toBeUndefined()
    client.release()
  })
})

test('a procedure that committed and then fails for a prepared statement is not run again', async () => {
  const pool = openPool()
  await untilReading(pool, 'select 1')
  await pool.query(`create or replace procedure half() language plpgsql as $$
    begin insert into notes values (777); commit; raise exception 'gone' using errcode = '26000'; end $$`)
  expect(await errorOf(() => pool.query({ text: 'call half()', prepare: true }))).toMatchObject({ code: '26000' })
  expect((await pool.query('select count(*)::int4 as n from notes where id = 777')).rows).toEqual([{ n: 1 }])
})

test('in a session: an error in the middle leaves no name believed prepared', async () => {
  const pool = openPool()
  await untilReading(pool, 'select 1')
  await pool.scope(undefined, async () => {
    const bad = { text: 'select missing from notes', prepare: true }
    const late = { text: 'select 1 / $1::int4 as n', prepare: true }
    expect(await errorOf(() => pool.query(bad))).toMatchObject({ code: '42703' })
    await pool.query('alter table notes add column missing int4')
    expect(await errorOf(() => pool.query(bad))).toBeUndefined()
    await pool.query('alter table notes drop column missing')
    expect(await errorOf(() => pool.query({ ...late, values: [0] }))).toMatchObject({ code: '22012' })
    expect(await errorOf(() => pool.query({ ...late, values: ['x'] }))).toMatchObject({ code: '22P02' })
    expect((await pool.query({ ...late, values: [1] })).rows).toEqual([{ n: 1 }])
    const broken = {
      types: {
        getTypeParser: () => () => {
          throw new Error('cannot read')
        },
      },
    }
    expect(await errorOf(() => pool.query({ ...late, values: [1], ...broken } as never))).toMatchObject({
      message: 'cannot read',
    })
    const rows = await pool.query({ ...late, values: [1], rowMode: 'array' } as { text: string; rowMode: 'array' })
    expect(rows.rows).toEqual([[1]])
    expect((await pool.query({ name: 'mine', text: 'select 1 as n' })).rows).toEqual([{ n: 1 }])
    const clash = await errorOf(() => pool.query({ name: 'mine', text: 'select 2 as n' }))
    expect(clash?.message).toContain('must be unique')
    expect((await pool.query('select 3 as n')).rows).toEqual([{ n: 3 }])
  })
})
