// What the parent cannot have and every leaf needs; where things are stored; who may do what.

import { expect, it } from 'vitest'
import { leafSettings } from '../../../src/partitions/convert/bound/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, testDatabase } from '../../support/postgres.ts'
import { bound, convert, methods, obstacles, readWhole, run, subjectOf } from './support.ts'

describeOnEachVersion('storage and grants', (version) => {
  it('gives every leaf the options, targets and the owner of the table', async () => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(
        db,
        `create table plays (id bigint, at timestamptz not null, note text) with (fillfactor = 70, autovacuum_vacuum_threshold = 5, toast.autovacuum_enabled = false)`,
        'alter table plays alter column id set statistics 300, alter column id set (n_distinct = -0.5)',
      )
      const subject = subjectOf({ table: 'plays', method: 'empty' })
      expect(leafSettings(await bound(db, subject))).toEqual({
        owner: 'postgres',
        options: 'autovacuum_vacuum_threshold = 5, fillfactor = 70, toast.autovacuum_enabled = false',
        columns: ['id set statistics 300', 'id set (n_distinct = -0.5)'],
        replicaIdentity: undefined,
      })
      await convert(db, subject)
      const { rows } = await db.query(sql`
        select c.reloptions::text as options, a.attstattarget::int4 as target, a.attoptions::text as "columnOptions"
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attname = 'id'
        where c.relname = 'plays_2025'`)
      expect(rows).toEqual([
        { options: '{autovacuum_vacuum_threshold=5,fillfactor=70}', target: 300, columnOptions: '{n_distinct=-0.5}' },
      ])
    } finally {
      await database.close()
    }
  })

  it.each(methods)('gives nobody more by default privileges (%s)', async (method) => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(
        db,
        `do $$ begin create role pgstrata_bound_reader nologin; exception when duplicate_object or unique_violation then null; end $$`,
        'create table plays (id bigint generated always as identity, at timestamptz not null)',
        'alter default privileges grant insert on tables to public',
        'alter default privileges in schema public grant all on tables to pgstrata_bound_reader',
        'alter default privileges grant usage on sequences to pgstrata_bound_reader',
      )
      const subject = subjectOf({ table: 'plays', method })
      const before = await readWhole(db, subject)
      await convert(db, subject)
      expect(await readWhole(db, subject)).toEqual(before)
      // Nor on a partition, where the policies of the table do not hold.
      const { rows } = await db.query(sql`
        select c.relname::text as name, g.grantee::regrole::text as grantee
        from pg_class c, aclexplode(c.relacl) g
        where c.relname ~ '^plays'
          and c.relkind in ('r', 'p')
          and g.grantee <> c.relowner`)
      expect(rows).toEqual([])
    } finally {
      await database.close()
    }
  })

  it.each(methods)('can be carried over by the owner of everything, who is no superuser (%s)', async (method) => {
    const database = await testDatabase(version)
    const owner = 'pgstrata_bound_plain'
    try {
      const { db } = database
      await run(
        db,
        `do $$ begin create role ${owner} nologin; exception when duplicate_object or unique_violation then null; end $$`,
        `grant create, usage on schema public to ${owner}; grant create on database "${database.name}" to ${owner}`,
      )
      const subject = subjectOf({ table: 'plays', method })
      await db.withSession(async (session) => {
        await run(
          session,
          `set role ${owner}`,
          `create table songs (id bigint primary key)`,
          `create table plays (id bigint generated always as identity, n serial, at timestamptz not null, song_id bigint references songs, primary key (id, at))`,
          `create table refs (id bigint, at timestamptz, foreign key (id, at) references plays)`,
          `create index on plays (song_id)`,
          `create statistics stats on n, song_id from plays`,
          `create view seen as select id from plays`,
          `create function f() returns trigger language plpgsql as 'begin return new; end'`,
          `create trigger t before insert on plays for each row execute function f()`,
          `create publication mine for table plays`,
          `grant select on plays to public`,
          'reset role',
        )
      })
      const before = await readWhole(db, subject)
      await convert(db, subject, { role: owner })
      const after = await readWhole(db, subject)
      expect({ ...after, 'publication mine': '' }).toEqual({ ...before, 'publication mine': '' })
    } finally {
      await database.close()
    }
  })

  it.each(methods)('keeps tablespaces of table, keys and indexes (%s)', async (method) => {
    const database = await testDatabase(version)
    const space = `space_${database.name}`
    try {
      const { db } = database
      await db.withSession(async (session) => {
        await run(session, 'set allow_in_place_tablespaces = on', `create tablespace ${space} location ''`)
      })
      await run(
        db,
        `create table plays (id bigint, at timestamptz not null, x text, primary key (id, at) with (fillfactor = 60) using index tablespace ${space}) tablespace ${space}`,
        `create index sparse on plays (x) with (fillfactor = 50) tablespace ${space} where x <> ' WHERE '`,
        `insert into plays values (1, '2024-01-01', 'x')`,
      )
      if (method === 'empty') await run(db, 'delete from plays')
      const subject = subjectOf({ table: 'plays', method })
      const before = await readWhole(db, subject)
      await convert(db, subject)
      const after = await readWhole(db, subject)
      expect({ ...after, 'constraint plays_pkey on public.plays': '' }).toEqual({
        ...before,
        'constraint plays_pkey on public.plays': '',
      })
      const { rows } = await db.query(sql`
        select distinct c.relname::text as name
        from pg_class c
        left join pg_tablespace t on t.oid = c.reltablespace
        where c.relname ~ '^(plays|sparse)'
          and c.relkind in ('r', 'i', 'p', 'I')
          and t.spcname is null`)
      expect(rows).toEqual([])
    } finally {
      await database.close()
      const other = await testDatabase(version)
      await run(other.db, `drop tablespace if exists ${space}`)
      await other.close()
    }
  })

  it('has exclusion constraints where the server can', async () => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(
        db,
        'create extension btree_gist',
        'create table rooms (room integer, at date not null, during tstzrange, constraint free exclude using gist (room with =, at with =, during with &&) where (room > 0))',
        'create table halls (room integer, at date not null, constraint alone exclude using gist (room with =))',
      )
      const seen = async (table: string, method: 'empty' | 'relabel' | 'copy'): Promise<unknown> =>
        obstacles(await bound(db, subjectOf({ table, method })))
      const refused = [['exclusion constraint', 'free', 'refused']]
      expect(await seen('rooms', 'copy')).toEqual(version < 17 ? refused : [])
      expect(await seen('rooms', 'relabel')).toEqual(refused)
      expect(await seen('halls', 'copy')).toEqual([['exclusion constraint', 'alone', 'refused']])
      if (version < 17) return
      const subject = subjectOf({ table: 'rooms', method: 'copy' })
      await run(db, `insert into rooms values (1, '2024-01-01', '[2024-01-01, 2024-01-02)')`)
      const before = await readWhole(db, subject)
      await convert(db, subject)
      expect(await readWhole(db, subject)).toEqual(before)
    } finally {
      await database.close()
    }
  })
})
