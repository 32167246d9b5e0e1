// Functions that pgstrata keeps in a database: made once, made anew when they are others, and drift when somebody changed
// them by hand. Through the whole of plan and apply, as a configuration has it.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { resolveConfig } from '../../src/config/index.ts'
import { hasWork } from '../../src/plan/index.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import { contributeRoutines, type Routine } from '../../src/catalog/routines.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'

describe.each(versions)('routines on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let strata: Strata
  beforeEach(async () => {
    database = await testDatabase(version)
    await database.db.query(
      sql`create table plays (id bigint primary key generated always as identity, at timestamptz not null)`,
    )
    const written = {
      database: { primary: database.url },
      tables: { plays: { time: 'at', partition: 'month', accept: ['wider-keys'] } },
    }
    strata = openStrata(resolveConfig(written, { root: '/', name: 'pgstrata.config.ts' }))
  })
  afterEach(async () => {
    await strata.close()
    await database.close()
  })

  test('are made by apply with the tables, and a second plan is empty', async () => {
    const planned = await strata.plan()
    expect(planned.held).toEqual([])
    expect(planned.steps.map(({ title }) => title)).toContain('Partition table public.plays, which is empty')
    await strata.apply()
    expect(hasWork(await strata.plan())).toBe(false)
    const { rows } = await strata.db.query(sql`
      select count(*)::int4 as partitions from pg_inherits where inhparent = 'plays'::regclass`)
    expect(rows).toEqual([{ partitions: 4 }])
    expect(
      (await strata.db.query(sql`select where has_function_privilege('public', 'pgstrata.maintain()', 'execute')`))
        .rows,
    ).toEqual([])
  })

  test('changed by hand are drift, and can be put back', async () => {
    await strata.apply()
    await strata.db.query(sql`create or replace procedure pgstrata.maintain() language plpgsql as 'begin end'`)
    const { drift } = await strata.plan()
    expect(drift).toMatchObject([{ identity: 'procedure pgstrata.maintain', kind: 'changed', canRestore: true }])
    await strata.apply({ overwrite: ['procedure pgstrata.maintain'] })
    expect(hasWork(await strata.plan())).toBe(false)
  })

  describe('in a schema of the application', () => {
    const withMonthly = (monthlyFunctionIn: string): Strata => {
      const written = {
        database: { primary: database.url },
        tables: { plays: { time: 'at', partition: 'month', accept: ['wider-keys'] } },
        jobs: { monthlyFunctionIn },
      }
      return openStrata(resolveConfig(written, { root: '/', name: 'pgstrata.config.ts' }))
    }

    test('create_monthly_partitions() can be called by its bare name', async () => {
      const other = withMonthly('public')
      await other.apply()
      await other.db.query(
        sql`do $$ begin execute 'drop table ' || (select max(inhrelid::regclass::text) from pg_inherits where inhparent = 'plays'::regclass); end $$`,
      )
      await other.db.query(sql`select create_monthly_partitions()`)
      const { rows } = await other.db.query(
        sql`select count(*)::int4 as partitions from pg_inherits where inhparent = 'plays'::regclass`,
      )
      expect(rows).toEqual([{ partitions: 4 }])
      expect(hasWork(await other.plan())).toBe(false)
      await other.close()
    })

    test('asked for elsewhere, or no more, it is taken back from where it was', async () => {
      const where = async (): Promise<readonly unknown[]> => {
        const { rows } = await database.db.query<{ schema: string }>(sql`
          select pronamespace::regnamespace::text as schema
          from pg_proc
          where proname = 'create_monthly_partitions'
          order by 1`)
        return rows.map(({ schema }) => schema)
      }
      await database.db.query(sql`create schema cron_here`)
      for (const [schema, expected] of [
        ['public', ['pgstrata', 'public']],
        ['cron_here', ['cron_here', 'pgstrata']],
        [undefined, ['pgstrata']],
      ] as const) {
        const other = schema === undefined ? strata : withMonthly(schema)
        await other.apply()
        expect(await where()).toEqual(expected)
        expect(hasWork(await other.plan())).toBe(false)
        expect((await other.plan()).drift).toEqual([])
        if (other !== strata) await other.close()
      }
      // What is not ours, or was changed into somebody's own, stays.
      await database.db.query(sql`create function create_monthly_partitions() returns int language sql as 'select 1'`)
      await strata.apply()
      expect(await where()).toEqual(['pgstrata', 'public'])
    })

    test('one that somebody else made is held back, and so is one in a schema that is not there', async () => {
      await database.db.query(sql`create function create_monthly_partitions() returns int language sql as 'select 1'`)
      for (const [schema, why] of [
        ['public', 'somebody else made one of that name'],
        ['Nowhere', 'there is no schema Nowhere'],
      ] as const) {
        const other = withMonthly(schema)
        await other.apply()
        expect((await other.plan()).held).toMatchObject([{ what: `function ${schema}.create_monthly_partitions`, why }])
        await other.close()
      }
      expect((await database.db.query(sql`select create_monthly_partitions() as mine`)).rows).toEqual([{ mine: 1 }])
    })
  })

  test('of another version are replaced', async () => {
    const routine = (body: string): Routine => ({
      kind: 'function',
      schema: 'public',
      name: 'answer',
      argumentTypes: ['integer'],
      create: `create or replace function public.answer(n integer) returns integer language sql as '${body}'`,
      purpose: 'Answers.',
    })
    const apply = async (one: Routine): Promise<string[]> => {
      const { steps } = await contributeRoutines(database.db, [one])
      for (const statement of steps.flatMap(({ statements }) => statements)) await database.db.query(sql.raw(statement))
      return steps.map(({ title }) => title)
    }
    expect(await apply(routine('select n'))).toEqual(['Make function public.answer'])
    expect(await apply(routine('select n'))).toEqual([])
    expect(await apply(routine('select n + 1'))).toEqual(['Make function public.answer'])
    expect((await database.db.query(sql`select public.answer(1) as n`)).rows).toEqual([{ n: 2 }])
  })
})
