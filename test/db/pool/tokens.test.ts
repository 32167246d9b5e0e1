// Tokens are minted where a commit is, and nowhere else is a read older than they say. Minting one costs no round trip.
// Replay stands still wherever a stale read could otherwise go unseen.

import type pg from 'pg'
import copyStreams from 'pg-copy-streams'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startCluster, type EmbeddedCluster, type EmbeddedReplica } from '../../../src/embedded/index.ts'
import type { Session } from '../../../src/db/pool/routing/scopes.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { startTcpProxy, throughPort } from '../../support/tcp-proxy.ts'
import { errorOf, untilReading } from './strata-pool-support.ts'

let cluster: EmbeddedCluster
let replica: EmbeddedReplica
const opened: StrataPool[] = []

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, replicas: 1, settings: { max_prepared_transactions: '5' } })
  const [only] = cluster.replicas
  if (only === undefined) throw new Error('There is one replica')
  replica = only
  const pool = openPool()
  await pool.query('create table notes (id int4 primary key)')
  await pool.query('create table children (note int4 references notes deferrable initially deferred)')
  await pool.query(
    `create procedure add_note(id int4) language plpgsql as 'begin insert into notes values (id); commit; end'`,
  )
  await replica.waitFor()
})

afterEach(async () => {
  await replica.resumeReplay()
  await Promise.all(opened.splice(0).map((pool) => pool.end()))
})

afterAll(async () => {
  await cluster.stop()
})

function openPool(primary = cluster.primary.url()): StrataPool {
  const pool = new StrataPool({
    connectionString: primary,
    max: 3,
    consistency: 'eventual',
    readWait: '1ms',
    replicas: [{ connectionString: replica.url(), maxLag: '1 hour' }],
  })
  opened.push(pool)
  return pool
}

let lastId = 0

async function isSeen(pool: StrataPool, id: number): Promise<boolean> {
  const { rows } = await pool.query('select id from notes where id = $1', [id])
  return rows.length === 1
}

async function withClient(pool: StrataPool, work: (client: pg.PoolClient) => Promise<unknown>): Promise<void> {
  const client = await pool.connect()
  try {
    await work(client)
  } finally {
    client.release()
  }
}

type Write = (pool: StrataPool, id: number) => Promise<unknown>

const insert = 'insert into notes values ($1)'
const inside =
  (...texts: string[]): Write =>
  (pool, id) =>
    withClient(pool, async (client) => {
      for (const text of texts) await client.query(text.replaceAll('$1', String(id)))
    })

const writes: Readonly<Record<string, Write>> = {
  'by the pool': (pool, id) => pool.query(insert, [id]),
  'by a client': inside(insert),
  'in a transaction': inside('begin', insert, 'commit'),
  'with savepoints': inside('begin', 'savepoint a', insert, 'savepoint b', 'rollback to b', 'commit'),
  'with COMMIT AND CHAIN': inside('begin', insert, 'commit and chain', 'rollback'),
  'as a prepared transaction': inside('begin', insert, `prepare transaction 'p$1'`, `commit prepared 'p$1'`),
  'by a procedure that commits': inside('call add_note($1)'),
  'by a procedure of the pool': (pool, id) => pool.query(`call add_note(${id})`),
  'as several statements with their own COMMIT': inside(`begin; ${insert}; commit`),
  'as several statements of the pool': (pool, id) => pool.query(`begin; insert into notes values (${id}); commit`),
  'by a text that ends the open transaction': inside('begin', `${insert}; commit`),
  'by a text that ends the open transaction and fails': inside('begin', `${insert}; commit; select 1/0`),
  'without waiting for the disk': inside('set synchronous_commit = off', insert, 'set synchronous_commit = on'),
  'after a rolled back one': inside('begin', 'rollback', insert),
  'by COPY': (pool, id) =>
    withClient(pool, (client) =>
      pipeline(Readable.from([`${id}\n`]), client.query(copyStreams.from('copy notes from stdin'))),
    ),
  'by COPY while another statement of the session reads': (pool, id) =>
    withClient(pool, async (client) => {
      const stream = client.query(copyStreams.from('copy notes from stdin'))
      stream.write(`${id}\n`)
      await pool.query('select count(*) from notes')
      await pipeline(Readable.from([]), stream)
    }),
}

describe('a session sees its own write, made while replay stands still:', () => {
  test.each(Object.entries(writes))('%s', async (_, write) => {
    const pool = openPool()
    await untilReading(pool, 'select id from notes')
    await replica.waitFor()
    await replica.pauseReplay()
    const id = ++lastId
    const session = pool.session()
    await session.run(() => errorOf(() => write(pool, id)))
    // Outside of any session it is not seen: the replica really is behind.
    expect(await isSeen(pool, id)).toBe(false)
    expect(await session.run(() => isSeen(pool, id))).toBe(true)
    // And wherever its token is taken.
    const elsewhere = openPool()
    expect(await elsewhere.scope(session.toString(), () => isSeen(elsewhere, id))).toBe(true)
  })
})

async function flightsOf(inSession: boolean, work: (pool: StrataPool) => Promise<unknown>): Promise<number> {
  const proxy = await startTcpProxy(() => cluster.primary.port)
  const pool = new StrataPool({
    connectionString: throughPort(cluster.primary.url(), proxy.port),
    max: 1,
  })
  try {
    await work(pool)
    const before = proxy.flights
    for (let turn = 0; turn < 10; turn++) {
      if (inSession) await pool.scope(undefined, () => work(pool))
      else await work(pool)
    }
    return proxy.flights - before
  } finally {
    await pool.end()
    await proxy.close()
  }
}

