// Settings of a route hold for the statements of that route, in and outside of transactions, and leave nothing behind: on a
// direct connection and through a pooler that hands connections round.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startCluster, type EmbeddedCluster } from '../../../src/embedded/index.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import type { StrataPoolConfig } from '../../../src/db/pool/options.ts'
import { startPgBouncer, type PgBouncer } from '../../support/pgbouncer.ts'
import { errorOf, makeFunctions, readFunctions, untilReading } from './strata-pool-support.ts'

let cluster: EmbeddedCluster
let bouncers: PgBouncer[]
const opened: StrataPool[] = []

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, replicas: 1 })
  bouncers = await Promise.all(
    [cluster.primary, ...cluster.replicas].map((node) => startPgBouncer(node.url(), 'transaction')),
  )
  const pool = openPool('directly', {})
  await pool.query(makeFunctions)
  await pool.query('create table notes (id int4, memory text)')
  await cluster.replicas[0]?.waitFor()
})

afterEach(async () => {
  await Promise.all(opened.splice(0).map((pool) => pool.end()))
})

afterAll(async () => {
  await Promise.all(bouncers.map((bouncer) => bouncer.close()))
  await cluster.stop()
})

type Way = 'directly' | 'through PgBouncer'
const ways: readonly Way[] = ['directly', 'through PgBouncer']

function openPool(
  way: Way,
  config: StrataPoolConfig,
  shape: 'one node' | 'with a replica' = 'with a replica',
): StrataPool {
  const direct = [cluster.primary, ...cluster.replicas].map((node) => node.url())
  const [primary = '', ...replicas] = way === 'directly' ? direct : bouncers.map(({ url }) => url)
  const pool = new StrataPool({
    connectionString: primary,
    max: 1,
    readFunctions,
    replicas:
      shape === 'one node'
        ? []
        : replicas.map((connectionString) => ({ connectionString, routes: ['read', 'analytics'] as const })),
    ...config,
  })
  opened.push(pool)
  return pool
}

const memory = 'select my_memory() as memory'
const settings = { analytics: { work_mem: '7MB' }, write: { work_mem: '5MB' } }

type Memory = { memory: string }
type Answering = { query(config: unknown, values?: unknown[]): Promise<{ rows: unknown[] }> }

async function memoryOf(
  from: unknown,
  config: { readonly text?: string; readonly route?: string } = {},
): Promise<string> {
  const { rows } = await (from as Answering).query({ text: memory, ...config })
  return (rows[0] as Memory | undefined)?.memory ?? ''
}

describe.each(ways)('%s', (way) => {
  test.each([
    ['one node', false],
    ['one node', true],
    ['with a replica', false],
    ['with a replica', true],
  ] as const)('hold for a statement of the route and for no other (%s, in a session: %s)', async (shape, inSession) => {
    const pool = openPool(way, { settings }, shape)
    await untilReading(pool, memory)
    const work = async (): Promise<void> => {
      for (let turn = 0; turn < 3; turn++) {
        expect(await memoryOf(pool, { route: 'analytics' })).toBe('7MB')
        expect(await memoryOf(pool)).toBe('4MB')
        expect(await pool.routed('analytics', () => memoryOf(pool))).toBe('7MB')
        const { rows } = await pool.query<Memory>(
          `insert into notes select 1, current_setting('work_mem') returning memory`,
        )
        expect(rows).toEqual([{ memory: '5MB' }])
        expect(await memoryOf(pool)).toBe('4MB')
      }
      // What fails leaves nothing either.
      await errorOf(() => pool.query({ text: 'select 1/0', route: 'analytics' }))
      await errorOf(() => pool.query('insert into notes select 1/0'))
      expect(await memoryOf(pool)).toBe('4MB')
    }
    await (inSession ? pool.scope(undefined, work) : work())
  })

  test.each(['one node', 'with a replica'] as const)('hold in transactions until their end, %s', async (shape) => {
    const pool = openPool(way, { settings }, shape)
    await untilReading(pool, memory)
    for (const inSession of [false, true]) {
      const work = async (): Promise<void> => {
        const client = await pool.connect()
        await pool.routed('analytics', () => client.query('begin read only'))
        expect(await memoryOf(client)).toBe('7MB')
        await client.query('commit')
        expect(await memoryOf(client)).toBe('4MB')
        expect(await pool.routed('analytics', () => memoryOf(client))).toBe('7MB')
        await client.query('begin')
        expect(await memoryOf(client)).toBe('5MB')
        await client.query('rollback')
        expect(await memoryOf(client)).toBe('4MB')
        client.release()
      }
      await (inSession ? pool.scope(undefined, work) : work())
      expect(await memoryOf(pool)).toBe('4MB')
    }
  })

  test('a setting that the server refuses fails the statement and BEGIN, and nothing else', async () => {
    const pool = openPool(way, { settings: { analytics: { work_mem: 'plenty' } } })
    await untilReading(pool, memory)
    expect(await errorOf(() => memoryOf(pool, { route: 'analytics' }))).toMatchObject({ code: '22023' })
    const client = await pool.connect()
    const begin = (): Promise<unknown> => pool.routed('analytics', () => client.query('begin read only'))
    expect(await errorOf(begin)).toMatchObject({ code: '22023' })
    client.release()
    expect(await memoryOf(pool)).toBe('4MB')
  })

  test.each(['one node', 'with a replica'] as const)(
    'statement_timeout holds for every statement, %s',
    async (shape) => {
      const pool = openPool(way, { statement_timeout: 150 }, shape)
      await untilReading(pool, 'select 1')
      const slow = 'select pg_sleep(3)'
      const insert = 'insert into notes select 1 from pg_sleep(3)'
      for (const inSession of [false, true]) {
        const work = async (): Promise<void> => {
          for (const text of [slow, insert])
            expect(await errorOf(() => pool.query(text))).toMatchObject({ code: '57014' })
          const client = await pool.connect()
          for (const begin of ['begin', 'begin read only']) {
            await client.query(begin)
            expect(await errorOf(() => client.query(slow))).toMatchObject({ code: '57014' })
            await client.query('rollback')
          }
          client.release()
        }
        await (inSession ? pool.scope(undefined, work) : work())
      }
      // Not behind the pooler's back for others.
      if (way === 'directly') return
      const other = openPool(way, {}, shape)
      expect((await other.query('show statement_timeout')).rows).toEqual([{ statement_timeout: '0' }])
    },
  )
})
