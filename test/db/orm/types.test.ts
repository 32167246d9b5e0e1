// A StrataPool is taken, as it is, where an ORM or a function of the application asks for a pg.Pool. `npm run check` compiles
// this file; the tests run it.

import { PrismaPg } from '@prisma/adapter-pg'
import { drizzle, type NodePgClient, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { Kysely, PostgresDialect, type PostgresPool } from 'kysely'
import type pg from 'pg'
import Cursor from 'pg-cursor'
import { expect, expectTypeOf, test } from 'vitest'
import type { StrataPoolConfig } from '../../../src/db/pool/options.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'

test('a pool is a pg.Pool, and what its configuration needs no more than a pg.PoolConfig', () => {
  expectTypeOf<StrataPool>().toExtend<pg.Pool>()
  expectTypeOf<StrataPool>().toExtend<PostgresPool>()
  expectTypeOf<StrataPool>().toExtend<NodePgClient>()
  expectTypeOf<StrataPool>().toExtend<ConstructorParameters<typeof PrismaPg>[0]>()
  expectTypeOf<pg.PoolConfig>().toExtend<StrataPoolConfig>()
  expect(new StrataPool()).toHaveProperty('totalCount', 0)
})

test('each ORM takes it', async () => {
  const pool = new StrataPool({ host: 'nowhere', replicas: [{ host: 'elsewhere' }] })
  expect(new Kysely({ dialect: new PostgresDialect({ pool, cursor: Cursor }) })).toBeInstanceOf(Kysely)
  const db = drizzle(pool)
  expectTypeOf(db).toExtend<NodePgDatabase>()
  expectTypeOf(drizzle({ client: pool }).$client).toEqualTypeOf<StrataPool>()
  const factory = new PrismaPg(pool)
  expect((await factory.connect()).underlyingDriver()).toBe(pool)
  expect(db.$client).toBe(pool)
  await pool.end()
})

test('results have the types that pg and the ORM give them', () => {
  const typed = (pool: StrataPool): void => {
    const kysely = new Kysely<{ artist: { name: string } }>({ dialect: new PostgresDialect({ pool, cursor: Cursor }) })
    expectTypeOf(kysely.selectFrom('artist').selectAll().execute()).resolves.toEqualTypeOf<{ name: string }[]>()
    expectTypeOf(pool.query<{ n: number }>('select 1 as n')).resolves.toEqualTypeOf<pg.QueryResult<{ n: number }>>()
    expectTypeOf(pool.query<[number]>({ text: 'select 1', rowMode: 'array' })).resolves.toEqualTypeOf<
      pg.QueryArrayResult<[number]>
    >()
    expectTypeOf(pool.query(new Cursor<{ n: number }>('select 1 as n'))).toEqualTypeOf<Cursor<{ n: number }>>()
    expectTypeOf(pool.connect()).resolves.toEqualTypeOf<pg.PoolClient>()
    expectTypeOf(pool.query({ text: 'select 1', route: 'read' })).resolves.toEqualTypeOf<pg.QueryResult>()
    // @ts-expect-error a text is needed
    void pool.query({ values: [1] })
    // @ts-expect-error a replica is not a text
    void new StrataPool({ replicas: ['postgres://replica'] })
  }
  expect(typed).toBeTypeOf('function')
})
