// Retention beside people who change things meanwhile: what it takes out and drops is what it looked at, and nothing else.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { deleteLayout } from '../../src/partitions/layout-rows.ts'
import { runDrain } from '../../src/partitions/drain.ts'
import { runRetention } from '../../src/partitions/retire.ts'
import { tableLockKey } from '../../src/partitions/table-lock.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import {
  createPlays,
  declareTable,
  install,
  keepFor,
  layOut,
  retire,
  retentionOptions,
  retiredOf,
  tablesOf,
} from './life-support.ts'

const at = '2026-06-15T00:00:00Z'

describe.each(versions)('retention beside others on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const run = async (text: string): Promise<void> => void (await db.query(sql.raw(text)))
  const plays = declareTable({ retain: keepFor('4 months', { grace: '0' }) })
  const once = (work: () => Promise<void>): (() => Promise<void>) => {
    let done = false
    return async () => {
      if (done) return
      done = true
      await work()
    }
  }

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await install(db)
    await createPlays(db)
  })
  afterEach(() => database.close())

  test.each([false, true])('a name that changes hands meanwhile (default partition: %s)', async (hasDefault) => {
    if (hasDefault) await run('create table plays_default partition of plays default')
    const swap = once(() =>
      run('alter table plays_2026_01 rename to january; alter table plays_2026_06 rename to plays_2026_01'),
    )
    // After its note is committed; or, where the note comes with it, before anything is locked.
    const moment = hasDefault ? { confirm: swap } : { onCommit: swap }
    await retire([plays], retentionOptions(db, at, moment))
    const { rows } = await db.query(sql`select from plays where played_at >= '2026-06-01'`)
    expect(rows).toHaveLength(10)
    expect(await tablesOf(db)).toEqual(expect.arrayContaining(['january', 'plays_2026_01']))
  })

  test('one that somebody else took out meanwhile is theirs', async () => {
    const onCommit = once(() => run('alter table plays detach partition plays_2026_01'))
    const report = await retire([plays], retentionOptions(db, at, { onCommit }))
    expect(report).toMatchObject({ detached: [], dropped: [] })
    await retire([plays], retentionOptions(db, at))
    expect(await tablesOf(db)).toContain('plays_2026_01')
    expect(await retiredOf(db)).toEqual([])
  })

  test('half detached, and renamed: FINALIZE finds it', async () => {
    const other = openDb({ url: database.url })
    await other.withSession(async (session) => {
      await session.query(sql`begin; select from plays`)
      const ladder = { firstTimeoutMs: 30, lastTimeoutMs: 30, tries: 2, concurrentTimeoutMs: 100 }
      await retire([plays], retentionOptions(db, at, { ladder }))
      await session.query(sql`commit`)
    })
    await other.close()
    await run('alter table plays_2026_01 rename to january')
    expect((await retire([plays], retentionOptions(db, at))).warnings).toEqual([
      expect.stringContaining('renamed or moved it'),
    ])
    expect(await db.query(sql`select from pg_inherits where inhdetachpending`)).toMatchObject({ rowCount: 0 })
    expect(await tablesOf(db)).toContain('january')
  })

  test('a foreign table goes like any other', async () => {
    await run(`create foreign data wrapper nowhere; create server far foreign data wrapper nowhere;
      create foreign table plays_2025 (id int not null, played_at timestamptz not null, note text) server far;
      alter table plays drop constraint plays_pkey;
      alter table plays attach partition plays_2025 for values from ('2025-01-01') to ('2026-01-01')`)
    const report = await retire([plays], retentionOptions(db, at))
    expect(report).toMatchObject({ dropped: ['plays_2025', 'plays_2026_01'], warnings: [] })
    expect(await db.query(sql`select from pg_class where relname = 'plays_2025'`)).toMatchObject({ rowCount: 0 })
  })

  test('while a hook archives, partitions can be made and drained all the same', async () => {
    const { rows } = await db.query<{ oid: number }>(sql`select 'plays'::regclass::oid as oid`)
    const [classId, objectId] = tableLockKey(rows[0]?.oid ?? 0)
    const free: unknown[] = []
    const retain = keepFor('4 months', {
      grace: '0',
      archive: async (_partition, { query }) => {
        free.push(...(await query(`select pg_try_advisory_xact_lock(${classId}, ${objectId}) as free`)).rows)
      },
    })
    const report = await retire([declareTable({ retain })], retentionOptions(db, at))
    expect(report).toMatchObject({ archived: ['plays_2026_01'], dropped: ['plays_2026_01'], warnings: [] })
    expect(free).toEqual([{ free: true }])
  })

  test('a hook that resolves with false has not archived', async () => {
    const archive = (() => Promise.resolve(false)) as unknown as () => Promise<void>
    const retain = keepFor('4 months', { grace: '0', archive })
    const report = await retire([declareTable({ retain })], retentionOptions(db, at))
    expect(report).toMatchObject({ archived: [], dropped: [], warnings: [expect.stringContaining('was not archived')] })
    expect(await tablesOf(db)).toContain('plays_2026_01')
  })

  test.each(['its retention', 'its layout'])(
    'declared without %s, what waits for its end is kept for good',
    async (what) => {
      const waiting = declareTable({ retain: keepFor('4 months', { grace: '1 day' }) })
      await retire([waiting], retentionOptions(db, at))
      if (what === 'its retention') await layOut(db, declareTable())
      else await run(deleteLayout({ schema_name: 'public', table_name: 'plays' }))
      expect(await retiredOf(db)).toEqual(['plays_2026_01 kept no retention is declared any more'])
      // Declared again, a year later.
      const later = await retire([waiting], retentionOptions(db, '2027-06-15T00:00:00Z'))
      expect(later.dropped).toEqual([])
      expect(await tablesOf(db)).toContain('plays_2026_01')
    },
  )

  test('a table that is being converted is left to its conversion, as in SQL', async () => {
    await run(`create table plays_default partition of plays default; insert into plays values (1, '2027-01-01');
      insert into pgstrata.conversion (schema_name, table_name, table_oid, method, state, declared, names, facts, scripts)
      values ('public', 'plays', 'plays'::regclass, 'copy', 'swapped', '{}', '{}', '{}', '{}')`)
    const declared = declareTable({ outside: 'default', retain: keepFor('4 months') })
    await layOut(db, declared)
    const options = retentionOptions(db, at)
    expect(await runRetention([declared], options)).toMatchObject({ detached: [] })
    expect(await runDrain([declared], options)).toMatchObject({ made: [] })
    await run('update pgstrata.conversion set finished_at = now()')
    expect((await runDrain([declared], options)).made).toEqual(['plays_2027_01'])
    expect((await runRetention([declared], options)).detached).toEqual(['plays_2026_01'])
  })
})
