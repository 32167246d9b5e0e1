// What sessions promise however the pool is called: by callback, by streams, in transactions left open. Replay stands still
// wherever a stale read could go unseen.

import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import pg from 'pg'
import copyStreams from 'pg-copy-streams'
import { describe, expect, test } from 'vitest'
import type { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { sql } from '../../../src/sql/sql.ts'
import { waitUntil } from '../../support/wait.ts'
import { insert, isSeen, nextId, onClient, read, readOne, useServers, type Work } from './sessions-support.ts'
import { portOf } from './strata-pool-support.ts'

const servers = useServers()

describe('in callback style, each callback belongs to the session of its caller, on connections shared with others:', () => {
  type Answer = (error: Error | null | undefined, seen?: boolean) => void
  type Style = (pool: StrataPool, id: number, answer: Answer) => void

  /** What reads in the callback, by callback as well. */
  const readBack = (pool: StrataPool, id: number, answer: Answer): void =>
    pool.query(readOne, [id], (error, result) => answer(error, result?.rows.length === 1))

  const styles: Readonly<Record<string, Style>> = {
    'pool.query(text, values, callback)': (pool, id, answer) =>
      pool.query(insert, [id], (error) => (error ? answer(error) : readBack(pool, id, answer))),
    'pool.query(text, callback)': (pool, id, answer) =>
      pool.query(insert.replace('$1', String(id)), (error) => (error ? answer(error) : readBack(pool, id, answer))),
    'client.query(text, callback)': (pool, id, answer) => {
      void pool.connect().then((client) =>
        client.query(insert.replace('$1', String(id)), (error) => {
          client.release()
          if (error) answer(error)
          else readBack(pool, id, answer)
        }),
      )
    },
    'pool.connect(callback)': (pool, id, answer) =>
      pool.connect((failure, client, done) => {
        if (client === undefined) return answer(failure ?? new Error('no client'))
        client.query(insert, [id], (error) => {
          done()
          if (error) answer(error)
          else readBack(pool, id, answer)
        })
      }),
  }

  test.each(Object.entries(styles))('%s', async (_, style) => {
    const pool = await servers().openPool({ max: 1 })
    await servers().pauseReplay()
    const run = (): Promise<boolean> =>
      new Promise((resolve, reject) => {
        style(pool, nextId(), (error, seen) => (error ? reject(error) : resolve(seen === true)))
      })
    for (let round = 0; round < 3; round++) {
      const [one, other] = [pool.session(), pool.session()]
      const seen = await Promise.all([run(), one.run(run), run(), other.run(run), run(), one.run(run)])
      // Outside of a session nothing is promised, and the replicas do not have it.
      expect(seen).toEqual([false, true, false, true, false, true])
    }
  })
})

test('pool.connect(callback) that had to wait calls back in the session of its caller, not of who gave the client back', async () => {
  const pool = await servers().openPool({ max: 1, replicas: [] })
  const [holding, waiting] = [pool.session(), pool.session()]
  const held = await holding.run(() => pool.connect())
  const written = waiting.run(
    () =>
      new Promise<void>((resolve, reject) => {
        pool.connect((failure, client, done) => {
          if (client === undefined) return reject(failure ?? new Error('no client'))
          done()
          pool.query(insert, [nextId()]).then(() => resolve(), reject)
        })
      }),
  )
  await waitUntil(() => pool.waitingCount === 1, { what: 'the second to wait' })
  holding.run(() => held.release())
  await written
  expect(waiting.token).toBeDefined()
  expect(holding.token).toBeUndefined()
})

describe('what was read inside an open transaction', () => {
  async function writeElsewhere(): Promise<number> {
    const id = nextId()
    await servers().looks[0].query(sql`insert into notes values (${id})`)
    return id
  }

  test('is not unseen outside of it, nor by who takes the token meanwhile', async () => {
    const pool = await servers().openPool()
    await servers().pauseReplay()
    const id = await writeElsewhere()
    expect(await isSeen(pool, id)).toBe(false)
    const session = pool.session()
    await session.run(async () => {
      const client = await pool.connect()
      await client.query('begin')
      expect(await isSeen(client, id)).toBe(true)
      expect(await isSeen(pool, id)).toBe(true)
      // Read once beside the transaction, nothing is settled: what it reads next is newer.
      const later = await writeElsewhere()
      expect(await isSeen(client, later)).toBe(true)
      expect(session.token).toMatchObject({ isUnsettled: true })
      expect(await pool.scope(session.toString(), () => isSeen(pool, later))).toBe(true)
      expect(await isSeen(pool, later)).toBe(true)
      await client.query('commit')
      client.release()
      expect(await isSeen(pool, later)).toBe(true)
    })
  })

  test('is not unseen after its client was released without an end', async () => {
    const pool = await servers().openPool()
    await servers().pauseReplay()
    const id = await writeElsewhere()
    const session = pool.session()
    await session.run(async () => {
      const client = await pool.connect()
      await client.query('begin')
      expect(await isSeen(client, id)).toBe(true)
      client.release()
    })
    expect(await pool.scope(session.toString(), () => isSeen(pool, id))).toBe(true)
    expect(await session.run(() => isSeen(pool, id))).toBe(true)
    // Settled by that read, and still not unseen.
    expect(session.token).not.toHaveProperty('isUnsettled')
    expect(await session.run(() => isSeen(pool, id))).toBe(true)
  })
})

async function submit(send: (query: pg.Submittable) => void, text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const query = new pg.Query(text) as unknown as pg.Submittable & {
      on(event: string, listener: (error?: Error) => void): void
    }
    query.on('end', () => resolve())
    query.on('error', (error) => reject(error ?? new Error('it failed')))
    send(query)
  })
}

