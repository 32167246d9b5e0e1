// What partitions do not inherit (a replica identity) is there on those that SQL alone makes and those that a draining makes.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import {
  drain as drainAll,
  createPlays,
  declareTable,
  install,
  installRoutines,
  layOut,
  retentionOptions,
} from './life-support.ts'

describe.each(versions)('replica identity on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const plays = declareTable({ outside: 'default', ahead: 1 })

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await install(db)
    await installRoutines(db)
    await createPlays(db)
  })
  afterEach(() => database.close())

  /** Of the partitions that were not made by the test. */
  async function identities(): Promise<readonly string[]> {
    const { rows } = await db.query<{ identity: string }>(sql`
      select distinct c.relreplident::text || coalesce((
          select ' ' || pg_get_indexdef(indexrelid, 1, true) || ' ' || pg_get_indexdef(indexrelid, 2, true)
          from pg_index
          where indrelid = c.oid
            and indisreplident
        ), '') as identity
      from pg_inherits i
      join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'plays'::regclass
        and c.relname !~ '_2026_0[1-6]$'`)
    return rows.map(({ identity }) => identity)
  }

  test.each([
    ['full', 'alter table plays replica identity full', 'f'],
    [
      'an index',
      'create unique index plays_key on plays (played_at, id); alter table plays replica identity using index plays_key',
      'i played_at id',
    ],
  ])('%s', async (_what, statement, expected) => {
    await db.query(sql.raw(statement))
    await db.query(sql`create table plays_default partition of plays default`)
    await layOut(db, plays)
    await db.query(sql`call pgstrata.maintain()`)
    await db.query(sql`insert into plays values (1, '2025-11-03')`)
    const report = await drainAll([plays], retentionOptions(db, '2026-06-15T00:00:00Z'))
    expect(report).toMatchObject({ made: ['plays_2025_11'], warnings: [] })
    expect(await identities()).toEqual([expected])
  })
})
