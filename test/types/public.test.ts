// What the compiler must accept and refuse for users. `npm run check` compiles this file; the tests run it.

import { expect, expectTypeOf, test } from 'vitest'
import { defineConfig, sql, type Sql, type StrataConfig } from 'pgstrata'
import type { MigrationContext } from 'pgstrata/migrate'
import type { EmbeddedCluster } from 'pgstrata/embedded'

test('a configuration is checked as it is written', () => {
  const config = defineConfig({ database: { primary: process.env['DATABASE_URL'] }, dev: { version: 17 } })
  expectTypeOf(config.dev.version).toEqualTypeOf<17>()
  expectTypeOf<typeof config>().toExtend<StrataConfig>()
  // @ts-expect-error there is no such key
  defineConfig({ database: { primary: 'postgres://db' }, databse: {} })
  // @ts-expect-error there is no such key, further down
  defineConfig({ database: { primary: 'postgres://db' }, migrations: { lockTimeout: { frist: '1s' } } })
  // @ts-expect-error there is no such version
  defineConfig({ database: { primary: 'postgres://db' }, dev: { version: 14 } })
  // @ts-expect-error a severity has a name
  defineConfig({ database: { primary: 'postgres://db' }, migrations: { lint: { rules: { 'drop-table': 'fatal' } } } })
  // @ts-expect-error the database is not optional
  defineConfig({})
  expect(config.dev.version).toBe(17)
})

test('SQL is a value, and a text is not SQL', () => {
  expectTypeOf(sql`select ${1}`).toEqualTypeOf<Sql>()
  const migration = async ({ query, backfill }: MigrationContext): Promise<void> => {
    const { rows } = await query<{ n: number }>(sql`select 1 as n`)
    expectTypeOf(rows).toEqualTypeOf<readonly { n: number }[]>()
    // @ts-expect-error a text is not SQL
    await query('select 1')
    // @ts-expect-error what is to be set is SQL
    await backfill({ table: ['song'], set: 'a = 1' })
  }
  expect(migration).toBeTypeOf('function')
})

test('a cluster gives URLs and replicas', () => {
  expectTypeOf<EmbeddedCluster['primary']['url']>().returns.toEqualTypeOf<string>()
  expectTypeOf<EmbeddedCluster['replicas'][number]['pauseReplay']>().returns.resolves.toBeVoid()
})