const unknown: Readonly<Record<string, Work>> = {
  'COPY by a client': async (pool, id) => {
    const client = await pool.connect()
    await pipeline(Readable.from([`${id}\n`]), client.query(copyStreams.from('copy notes from stdin')))
    client.release()
  },
  'a pg.Query by a client': async (pool, id) => {
    const client = await pool.connect()
    await submit((query) => void client.query(query), `insert into notes values (${id})`)
    client.release()
  },
  'a pg.Query by the pool': (pool, id) => submit((query) => void pool.query(query), `insert into notes values (${id})`),
  'COMMIT PREPARED': onClient('begin', insert, `prepare transaction 'q$1'`, `commit prepared 'q$1'`),
  'COMMIT AND CHAIN': onClient('begin', insert, 'commit and chain', 'rollback'),
  'COMMIT AND CHAIN, left open': onClient('begin', insert, 'commit and chain'),
  'several statements': onClient(`begin; ${insert}; commit`),
}

describe('a token taken at once, from a session that has done nothing else, is not answered with less after', () => {
  test.each(Object.entries(unknown))('%s', async (name, work) => {
    const pool = await servers().openPool()
    const elsewhere = await servers().openPool()
    await servers().pauseReplay()
    const id = nextId()
    const session = pool.session()
    await session.run(() => work(pool, id))
    const token = session.toString()
    expect(await isSeen(elsewhere, id)).toBe(false)
    expect(await elsewhere.scope(token, () => isSeen(elsewhere, id))).toBe(true)
    // What is joined to another session tells it the same.
    const joined = elsewhere.session()
    joined.join(token)
    expect(await joined.run(() => isSeen(elsewhere, id))).toBe(true)
    expect(await session.run(() => isSeen(pool, id))).toBe(true)
    // Of a stream no position is asked.
    if (name.startsWith('COPY') || name.startsWith('a pg.Query')) expect(token).toMatch(/^2\./)
  })
})

test('the session of an unsettled token reads on the primary once, and on a replica when that has caught up', async () => {
  const pool = await servers().openPool()
  const session = pool.session()
  await session.run(() => unknown['COPY by a client']?.(pool, nextId()))
  const next = pool.session(session.toString())
  expect(await next.run(() => portOf(pool))).toBe(servers().cluster.primary.port)
  expect(next.token).not.toHaveProperty('isUnsettled')
  await servers().untilReplayed()
  await waitUntil(async () => (await next.run(() => portOf(pool))) !== servers().cluster.primary.port, {
    what: 'a replica to serve the session',
  })
})

test('a read beside a stream that still runs does not settle its session', async () => {
  const pool = await servers().openPool()
  await servers().pauseReplay()
  const id = nextId()
  const session = pool.session()
  const reason = (): string => pool.explainRouting(read, { session }).reason
  await session.run(async () => {
    const client = await pool.connect()
    const stream = client.query(copyStreams.from('copy notes from stdin'))
    stream.write(`${id}\n`)
    await waitUntil(() => reason().includes('not known'), { what: 'the stream to begin' })
    expect(await isSeen(pool, id)).toBe(false)
    expect(reason()).toContain('not known')
    await pipeline(Readable.from([]), stream)
    client.release()
    expect(reason()).toContain('not known')
    expect(await isSeen(pool, id)).toBe(true)
    expect(reason()).not.toContain('not known')
    expect(await isSeen(pool, id)).toBe(true)
  })
})
