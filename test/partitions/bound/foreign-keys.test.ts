// Foreign keys: which stay, which go by consent, and that a table set aside is in nobody's way.

import { expect, it } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, testDatabase, type TestDatabase, type TestedMajor } from '../../support/postgres.ts'
import { bound, convert, methods, obstacles, run, subjectOf } from './support.ts'

async function withTables<T>(version: TestedMajor, work: (database: TestDatabase) => Promise<T>): Promise<T> {
  const database = await testDatabase(version)
  try {
    await run(
      database.db,
      `create table songs (id bigint primary key);
create table plays (
  id bigint not null,
  at timestamptz not null,
  song_id bigint constraint song references songs on delete cascade,
  primary key (id, at)
);
create table refs (
  id bigint,
  at timestamptz,
  period integer not null,
  constraint whole foreign key (id, at) references plays (id, at) match full on update cascade on delete set null
) partition by range (period);
create table refs_1 partition of refs for values from (1) to (10);
create table refs_2 partition of refs for values from (10) to (20)`,
    )
    return await work(database)
  } finally {
    await database.close()
  }
}

const rows = `insert into songs values (1), (2);
insert into plays values (1, '2024-02-02', 1), (2, '2024-02-03', 2);
insert into refs values (1, '2024-02-02', 1), (2, '2024-02-03', 11)`

async function keys(database: TestDatabase): Promise<unknown> {
  const found = await database.db.query(sql`
    select conrelid::regclass::text || ' ' || conname as key, pg_get_constraintdef(oid) as definition, convalidated as valid
    from pg_constraint
    where contype = 'f'
      and conparentid = 0
      and conrelid <> coalesce(to_regclass('plays_before'), 0::oid)
    order by 1`)
  return found.rows
}

describeOnEachVersion('foreign keys', (version) => {
  it.each(methods)('stay what they are, valid, also those of partitioned tables (%s)', async (method) => {
    await withTables(version, async (database) => {
      const { db } = database
      if (method !== 'empty') await run(db, rows)
      const before = await keys(database)
      await convert(db, subjectOf({ table: 'plays', method, accept: [] }))
      expect(await keys(database)).toEqual(before)
      await run(db, `insert into songs values (3)`, `insert into plays values (3, '2025-01-01', 3)`)
      await expect(run(db, `insert into plays values (3, '2025-01-02', 99)`)).rejects.toThrow('song')
      await expect(run(db, `insert into refs values (9, '2025-01-02', 1)`)).rejects.toThrow('whole')
      await run(db, `insert into refs values (3, '2025-01-01', 12)`, `delete from songs`)
      const { rows: left } = await db.query(sql`
        select (select count(*)::int4 from plays) as plays, (select count(id)::int4 from refs) as refs`)
      expect(left).toEqual([{ plays: 0, refs: 0 }])
    })
  })

  it('lets rows go that only the table set aside still refers to', async () => {
    await withTables(version, async ({ db }) => {
      await run(
        db,
        rows,
        'alter table plays drop constraint song, add constraint song foreign key (song_id) references songs',
      )
      await convert(db, subjectOf({ table: 'plays', method: 'copy' }))
      await run(db, 'delete from refs', 'delete from plays', 'delete from songs')
    })
  })

  it('in go by consent where the key they need is gone', async () => {
    await withTables(version, async ({ db }) => {
      await run(
        db,
        'create table plain (id bigint primary key, at timestamptz)',
        'create table r (id bigint constraint narrow references plain)',
      )
      const subject = subjectOf({ table: 'plain', method: 'relabel', accept: ['wider-keys'] })
      const items = await bound(db, subject)
      expect(obstacles(items)).toEqual([['foreign key in', 'narrow on public.r', 'drop-incoming-foreign-keys']])
      expect(items.find(({ kind }) => kind === 'foreign key in')?.wayOut).toContain('give public.r the columns at too')
      await convert(db, { ...subject, accept: ['wider-keys', 'drop-incoming-foreign-keys'] })
      const { rows: left } = await db.query(sql`select from pg_constraint where conname = 'narrow'`)
      expect(left).toEqual([])
    })
  })

  it('that are not validated are carried over so where the server can, and refused where not', async () => {
    await withTables(version, async ({ db }) => {
      await run(
        db,
        'alter table plays drop constraint song, add constraint song foreign key (song_id) references songs not valid',
      )
      const refused = version < 18 ? [['foreign key', 'song', 'refused']] : []
      for (const method of ['relabel', 'copy'] as const) {
        expect(obstacles(await bound(db, subjectOf({ table: 'plays', method })))).toEqual(refused)
      }
      expect(obstacles(await bound(db, subjectOf({ table: 'plays', method: 'empty' })))).toEqual([])
    })
  })
})