test.each([
  ['a write', 10, (pool: StrataPool) => pool.query('insert into notes values ($1)', [++lastId])],
  ['a read', 10, (pool: StrataPool) => pool.query('select id from notes where id = $1', [1])],
  [
    'a transaction',
    30,
    (pool: StrataPool, id = ++lastId) => writes['in a transaction']?.(pool, id) ?? Promise.resolve(),
  ],
] as const)('%s in a session makes as many flights as without one', async (_, flights, work) => {
  expect(await flightsOf(false, (pool) => work(pool))).toBe(flights)
  expect(await flightsOf(true, (pool) => work(pool))).toBe(flights)
})

test('an idle primary whose WAL ends anywhere in a page never mints what a replica cannot reach', async () => {
  const pool = openPool()
  await untilReading(pool, 'select id from notes')
  for (let turn = 0; turn < 40; turn++) {
    const session = pool.session()
    // Pads the WAL differently each time; also right up to the end of a segment.
    if (turn % 10 === 9) await session.run(() => pool.query('select pg_switch_wal()'))
    else await session.run(() => pool.query(`select pg_logical_emit_message(true, 'x', repeat('x', ${turn * 211}))`))
    const token = session.token
    const lsn = (token?.lsn ?? 0n).toString(16).padStart(9, '0')
    await replica.waitFor(`${lsn.slice(0, -8)}/${lsn.slice(-8)}`, { timeoutMs: 5_000 })
  }
})

test('COMMIT of a failed transaction says ROLLBACK; a deferred constraint fails it; neither leaves a trace', async () => {
  const pool = openPool()
  await untilReading(pool, 'select id from notes')
  await pool.scope(undefined, (session) =>
    withClient(pool, async (client) => {
      await client.query('begin')
      expect(await errorOf(() => client.query('select 1/0'))).toMatchObject({ code: '22012' })
      expect((await client.query('commit')).command).toBe('ROLLBACK')
      await client.query('begin')
      await client.query('insert into children values (-1)')
      expect(await errorOf(() => client.query('commit'))).toMatchObject({ code: '23503' })
      expect(client.getTransactionStatus?.()).toBe('I')
      await client.query('begin')
      const { command, rows } = await client.query('commit')
      expect([command, rows]).toEqual(['COMMIT', []])
      expect(pool.explainRouting('select id from notes', { session }).reason).not.toContain('not known')
    }),
  )
})

test('a connection lost during COMMIT leaves the session unsettled: its next read is on the primary, and settles it', async () => {
  const proxy = await startTcpProxy(() => cluster.primary.port)
  const pool = openPool(throughPort(cluster.primary.url(), proxy.port))
  await untilReading(pool, 'select id from notes')
  await pool.scope(undefined, async (session) => {
    const client = await pool.connect()
    await client.query('begin')
    await client.query(`insert into notes values (${++lastId})`)
    proxy.cutWhen = (data) => data.includes('commit')
    expect(await errorOf(() => client.query('commit'))).toBeInstanceOf(Error)
    proxy.cutWhen = undefined
    client.release()
    expect(pool.explainRouting('select id from notes', { session }).reason).toContain('not known')
    await pool.query('select id from notes')
    expect(pool.explainRouting('select id from notes', { session }).reason).not.toContain('not known')
  })
  await pool.end()
  await proxy.close()
})

const foreign = '1.5.1.1'

describe.each(['one node', 'with a replica'] as const)('tokens from elsewhere, %s', (shape) => {
  const open = (): StrataPool => {
    if (shape === 'with a replica') return openPool()
    const pool = new StrataPool({ connectionString: cluster.primary.url(), connectionTimeoutMillis: 300 })
    opened.push(pool)
    return pool
  }

  test.each([
    ['a read', (pool: StrataPool) => pool.query('select 1')],
    ['a write', (pool: StrataPool) => pool.query('delete from notes where id < 0')],
    ['a transaction', (pool: StrataPool) => inside('begin', 'commit')(pool, 0)],
    ['a read only transaction', (pool: StrataPool) => inside('begin read only', 'commit')(pool, 0)],
  ] as const)('one of another cluster is refused even by a pool that knows nothing yet: %s', async (_, work) => {
    const pool = open()
    expect(await errorOf(() => pool.scope(foreign, () => work(pool)))).toMatchObject({ code: 'TOKEN_FOREIGN' })
    expect(await errorOf(() => pool.scope(foreign, () => work(pool)))).toMatchObject({ code: 'TOKEN_FOREIGN' })
    expect(await errorOf(() => work(pool))).toBeUndefined()
  })

  test('text that is none is refused before anything is sent', async () => {
    const pool = open()
    for (const text of ['1.5.1', '1.5.1.1.1', '1.5.1.01', 'x', '1.5.0.1', '1.zzzzzzzzzzzzz.1.1', ' 1.5.1.1']) {
      expect(await errorOf(() => pool.session(text))).toMatchObject({ code: 'TOKEN_INVALID' })
    }
    expect(pool.totalCount).toBe(0)
  })
})

test('a token of a timeline that this process has not found is not answered with less', async () => {
  const pool = new StrataPool({
    connectionString: cluster.primary.url(),
    connectionTimeoutMillis: 300,
    replicas: [{ connectionString: replica.url() }],
  })
  opened.push(pool)
  const own: Session = pool.session()
  await own.run(() => pool.query('select 1'))
  await own.run(() => pool.query(insert, [++lastId]))
  const { systemId = '', lsn = 0n } = own.token ?? {}
  for (const text of ['select id from notes', `delete from notes where id < 0`]) {
    const error = await errorOf(() => pool.scope({ systemId, timeline: 7, lsn }, () => pool.query(text)))
    expect(error).toMatchObject({ code: 'TOKEN_AHEAD' })
  }
})
