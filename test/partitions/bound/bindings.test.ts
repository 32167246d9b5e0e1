// What is bound to the table's oid reads and writes the new table afterwards: views, rules, policies, functions.

import { expect, it } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, testDatabase } from '../../support/postgres.ts'
import { bound, convert, methods, obstacles, ofKind, run, subjectOf } from './support.ts'

const tables = `create table plays (id bigint not null, at timestamptz not null, slug text);
create table logged (what text, on_table text, level text);
create table guarded (id bigint);
create view shown as select id from plays;
create view above as select id from shown;
create function counted() returns bigint language sql stable return (select count(*) from plays);
create rule purge as on update to logged do also delete from plays where slug = 'purged';
create rule noted as on insert to plays do also insert into logged values ('rule');
create function note() returns trigger language plpgsql as $$ begin insert into logged values (tg_name, tg_table_name, tg_level); return new; end $$;
create trigger by_row before insert on plays for each row execute function note();
create trigger by_statement after insert on plays referencing new table as fresh for each statement execute function note();
create trigger off before insert on plays for each row execute function note();
alter table plays disable trigger off;
do $$ begin create role pgstrata_bound_reader nologin; exception when duplicate_object or unique_violation then null; end $$;
alter table guarded enable row level security;
create policy seen on guarded using (exists (select from plays p where p.id = guarded.id));
grant select on guarded, plays to pgstrata_bound_reader;
insert into guarded values (1), (2), (3)`

describeOnEachVersion('what is bound to the table', (version) => {
  it.each(methods)('finds the new one (%s)', async (method) => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(db, tables)
      const old = method !== 'empty'
      if (old) await run(db, `insert into plays values (1, '2024-02-03')`, 'delete from logged')
      const items = await convert(db, subjectOf({ table: 'plays', method }))
      await run(db, `insert into plays values (2, '2025-02-03', 'purged')`)
      const ids = old ? [{ id: '1' }, { id: '2' }] : [{ id: '2' }]
      expect((await db.query(sql`select id::text from above order by id`)).rows).toEqual(ids)
      expect((await db.query(sql`select counted()::int4 as n`)).rows).toEqual([{ n: ids.length }])
      const { rows } = await db.query(sql`select what, on_table as "on", level from logged order by what`)
      expect(rows).toEqual([
        { what: 'by_row', on: 'plays_2025', level: 'ROW' },
        { what: 'by_statement', on: 'plays', level: 'STATEMENT' },
        { what: 'rule', on: null, level: null },
      ])
      expect(ofKind(items, 'trigger').map(({ how }) => how.includes('that of the partition'))).toEqual([
        true,
        false,
        true,
      ])
      const seen = await db.withSession(async (session) => {
        await run(session, 'set role pgstrata_bound_reader')
        const found = await session.query(sql`select id::text from guarded order by id`)
        await run(session, 'reset role')
        return found.rows
      })
      expect(seen).toEqual(ids)
      await run(db, 'update logged set level = level')
      expect((await db.query(sql`select from plays where slug = 'purged'`)).rows).toEqual([])
    } finally {
      await database.close()
    }
  })

  it('is locked before the table, as its readers do, and alone', async () => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(db, tables)
      const items = await bound(db, subjectOf({ table: 'plays', method: 'relabel' }))
      expect(items.flatMap(({ before }) => before ?? [])).toEqual([
        'lock table only public.guarded in access exclusive mode',
        'lock table only public.logged in access exclusive mode',
        'alter view public.shown owner to postgres',
      ])
      expect(items.flatMap(({ locks }) => locks ?? [])).toEqual([])
      // It locks the view alone.
      await db.withSession(async (session) => {
        await run(session, 'begin', 'alter view public.shown owner to postgres')
        const { rows } = await session.query(sql`
          select relation::regclass::text as name
          from pg_locks
          where pid = pg_backend_pid()
            and mode = 'AccessExclusiveLock'
            and relation is not null`)
        await run(session, 'rollback')
        expect(rows).toEqual([{ name: 'shown' }])
      })
    } finally {
      await database.close()
    }
  })

  it('is refused where it is a temporary view of another session', async () => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(db, 'create table plays (id bigint not null, at timestamptz not null)')
      await db.withSession(async (session) => {
        await run(session, 'create temporary view passing as select id from plays')
        for (const method of methods) {
          const open = obstacles(await bound(db, subjectOf({ table: 'plays', method })))
          expect(open.map(([kind, , verdict]) => [kind, verdict])).toEqual([['temporary view', 'refused']])
        }
        await run(session, 'drop view passing')
      })
    } finally {
      await database.close()
    }
  })

  it.each(methods)('keeps the comment on the constraint of a constraint trigger (%s)', async (method) => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(
        db,
        'create table plays (id bigint not null, at timestamptz not null)',
        `create function f() returns trigger language plpgsql as 'begin return new; end'`,
        'create constraint trigger late after insert on plays deferrable for each row execute function f()',
        `comment on constraint late on plays is 'of the constraint'`,
        `comment on trigger late on plays is 'of the trigger'`,
      )
      await convert(db, subjectOf({ table: 'plays', method }))
      const { rows } = await db.query(sql`
        select obj_description(g.oid, 'pg_trigger') as trigger, obj_description(c.oid, 'pg_constraint') as constraint
        from pg_trigger g
        join pg_constraint c on c.oid = g.tgconstraint
        where g.tgrelid = 'plays'::regclass`)
      expect(rows).toEqual([{ trigger: 'of the trigger', constraint: 'of the constraint' }])
    } finally {
      await database.close()
    }
  })
})
