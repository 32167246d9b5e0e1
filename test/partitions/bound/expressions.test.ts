// Expressions that mean the whole table: refused where they are made before the new table has its name, kept where not.

import { expect, it } from 'vitest'
import { describeOnEachVersion, testDatabase } from '../../support/postgres.ts'
import { bound, convert, methods, obstacles, readWhole, run, subjectOf } from './support.ts'

const tables = `create table plays (
  id bigint not null,
  at timestamptz not null,
  o oid default 'plays'::regclass::oid,
  t text default (null::plays)::text,
  g oid generated always as ('plays'::regclass::oid) stored,
  plain text default 'plays',
  constraint filled check (plays is not null),
  constraint own check (tableoid = 'plays'::regclass),
  constraint harmless check (plain <> 'plays.*')
);
create index rows on plays (hash_record(plays.*));
create index typed on plays (id) where (null::plays[]) is null;
create index ordinary on plays (lower(plain)) where plain <> 'plays'::text;
create statistics of_it on (o = 'plays'::regclass), id from plays`

const kept = `create table plays (id bigint not null, at timestamptz not null);
create function f() returns trigger language plpgsql as 'begin return new; end';
create trigger changed before update on plays for each row when (old.* is distinct from new.*) execute function f();
create policy whole on plays using (to_jsonb(plays.*) ? 'id' and 'plays'::regclass::oid > 0::oid);
create rule noted as on insert to plays where 'plays'::regclass::oid > 0::oid do also select 1;
create view rows as select to_jsonb(p.*) as row, 'plays'::regclass::oid as of, (null::plays).id as none from plays p`

describeOnEachVersion('expressions that mean the whole table', (version) => {
  it('are refused by name', async () => {
    const database = await testDatabase(version)
    try {
      await run(database.db, tables)
      for (const method of methods) {
        expect(obstacles(await bound(database.db, subjectOf({ table: 'plays', method })))).toEqual([
          ['check constraint', 'filled', 'refused'],
          ['check constraint', 'own', 'refused'],
          ['default', 'o', 'refused'],
          ['default', 't', 'refused'],
          ['generated column', 'g', 'refused'],
          ['index', 'rows', 'refused'],
          ['index', 'typed', 'refused'],
          ['statistics', 'of_it', 'refused'],
        ])
      }
    } finally {
      await database.close()
    }
  })

  it.each(methods)('are kept, and mean the new one, in what the swap makes (%s)', async (method) => {
    const database = await testDatabase(version)
    try {
      await run(database.db, kept)
      const subject = subjectOf({ table: 'plays', method })
      const before = await readWhole(database.db, subject)
      await convert(database.db, subject)
      expect(await readWhole(database.db, subject)).toEqual(before)
      if (method === 'copy') await run(database.db, 'drop table plays_before')
    } finally {
      await database.close()
    }
  })
})
