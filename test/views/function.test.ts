// pgstrata.refresh_all_materialized_views(): the same from SQL, for whoever schedules it there.

import { describe, expect, test } from 'vitest'
import { sql } from '../../src/sql/sql.ts'
import { versions } from '../support/postgres.ts'
import { genreStats, openBench, plays } from './support.ts'

describe.each(versions)('refreshing from SQL on PostgreSQL %d', (version) => {
  test('in order, by tag, under any search_path and in a transaction, and says how fresh', async () => {
    const bench = await openBench(version)
    await bench.run(...plays)
    const strata = await bench.apply({
      z_stats: { ...genreStats, tags: ['analytics'] },
      a_best: { sql: 'select max(plays) as most from z_stats' },
    })
    // Everything a call without a schema could hit instead.
    await bench.run(
      'create schema hostile',
      `create function hostile.format(text, variadic text[]) returns text language sql as $$ select 'select 1' $$`,
      `create function hostile.clock_timestamp() returns timestamptz language sql as $$ select '1999-01-01'::timestamptz $$`,
      `create function hostile.pg_try_advisory_xact_lock(int, int) returns boolean language sql as $$ select false $$`,
      'create table hostile.pg_class (oid oid, relkind "char", relispopulated boolean)',
      'create view hostile.z_stats as select 1 as wrong',
    )
    await bench.run('insert into plays values (2, 1), (2, 1), (2, 1)')
    await bench.db.withSession(async (session) => {
      await session.query(sql`set search_path = hostile, pg_catalog, public`)
      const call = await session.query(sql`select pgstrata.refresh_all_materialized_views() as n`)
      expect(call.rows).toEqual([{ n: 2 }])
      await session.query(sql`reset search_path`)
    })
    expect(await bench.rows('table a_best')).toEqual([{ most: 4 }])
    expect(await strata.views.status()).toMatchObject([
      { name: 'a_best', how: 'plainly', rows: 1 },
      { name: 'z_stats', how: 'concurrently', rows: 2 },
    ])
    expect(await bench.rows(`select last_refreshed > now() - interval '1 minute' as fresh from pgstrata.view`)).toEqual(
      [{ fresh: true }, { fresh: true }],
    )
    expect(await bench.rows(`select pgstrata.refresh_all_materialized_views('analytics') as n`)).toEqual([{ n: 1 }])
    expect(await bench.rows(`select pgstrata.refresh_all_materialized_views(tag => 'none') as n`)).toEqual([{ n: 0 }])
  })

  test('one that fails is a warning without a value, and what reads it is left; the others are refreshed', async () => {
    const bench = await openBench(version)
    await bench.run('create table source (n text)')
    await bench.apply({
      numbers: { sql: 'select n::int as n from source', unique: ['n'] },
      on_numbers: { sql: 'select max(n) as n from numbers' },
      others: { sql: 'select count(*)::int as n from source' },
    })
    await bench.run(`insert into source values ('hunter2')`)
    await bench.db.withSession(async (session) => {
      const told: string[] = []
      session.onNotice(({ severity, message }) => told.push(`${severity} ${message}`))
      expect((await session.query(sql`select pgstrata.refresh_all_materialized_views() as n`)).rows).toEqual([{ n: 1 }])
      expect(told).toEqual([
        'WARNING Materialized view numbers is not refreshed: SQLSTATE 22P02',
        'WARNING Materialized view on_numbers is not refreshed: one that it reads failed',
      ])
    })
    expect(await bench.rows('table others')).toEqual([{ n: 1 }])
    expect(await bench.rows('select last_error from pgstrata.view where failed_at is not null')).toEqual([
      { last_error: 'SQLSTATE 22P02' },
    ])
    // In a transaction that sees what was, and not what is.
    await bench.run('delete from source')
    await bench.db.withSession(async (session) => {
      await session.query(sql`begin isolation level repeatable read`)
      await session.query(sql`select from source`)
      await bench.run(`insert into source values ('7'), ('8')`)
      await session.query(sql`select pgstrata.refresh_all_materialized_views()`)
      const noted = await session.query(sql`select from pgstrata.view where last_refreshed = transaction_timestamp()`)
      expect(noted.rowCount).toBe(3)
      await session.query(sql`commit`)
    })
    expect(await bench.rows('table others')).toEqual([{ n: 0 }])
  })

  test('nobody may call it who was not granted it, and it does nothing that its caller may not', async () => {
    const bench = await openBench(version)
    const role = `caller_${bench.db.target.database}`
    await bench.run(...plays)
    await bench.apply({ stats: genreStats })
    await bench.run(`create role ${role}`)
    const asRole = async (): Promise<unknown> =>
      await bench.db.withSession(async (session) => {
        await session.query(sql.raw(`set role ${role}`))
        try {
          return (await session.query(sql`select pgstrata.refresh_all_materialized_views() as n`)).rows
        } catch (error) {
          return (error as { code?: string }).code
        } finally {
          await session.query(sql`reset role`)
        }
      })
    expect(await asRole()).toBe('42501')
    await bench.run(`grant usage on schema pgstrata to ${role}`)
    expect(await asRole()).toBe('42501')
    await bench.run(
      `grant execute on function pgstrata.refresh_all_materialized_views to ${role}`,
      `grant select, update on pgstrata.view to ${role}`,
    )
    const before = await bench.rows('table stats')
    await bench.run('insert into plays values (2, 1)')
    expect(await asRole()).toEqual([{ n: 0 }])
    expect(await bench.rows('table stats')).toEqual(before)
    await bench.run(`grant select on plays, songs to ${role}`, `alter materialized view stats owner to ${role}`)
    expect(await asRole()).toEqual([{ n: 1 }])
    await bench.run(`drop owned by ${role}`, `drop role ${role}`)
  })
})
