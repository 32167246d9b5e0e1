// What programs use of pg.Pool besides promises: callbacks in all their forms, events, counts, options and the end. On a
// StrataPool of one server all of it is as on pg.Pool itself; with replicas the same calls give the same answers.

import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { sql } from '../../../src/sql/sql.ts'
import { waitUntil } from '../../support/wait.ts'
import { createMusic, emptyMusic } from './music.ts'
import { startWithReplicas, useReplicas } from './replicas.ts'

type Answer = readonly [error: unknown, rows: unknown]

/** Resolves with what the callback was given. */
function called(
  call: (callback: (error: Error | null | undefined, result?: pg.QueryResult) => void) => unknown,
): Promise<Answer> {
  return new Promise((resolve) => {
    const returned = call((error, result) => {
      const { code, message } = (error ?? {}) as { code?: string; message?: string }
      resolve([error == null ? null : [code, message], result?.rows])
    })
    if (returned !== undefined) resolve(['it returned something', returned])
  })
}

function connected(pool: pg.Pool): Promise<[pg.PoolClient, (error?: Error | boolean) => void]> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client, done) => (client === undefined ? reject(error) : resolve([client, done])))
  })
}

async function withCallbacks(pool: pg.Pool): Promise<readonly Answer[]> {
  const insert = 'insert into artist (name) values ($1) returning id, name'
  const byName = 'select id from artist where name = $1'
  // A form that pg takes and its types do not tell of.
  const anyForm = pool as unknown as { query(config: object, values: unknown[], callback: unknown): unknown }
  const answers = [
    await called((callback) => pool.query('select 1 as one', callback)),
    await called((callback) => pool.query(insert, ['Nina'], callback)),
    await called((callback) => pool.query({ text: insert, values: ['Ella'] }, callback)),
    await called((callback) =>
      pool.query({ text: 'select name from artist order by id', rowMode: 'array' }, callback as never),
    ),
    await called((callback) => anyForm.query({ name: 'by_name', text: byName }, ['Ella'], callback)),
    await called((callback) => pool.query(insert, ['Nina'], callback)),
    await called((callback) => pool.query('select nothing', callback)),
  ]
  const [client, done] = await connected(pool)
  answers.push(
    await called((callback) => client.query('begin', callback)),
    await called((callback) => client.query(insert, ['Miles'], callback)),
    await called((callback) => client.query({ text: insert, values: ['Nina'] }, callback)),
    await called((callback) => client.query('rollback', callback)),
    await called((callback) => client.query('select name from artist order by id', callback)),
  )
  done()
  const several = (await pool.query('select 1 as a; select 2 as b')) as unknown as pg.QueryResult[]
  answers.push(...several.map(({ rows }): Answer => [null, rows]))
  return answers
}

/** Events in their order, and counts between them. */
async function happenings(pool: pg.Pool): Promise<readonly unknown[]> {
  const seen: unknown[] = []
  const count = (): unknown => seen.push([pool.totalCount, pool.idleCount, pool.waitingCount])
  // pg tells of those that end() closes after it has resolved, we before.
  let removed = 0
  pool.on('remove', (client) => (removed += client instanceof pg.Client ? 1 : 0))
  for (const event of ['connect', 'acquire'] as const) {
    pool.on(event, (client) => seen.push([event, client instanceof pg.Client]))
  }
  pool.on('release', (error: unknown, client) =>
    seen.push(['release', error instanceof Error || error === true, client instanceof pg.Client]),
  )
  count()
  await pool.query('select 1')
  count()
  const [first, second] = [await pool.connect(), await pool.connect()]
  count()
  const waiting = pool.connect()
  count()
  first.release()
  const third = await waiting
  count()
  second.release(new Error('broken'))
  third.release()
  await waitUntil(() => pool.totalCount === 1, { what: 'the broken one to be gone' })
  count()
  seen.push([pool.ending, pool.ended])
  const ended = pool.end()
  seen.push(pool.ending)
  await ended
  count()
  seen.push([pool.ending, pool.ended])
  seen.push(await pool.query('select 1').catch((error: Error) => error.message))
  seen.push(await pool.connect().catch((error: Error) => error.message))
  await waitUntil(() => removed === 2, { what: 'to be told of both that they are gone' })
  return seen
}

describe('the surface of pg.Pool', () => {
  const database = useReplicas(18, createMusic)
  const ending = <T extends pg.Pool>(pool: T): T => {
    onTestFinished(() => pool.end())
    return pool
  }

  test('callbacks are given what pg.Pool gives them', async () => {
    const { url, db, config } = database()
    await emptyMusic(db)
    const reference = await withCallbacks(ending(new pg.Pool({ connectionString: url })))
    expect(reference.filter(([error]) => error !== null)).toHaveLength(3)
    await emptyMusic(db)
    expect(await withCallbacks(ending(new StrataPool({ connectionString: url })))).toEqual(reference)
    await emptyMusic(db)
    const replicated = ending(new StrataPool(config))
    await startWithReplicas(replicated)
    expect(await withCallbacks(replicated)).toEqual(reference)
  })

  test('events and counts are those of pg.Pool, with one server', async () => {
    const options = { connectionString: database().url, max: 2 }
    expect(await happenings(new StrataPool(options))).toEqual(await happenings(new pg.Pool(options)))
  })

  test('an idle connection that breaks is an error of the pool, and only of the pool', async () => {
    for (const open of [
      (options: pg.PoolConfig) => new pg.Pool(options),
      (options: pg.PoolConfig) => new StrataPool(options),
    ]) {
      const pool = ending(open({ connectionString: database().url, max: 1 }))
      const errors: unknown[] = []
      pool.on('error', (error, client) => errors.push([(error as { code?: string }).code, client instanceof pg.Client]))
      const { rows } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid')
      await database().db.query(sql`select pg_terminate_backend(${rows[0]?.pid ?? 0}::int)`)
      await waitUntil(() => errors.length > 0 && pool.totalCount === 0, {
        what: 'the error, and the connection to be gone',
      })
      expect(errors).toEqual([['57P01', true]])
      expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    }
  })

  test('who waits is counted, over all nodes', async () => {
    const pool = ending(new StrataPool({ ...database().config, max: 1 }))
    await startWithReplicas(pool)
    const holder = await pool.connect()
    await holder.query('begin')
    const waiting = Array.from({ length: 3 }, () => pool.query({ text: 'select 1', route: 'write' }))
    await waitUntil(() => pool.waitingCount === 3, { what: 'all three to wait' })
    await holder.query('commit')
    holder.release()
    await Promise.all(waiting)
    expect(pool.waitingCount).toBe(0)
    expect(pool.totalCount).toBe(pool.idleCount)
  })

  test('the options are those given, with the defaults of pg, and show no password', () => {
    const options = { host: 'db', user: 'app', password: 'open sesame', max: 7 }
    const replicas = [{ host: 'replica', password: 'open sesame too' }]
    const [pool, reference] = [new StrataPool({ ...options, replicas }), new pg.Pool(options)]
    expect({ ...pool.options }).toEqual({ ...reference.options })
    expect(pool.options.password).toBe('open sesame')
    expect(JSON.stringify(pool.options)).not.toContain('sesame')
  })

  test('end() calls back, too', async () => {
    const pool = new StrataPool({ connectionString: database().url })
    await pool.query('select 1')
    await new Promise<void>((resolve) => pool.end(resolve))
    expect(pool).toMatchObject({ ending: true, ended: true, totalCount: 0 })
  })
})
