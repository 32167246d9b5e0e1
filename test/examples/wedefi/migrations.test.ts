// The migrations of wedefi: up through the lint gate, laid out by the first apply, nothing left to do for the second; each of them back to
// nothing and up again. And what the original design names in the database: tables, partitions, the function of the schedule, warm and
// archived prices; and that Drizzle's tables say the same as the database.

import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core'
import { describe, expect, test } from 'vitest'
import * as schema from '../../../examples/wedefi/src/schema.ts'
import { openWedefi } from '../../../examples/wedefi/src/strata.ts'
import { sql } from '../../../src/sql/sql.ts'
import { testDatabase, type TestDatabase } from '../../support/postgres.ts'
import { monthBefore, testConfig, useDeployed } from './service-support.ts'

async function relationsOf({ db }: Pick<TestDatabase, 'db'>): Promise<readonly string[]> {
  const { rows } = await db.query<{ name: string }>(sql`
    select relname as name
    from pg_class
    where relnamespace = 'public'::regnamespace
    order by 1`)
  return rows.map(({ name }) => name)
}

describe('the migrations of wedefi', () => {
  const deployed = useDeployed(18, () => ({ months: 'all' }))

  test('go through the gate of the lint, down to nothing, and up again; the first apply leaves nothing to do', async () => {
    const database = await testDatabase(18)
    const strata = openWedefi(testConfig({ url: database.url }))
    try {
      const { ran } = await strata.migrate.up()
      expect(ran.length).toBeGreaterThanOrEqual(7)
      const made = await relationsOf(database)
      await strata.migrate.down({ steps: ran.length })
      expect(await relationsOf(database)).toEqual([])
      await strata.migrate.up()
      expect(await relationsOf(database)).toEqual(made)
      await strata.apply()
      const plan = await strata.plan()
      expect([plan.steps, plan.drift, plan.held]).toEqual([[], [], []])
    } finally {
      await strata.close()
      await database.close()
    }
  })

  test('cut prices into months, a year and a month back and six ahead, by the names of the original', async () => {
    const names = await partitionsOf('PriceSnapshot')
    expect(names).toHaveLength(20)
    expect(names[0]).toBe(`PriceSnapshot_${monthBefore(13).slice(0, 7).replace('-', '_')}`)
    expect(names.at(-1)).toBe(`PriceSnapshot_${monthBefore(-6).slice(0, 7).replace('-', '_')}`)
    expect(await partitionsOf('PositionSnapshot')).toHaveLength(20)
  })

  test('divide balances into eight by their wallet, and portfolios into months of four parts', async () => {
    const parts = (of: string, count: number): readonly string[] =>
      Array.from({ length: count }, (_, part) => `${of}_part_${part}`)
    expect(await partitionsOf('TokenBalance')).toEqual(parts('TokenBalance', 8))
    const months = await partitionsOf('PortfolioSnapshot')
    expect(months).toHaveLength(20)
    const month = `PortfolioSnapshot_${monthBefore(0).slice(0, 7).replace('-', '_')}`
    expect(months).toContain(month)
    expect(await partitionsOf(month)).toEqual(parts(month, 4))
    const { rows } = await deployed().db.query<{ key: string }>(sql`
      select pg_get_partkeydef(oid) as key
      from pg_class
      where relname in ('TokenBalance', ${month})
      order by relname`)
    expect(rows.map(({ key }) => key)).toEqual(['HASH ("walletId")', 'HASH ("walletId")'])
  })

  test('have the function that the schedule calls: it makes what is missing, and a second call nothing', async () => {
    const { db } = deployed()
    const last = (await partitionsOf('PriceSnapshot')).at(-1) ?? ''
    await db.query(sql`drop table ${sql.ident(last)}`)
    await db.query(sql`select create_monthly_partitions()`)
    expect((await partitionsOf('PriceSnapshot')).at(-1)).toBe(last)
    const before = await relationsOf(deployed())
    await db.query(sql`select create_monthly_partitions()`)
    expect(await relationsOf(deployed())).toEqual(before)
  })

  test('have warm prices and what is known of archived ones under the names of the original', async () => {
    const { db } = deployed()
    expect(await columnsOf('PriceSnapshot_warm')).toEqual(await columnsOf('PriceSnapshot'))
    expect(Object.entries(await columnsOf('PriceSnapshot_archive_metadata'))).toEqual([
      ['month_year', 'character varying(7)'],
      ['record_count', 'bigint'],
      ['file_path', 'text'],
      ['compressed_size', 'bigint'],
      ['archived_at', 'timestamp without time zone'],
    ])
    await db.query(sql`
      insert into "PriceSnapshot" ("tokenId", "priceUsd", "recordedAt")
      values ('t', 1, now() - interval '100 days'), ('t', 2, now())`)
    const { rows } = await db.query(sql`select "priceUsd"::float8 as price from "PriceSnapshot_warm"`)
    expect(rows).toEqual([{ price: 1 }])
  })

  const partitionsOf = async (table: string): Promise<readonly string[]> => {
    const { rows } = await deployed().db.query<{ name: string }>(sql`
      select c.relname as name
      from pg_inherits
      join pg_class as c on c.oid = inhrelid
      where inhparent = ${`"${table}"`}::regclass
      order by 1`)
    return rows.map(({ name }) => name)
  }

  const columnsOf = async (table: string): Promise<Readonly<Record<string, string>>> => {
    const { rows } = await deployed().db.query<{ name: string; type: string }>(sql`
      select attname as name, format_type(atttypid, atttypmod) as type
      from pg_attribute
      where attrelid = ${`"${table}"`}::regclass
        and attnum > 0
        and not attisdropped
      order by attnum`)
    return Object.fromEntries(rows.map(({ name, type }) => [name, type]))
  }

  describe("Drizzle's tables", () => {
    const tables = Object.values(schema) as readonly PgTable[]

    test('are those of the original design', () => {
      expect(tables.map((table) => getTableConfig(table).name)).toEqual([
        'Wallet',
        'Token',
        'TokenBalance',
        'PriceSnapshot',
        'PortfolioSnapshot',
        'PositionSnapshot',
        'GovernanceLock',
        'AssetCorrelation',
        'Alert',
        'AlertEvent',
      ])
    })

    test.each(tables.map((table) => [getTableConfig(table).name, table] as const))(
      '%s has the columns, types and key of the database',
      async (name, table) => {
        const { columns, primaryKeys } = getTableConfig(table)
        const said = columns.map((column) => ({
          name: column.name,
          type: typeOf(column.getSQLType()),
          required: column.notNull,
        }))
        const { rows } = await deployed().db.query(sql`
          select attname as name, replace(format_type(atttypid, atttypmod), 'timestamp with time zone', 'timestamptz') as type,
            attnotnull as required
          from pg_attribute
          where attrelid = ${`"${name}"`}::regclass
            and attnum > 0
            and not attisdropped
          order by attname`)
        expect(said.toSorted((one, other) => (one.name < other.name ? -1 : 1))).toEqual(
          rows.toSorted((one, other) => (String(one['name']) < String(other['name']) ? -1 : 1)),
        )
        const key = primaryKeys[0]?.columns ?? columns.filter(({ primary }) => primary)
        const { rows: keys } = await deployed().db.query<{ names: readonly string[] }>(sql`
          select array_agg(a.attname::text order by k.place) as names
          from pg_index as i
          cross join unnest(i.indkey) with ordinality as k (attnum, place)
          join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
          where i.indrelid = ${`"${name}"`}::regclass
            and i.indisprimary`)
        expect(keys[0]?.names).toEqual(key.map((column) => column.name))
      },
    )
  })
})

function typeOf(type: string): string {
  return type.replace('timestamp with time zone', 'timestamptz').replace(', ', ',')
}
