// What partitions made later have, and have not: nobody may do on them what the table does not grant, and each has the indexes
// of its table once.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db, Session } from '../../src/db/db.ts'
import { contributePartitions } from '../../src/partitions/contribute.ts'
import { readBound } from '../../src/partitions/convert/bound/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { drain, createPlays, declareTable, install, installRoutines, layOut, retentionOptions } from './life-support.ts'
import { applyTables, declare, partitionNames } from './support.ts'

describe.each(versions)('partitions made later on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const run = (text: string): Promise<unknown> => db.query(sql.raw(text))

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
  })
  afterEach(() => database.close())

  const reader = `do $$ begin create role pgstrata_handed_reader nologin; exception when duplicate_object or unique_violation then null; end $$`

  /** Tables of the database on which somebody else than their owner may do something. */
  async function granted(): Promise<readonly string[]> {
    const { rows } = await db.query<{ name: string }>(sql`
      select distinct c.relname::text as name
      from pg_class c, aclexplode(c.relacl) g
      where c.relnamespace = 'public'::regnamespace
        and g.grantee <> c.relowner
      order by 1`)
    return rows.map(({ name }) => name)
  }

  test.each([undefined, { column: 'song', into: 2 }])(
    'by apply: default privileges open no way past the policies of their table (divided: %j)',
    async (split) => {
      await run(reader)
      await run(
        'create table plays (song bigint, at timestamptz not null); alter table plays enable row level security',
      )
      const layout = { kind: 'time', column: 'at', grain: 'month', zone: 'UTC', split } as const
      await applyTables(db, [declare({ layout })], { at: new Date('2026-01-15T12:00:00Z') })
      await run('alter default privileges grant select on tables to pgstrata_handed_reader, public')
      const { titles } = await applyTables(db, [declare({ layout })], { at: new Date('2026-03-15T12:00:00Z') })
      expect(titles).toHaveLength(1)
      expect(await partitionNames(db, 'plays')).toContain('plays_2026_05')
      expect(await granted()).toEqual([])
    },
  )

  test('by SQL alone, and by a draining: nor there', async () => {
    await run(reader)
    await install(db)
    await installRoutines(db)
    await createPlays(db)
    const plays = declareTable({ outside: 'default', ahead: 1 })
    await run('create table plays_default partition of plays default')
    await layOut(db, plays)
    await run('alter default privileges grant all on tables to pgstrata_handed_reader, public')
    await run('call pgstrata.maintain()')
    await run(`insert into plays values (1, '2025-11-03')`)
    const report = await drain([plays], retentionOptions(db, '2026-06-15T00:00:00Z'))
    expect(report).toMatchObject({ made: ['plays_2025_11'], warnings: [] })
    expect((await partitionNames(db, 'plays')).length).toBeGreaterThan(8)
    expect(await granted()).toEqual([])
  })

  // Before 17 a partitioned table has none.
  test.each(version < 17 ? [] : [version])(
    'an index that excludes is there once on each, and keeps what it keeps',
    async () => {
      await run(`
      create extension btree_gist;
      create table plays (song bigint, at timestamptz not null, during tstzrange,
        constraint alone exclude using gist (song with =, at with =, during with &&))`)
      await applyTables(db, [declare()], { at: new Date('2026-01-15T12:00:00Z') })
      await applyTables(db, [declare()], { at: new Date('2026-03-15T12:00:00Z') })
      const { rows } = await db.query<{ name: string; indexes: number }>(sql`
      select i.indrelid::regclass::text as name, count(*)::int as indexes
      from pg_index i
      group by i.indrelid
      having i.indrelid in (select relid from pg_partition_tree('plays'))
      order by 1`)
      expect(rows.map(({ indexes }) => indexes)).toEqual([1, 1, 1, 1, 1, 1])
      expect(rows.at(-1)?.name).toBe('plays_2026_05')
      const insert = (): Promise<unknown> =>
        run(`insert into plays values (1, '2026-04-01', '[2026-04-01, 2026-04-02)')`)
      await insert()
      await expect(insert()).rejects.toMatchObject({ code: '23P01' })
    },
  )

  test('a table that may not be read is held back with the reason, and the others are planned', async () => {
    await run(reader)
    await run(`
      create table closed (at timestamptz not null);
      create table plays (at timestamptz not null);
      grant select on plays to pgstrata_handed_reader`)
    const tables = [declare({ key: 'closed', table: 'closed' }), declare()]
    const { held = [] } = await db.withSession(async (session: Session) => {
      await session.query(sql`set role pgstrata_handed_reader`)
      try {
        return await contributePartitions(session, { tables, readBound, at: new Date('2026-01-15T12:00:00Z') })
      } finally {
        await session.query(sql`reset role`)
      }
    })
    expect(held[0]).toEqual({
      what: 'table public.closed',
      why: 'it cannot be read: permission denied for table closed',
      todo: 'apply as the owner of the table, or grant select on it',
    })
    // Read to its end: what is missing there is more than the right to read.
    expect(held.slice(1).map(({ what }) => what)).toEqual([
      'table public.plays, privilege schema public',
      'table public.plays, privilege table public.plays',
    ])
  })
})
