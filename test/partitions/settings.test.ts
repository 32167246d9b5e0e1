// What is declared of partitions that are there already: indexes are built beside the traffic, settings follow the
// declaration, and what somebody made by hand is left alone.

import { beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import type { PartitionIndex } from '../../src/partitions/options.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { applyTables, declare } from './support.ts'

const at = new Date('2026-01-15T12:00:00Z')
const byNote: PartitionIndex = {
  name: 'by_note',
  on: 'note',
  unique: false,
  method: 'btree',
  where: undefined,
  include: [],
  with: {},
}

describe.each(versions)('settings of partitions on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await db.query(sql`create table plays (at timestamptz not null, note text) partition by range (at)`)
    await applyTables(db, [declare({ ahead: 1 })], { at })
    return () => database.close()
  })

  const indexes = async (): Promise<unknown[]> => {
    const { rows } = await db.query<{ name: string; definition: string; valid: boolean }>(sql`
      select x.relname as name, pg_get_indexdef(x.oid) as definition, i.indisvalid as valid
      from pg_index i
      join pg_class x on x.oid = i.indexrelid
      where x.relname like 'plays%'
      order by 1`)
    return rows.map(({ name, definition, valid }) => `${name} ${/\((.*)\)/.exec(definition)?.[1] ?? ''} ${valid}`)
  }

  test('an index declared later is built in each partition, beside an open writer', async () => {
    const other = openDb({ url: database.url })
    await other.withSession(async (session) => {
      await session.query(sql`begin; insert into plays (at) values ('2026-01-20')`)
      const building = applyTables(db, [declare({ ahead: 1, indexes: [byNote] })], { at })
      // A plain CREATE INDEX would keep this waiting; CONCURRENTLY waits itself.
      await session.query(sql`insert into plays (at) values ('2026-01-21'), ('2026-02-21')`)
      await session.query(sql`commit`)
      expect((await building).titles[0]).toBe('Index "by_note" of 2 partitions of table public.plays')
    })
    await other.close()
    expect(await indexes()).toEqual(['plays_2026_01_by_note note true', 'plays_2026_02_by_note note true'])
  })

  test('one declared in other words is built anew, one left invalid too, and one made by hand is left alone', async () => {
    await applyTables(db, [declare({ ahead: 1, indexes: [byNote] })], { at })
    await applyTables(db, [declare({ ahead: 1, indexes: [{ ...byNote, on: 'lower(note)' }] })], { at })
    expect(await indexes()).toEqual([
      'plays_2026_01_by_note lower(note) true',
      'plays_2026_02_by_note lower(note) true',
    ])
    await db.query(sql`insert into plays values ('2026-01-20', 'same'), ('2026-01-20', 'same')`)
    await db.query(sql`drop index plays_2026_01_by_note`)
    await expect(
      db.query(sql`create unique index concurrently plays_2026_01_by_note on plays_2026_01 (note)`),
    ).rejects.toMatchObject({ code: '23505' })
    await db.query(sql`drop index plays_2026_02_by_note`)
    await db.query(sql`create index plays_2026_02_by_note on plays_2026_02 (at)`)
    await applyTables(db, [declare({ ahead: 1, indexes: [byNote] })], { at })
    expect(await indexes()).toEqual(['plays_2026_01_by_note note true', 'plays_2026_02_by_note at true'])
  })

  test('storage settings and statistics targets follow the declaration', async () => {
    const storage = { fillfactor: '90', 'toast.autovacuum_enabled': 'false' }
    const { titles } = await applyTables(db, [declare({ ahead: 1, storage, statistics: { note: 500 } })], { at })
    expect(titles[0]).toBe('Set what is declared of 3 partitions of table public.plays')
    await applyTables(
      db,
      [declare({ ahead: 2, storage: { ...storage, fillfactor: '80' }, statistics: { note: 700 } })],
      { at },
    )
    const { rows } = await db.query(sql`
      select c.relname as name, c.reloptions as options, t.reloptions as toast, a.attstattarget::int4 as target
      from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attname = 'note'
      left join pg_class t on t.oid = c.reltoastrelid
      where c.relname like 'plays%'
      order by 1`)
    const leaf = { options: ['fillfactor=80'], toast: ['autovacuum_enabled=false'], target: 700 }
    expect(rows).toEqual([
      { name: 'plays', options: null, toast: null, target: 700 },
      { name: 'plays_2026_01', ...leaf },
      { name: 'plays_2026_02', ...leaf },
      { name: 'plays_2026_03', ...leaf },
    ])
  })

  test('settings of a TOAST table are for partitions that have one', async () => {
    await db.query(sql`create table narrow (at timestamptz not null) partition by range (at)`)
    const storage = { fillfactor: '90', 'toast.autovacuum_enabled': 'false' }
    await applyTables(db, [declare({ key: 'narrow', table: 'narrow', ahead: 0, storage })], { at })
    await applyTables(db, [declare({ key: 'narrow', table: 'narrow', storage: { ...storage, fillfactor: '80' } })], {
      at,
    })
    const { rows } = await db.query(sql`select reloptions as options from pg_class where relname = 'narrow_2026_01'`)
    expect(rows).toEqual([{ options: ['fillfactor=80'] }])
  })

  test('a BRIN index is made where rows stand in the order of time, or nothing is known, and not where they do not', async () => {
    const declared = declare({ ahead: 1, brin: true })
    await db.query(
      sql`insert into plays (at) select timestamptz '2026-01-16' + random() * interval '10 days' from generate_series(1, 12000)`,
    )
    await db.query(sql`analyze plays_2026_01`)
    await applyTables(db, [declared], { at })
    expect(await indexes()).toEqual([])
    await db.query(sql`truncate plays`)
    await db.query(
      sql`insert into plays (at) select timestamptz '2026-01-16' + n * interval '1 minute' from generate_series(1, 12000) n`,
    )
    await db.query(sql`analyze plays_2026_01`)
    await applyTables(db, [declared], { at })
    expect(await indexes()).toEqual([
      "plays_2026_01_brin at) WITH (autosummarize='on' true",
      "plays_2026_02_brin at) WITH (autosummarize='on' true",
    ])
  })
})
