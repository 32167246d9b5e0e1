// A draining whose connection is terminated after each of its commits: the rows stay where they were, the table takes
// reads and writes, and the next run clears up and comes through. And what else comes in between.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { onlyRow, type Db } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import type { DrainOptions, DrainReport } from '../../src/partitions/drain.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { drain as drainAll, createPlays, declareTable, install, retentionOptions, tablesOf } from './life-support.ts'

const moments = ['prepared', 'copied', 'caught up', 'compared', 'exchanged'] as const

describe.each(versions)('a killed draining on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  let other: Db

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    other = openDb({ url: database.url, max: 2 })
    await install(db)
    await createPlays(db)
    await db.query(
      sql.raw(`create table plays_default partition of plays default;
      insert into plays select g, '2025-11-03', 'x' from generate_series(1001, 3000) as g`),
    )
  })
  afterEach(async () => {
    await other.close()
    await database.close()
  })

  const drain = (changes: Partial<DrainOptions> = {}): Promise<DrainReport> =>
    drainAll([declareTable({ outside: 'default' })], {
      ...retentionOptions(db, '2026-06-15T00:00:00Z'),
      ...changes,
    })
  const count = async (relation: string): Promise<number> =>
    onlyRow(await other.query<{ n: number }>(sql.raw(`select count(*)::int as n from ${relation}`))).n
  const expectClean = async (): Promise<void> => {
    expect((await tablesOf(other)).filter((name) => name.startsWith('pgstrata'))).toEqual([])
    const { rows } = await other.query(sql`
      select relname::text as name from pg_class where relnamespace = 'pgstrata'::regnamespace and relname like 'capture%'
      union all
      select proname::text from pg_proc where proname like 'capture%'
      union all
      select tgname::text from pg_trigger where tgname like 'pgstrata%'
      union all
      select conname::text from pg_constraint where conname like 'pgstrata%'`)
    expect(rows).toEqual([])
  }

  test.each(moments)('terminated when it has %s', async (moment) => {
    const killed = drain({
      onCommit: async (what) => {
        if (what !== moment) return
        await other.query(sql`
          select pg_terminate_backend(pid, 10000)
          from pg_stat_activity
          where datname = current_database()
            and pid <> pg_backend_pid()`)
      },
    })
    if (moment === 'exchanged') await killed.catch(() => undefined)
    else await expect(killed).rejects.toBeInstanceOf(Error)
    expect(await count('plays')).toBe(2_060)
    await other.query(sql`insert into plays values (4001, '2025-11-04'), (4002, '2026-03-03')`)
    await other.query(sql`delete from plays where id = 1001`)
    const report = await drain()
    expect(report).toMatchObject({ made: moment === 'exchanged' ? [] : ['plays_2025_11'], warnings: [] })
    expect(await count('plays')).toBe(2_061)
    expect(await count('plays_2025_11')).toBe(2_000)
    expect(await count('plays_default')).toBe(0)
    await expectClean()
  })

  test.each(['truncate plays_default', 'vacuum full plays_default', 'truncate plays'])(
    '%s in between: it gives up, clears up, and the next run begins again',
    async (statement) => {
      let once = false
      const report = await drain({
        onCommit: async (what) => {
          if (once || what !== 'prepared') return
          once = true
          await other.query(sql.raw(statement))
          await other.query(sql`insert into plays values (4001, '2025-11-04')`)
        },
      })
      if (statement.startsWith('truncate')) {
        expect(report.warnings).toEqual([expect.stringContaining('the next run begins again')])
      }
      await expectClean()
      expect(await drain()).toMatchObject({ warnings: [] })
      expect(await count('plays_2025_11')).toBe(statement.startsWith('truncate') ? 1 : 2_001)
      await expectClean()
    },
  )

  test('a partition that somebody attaches in between ends it, with nothing lost', async () => {
    const report = await drain({
      onCommit: async (what) => {
        if (what === 'compared')
          await other.query(sql`create table mine partition of plays for values from ('2024-01-01') to ('2024-02-01')`)
      },
    })
    // It does not overlap; the new default partition has to be looked at, for its CHECK does not speak of it.
    expect(report).toMatchObject({ made: ['plays_2025_11'], warnings: [] })
    expect(await count('plays')).toBe(2_060)
    await expectClean()
  })

  test('an overlapping one ends it: told, cleared, nothing lost', async () => {
    await other.query(sql`delete from plays where id > 3000`)
    const report = await drain({
      onCommit: async (what) => {
        if (what !== 'compared') return
        await other.query(
          sql.raw(`begin; create table kept as select * from plays_default where id <= 1500; delete from plays_default;
          create table mine partition of plays for values from ('2025-11-01') to ('2025-12-01'); insert into plays select * from kept; commit`),
        )
      },
    })
    expect(report).toMatchObject({ made: [], warnings: [expect.any(String)] })
    expect(await count('plays')).toBe(560)
    await expectClean()
    expect(await drain()).toEqual({ made: [], rows: 0, warnings: [] })
  })

  test('an old snapshot keeps it from exchanging, so that nothing is out of its sight', async () => {
    await other.withSession(async (session) => {
      await session.query(sql`begin isolation level repeatable read; select 1`)
      const ladder = { ...retentionOptions(db, '2026-01-01').ladder, tries: 3 }
      expect(await drain({ ladder })).toMatchObject({
        made: [],
        warnings: [expect.stringContaining('a long transaction')],
      })
      expect((await session.query(sql`select from plays`)).rowCount).toBe(2_060)
      await session.query(sql`commit`)
    })
    await expectClean()
    expect(await drain()).toMatchObject({ made: ['plays_2025_11'], warnings: [] })
  })

  test('no row is looked at behind the locks of the exchange', async () => {
    const notices: string[] = []
    const listening: Db = {
      ...db,
      withSession: (work) =>
        db.withSession(async (session) => {
          await session.query(sql`set client_min_messages = debug1`)
          session.onNotice(({ message }) => notices.push(message))
          return await work(session)
        }),
    }
    // One that stays, in the new default partition.
    await other.query(sql`insert into plays values (4001, 'infinity')`)
    await drainAll([declareTable({ outside: 'default' })], retentionOptions(listening, '2026-06-15T00:00:00Z'))
    const implied = notices.filter((notice) => notice.includes('is implied by existing constraints'))
    // PostgreSQL says so where it does not scan a table that is attached.
    expect(implied.slice(-2)).toEqual([
      'partition constraint for table "plays_2025_11" is implied by existing constraints',
      'partition constraint for table "plays_default" is implied by existing constraints',
    ])
  })
})
