// Tables that cannot be converted, each with its reason and the way out.

import { expect, it } from 'vitest'
import { isStrataError } from '../../../src/base/errors.ts'
import { readBound } from '../../../src/partitions/convert/bound/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { bound, methods, run, subjectOf } from './support.ts'

interface Refusal {
  readonly what: string
  readonly make: string
  readonly table: string
  readonly kind: string
  readonly wayOut: RegExp
  readonly only?: (version: number) => boolean
}

const column = 'at timestamptz not null'
const refusals: readonly Refusal[] = [
  {
    what: 'a partitioned table',
    make: `create table a1 (${column}) partition by hash (at)`,
    table: 'a1',
    kind: 'partitioned table',
    wayOut: /Declare it as it is/,
  },
  {
    what: 'a partition',
    make: `create table a2 (${column}) partition by range (at); create table a2p partition of a2 default`,
    table: 'a2p',
    kind: 'partition',
    wayOut: /detach/,
  },
  {
    what: 'a parent by inheritance',
    make: `create table a3 (${column}); create table a3c () inherits (a3)`,
    table: 'a3',
    kind: 'inheritance',
    wayOut: /NO INHERIT/,
  },
  {
    what: 'a child by inheritance',
    make: `create table a4 (${column}); create table a4c () inherits (a4)`,
    table: 'a4c',
    kind: 'inheritance',
    wayOut: /NO INHERIT/,
  },
  {
    what: 'an unlogged table',
    make: `create unlogged table a5 (${column})`,
    table: 'a5',
    kind: 'unlogged table',
    wayOut: /set logged/,
  },
  {
    what: 'a typed table',
    make: `create type a6t as (at timestamptz); create table a6 of a6t`,
    table: 'a6',
    kind: 'typed table',
    wayOut: /not of/,
  },
  {
    what: 'a foreign table',
    make: `create foreign data wrapper w; create server s foreign data wrapper w; create foreign table a7 (${column}) server s`,
    table: 'a7',
    kind: 'table',
    wayOut: /where its rows are/,
  },
  {
    what: 'a view',
    make: `create view a8 as select now() as at`,
    table: 'a8',
    kind: 'table',
    wayOut: /table that it reads/,
  },
  {
    what: 'a materialized view',
    make: `create materialized view a9 as select now() as at`,
    table: 'a9',
    kind: 'table',
    wayOut: /CREATE TABLE/,
  },
  {
    what: 'a member of an extension',
    make: `create extension citext; create table b1 (${column}); alter extension citext add table b1`,
    table: 'b1',
    kind: 'extension',
    wayOut: /alter extension citext drop table/,
  },
  {
    what: 'an index that goes with an extension',
    make: `create extension hstore; create table b2 (${column}); create index b2i on b2 (at); alter index b2i depends on extension hstore`,
    table: 'b2',
    kind: 'extension',
    wayOut: /no depends on extension/,
  },
  {
    what: 'a subscription that writes into it',
    make: `create table b3 (${column}); create subscription b3s connection 'dbname=nowhere' publication p with (connect = false, slot_name = none); insert into pg_subscription_rel select s.oid, 'b3'::regclass, 'r', null from pg_subscription s where subname = 'b3s'`,
    table: 'b3',
    kind: 'subscription',
    wayOut: /take the table out of the publication/,
  },
  {
    what: 'a security label',
    make: `create table b4 (${column}); insert into pg_seclabel values ('b4'::regclass, 'pg_class'::regclass, 0, 'nobody', 'secret')`,
    table: 'b4',
    kind: 'security label',
    wayOut: /Take them off/,
  },
  {
    what: 'another access method',
    make: `create access method heap2 type table handler heap_tableam_handler; create table b5 (${column}) using heap2`,
    table: 'b5',
    kind: 'access method',
    wayOut: /set access method heap/,
    only: (version) => version < 17,
  },
  {
    what: 'triggers of keys that are switched off',
    make: `create table b6 (id integer primary key, ${column}); create table b6r (id integer references b6); alter table b6 disable trigger all`,
    table: 'b6',
    kind: 'triggers of constraints',
    wayOut: /enable trigger all/,
  },
  {
    what: 'triggers of keys that lead to it, switched off where they come from',
    make: `create table d1 (id integer primary key, ${column}); create table d1r (id integer references d1); alter table d1r disable trigger all`,
    table: 'd1',
    kind: 'triggers of constraints',
    wayOut: /enable trigger all/,
  },
  {
    what: 'an invalid index',
    make: `create table b7 (${column}); create index b7i on b7 (at); update pg_index set indisvalid = false where indexrelid = 'b7i'::regclass`,
    table: 'b7',
    kind: 'index',
    wayOut: /reindex index concurrently/,
  },
  {
    what: 'a check that is NO INHERIT',
    make: `create table b8 (${column}, constraint c check (at is not null) no inherit)`,
    table: 'b8',
    kind: 'check constraint',
    wayOut: /without NO INHERIT/,
  },
  {
    what: 'a NOT NULL that is NO INHERIT',
    make: `create table b9 (${column}, x integer constraint c not null no inherit)`,
    table: 'b9',
    kind: 'not null constraint',
    wayOut: /alter constraint c inherit/,
    only: (version) => version >= 18,
  },
  {
    what: 'a row trigger with transition tables',
    make: `create table c1 (${column}); create function c1f() returns trigger language plpgsql as 'begin return null; end'; create trigger t after insert on c1 referencing new table as n for each row execute function c1f()`,
    table: 'c1',
    kind: 'trigger',
    wayOut: /FOR EACH STATEMENT/,
  },
  {
    what: 'a materialized view of it',
    make: `create table c2 (${column}); create materialized view c2m as select at from c2`,
    table: 'c2',
    kind: 'materialized view',
    wayOut: /read through a view/,
  },
  {
    what: 'a view that groups by its primary key',
    make: `create table c3 (id integer primary key, ${column}, x text); create view c3v as select id, x, count(*) from c3 group by id`,
    table: 'c3',
    kind: 'view',
    wayOut: /Group by every column/,
  },
  {
    what: 'a rule that groups by its primary key',
    make: `create table d2 (id integer primary key, ${column}, x text); create table d2o (x text); create rule r as on insert to d2o do also insert into d2o select x from d2 group by id`,
    table: 'd2',
    kind: 'rule elsewhere',
    wayOut: /Group by every column/,
  },
  {
    what: 'a function that takes its row',
    make: `create table c4 (${column}); create function c4f(c4) returns integer language sql as 'select 1'`,
    table: 'c4',
    kind: 'row type',
    wayOut: /composite type/,
  },
  {
    what: 'a function that returns its rows',
    make: `create table c5 (${column}); create function c5f() returns setof c5 language sql as 'select * from c5'`,
    table: 'c5',
    kind: 'row type',
    wayOut: /composite type/,
  },
  {
    what: 'a column of its row type',
    make: `create table c6 (${column}); create table c6u (x c6[])`,
    table: 'c6',
    kind: 'row type',
    wayOut: /composite type/,
  },
  {
    what: 'a view with a column of its row type',
    make: `create table c7 (${column}); create view c7v as select c7 from c7`,
    table: 'c7',
    kind: 'row type',
    wayOut: /composite type/,
  },
  {
    what: 'a default elsewhere that takes from its identity',
    make: `create table c8 (id bigint generated always as identity, ${column}); create table c8u (x bigint default nextval('c8_id_seq'))`,
    table: 'c8',
    kind: 'unknown',
    wayOut: /Drop it/,
  },
  {
    what: 'a constraint trigger of another table',
    make: `create table c9 (${column}); create table c9u (x integer); create function c9f() returns trigger language plpgsql as 'begin return null; end'; create constraint trigger t after insert on c9u from c9 for each row execute function c9f()`,
    table: 'c9',
    kind: 'unknown',
    wayOut: /Drop it/,
  },
]

describeOnEachVersion('what cannot be converted', (version, database) => {
  const here = refusals.filter(({ only }) => only === undefined || only(version))

  it.each(here.map((refusal) => [refusal.what, refusal] as const))('%s', async (_, refusal) => {
    const { db } = database()
    await db.withSession(async (session) => {
      // Two of these cannot be had by ordinary means in a test.
      await run(session, 'set allow_system_table_mods = on', refusal.make, 'reset allow_system_table_mods')
    })
    for (const method of methods) {
      const items = await bound(db, subjectOf({ table: refusal.table, method }))
      const refused = items.filter((item) => item.verdict === 'refused')
      expect(refused.map(({ kind }) => kind)).toEqual([refusal.kind])
      expect(refused[0]?.wayOut).toMatch(refusal.wayOut)
      expect(refused[0]?.how).not.toBe('')
      expect(refused[0]?.statements).toEqual({})
    }
    await run(
      db,
      `do $$ begin if exists (select from pg_subscription where subname = 'b3s') then alter subscription b3s disable; end if; end $$`,
    )
    const { rows } = await db.query(sql`select from pg_subscription where subname = 'b3s'`)
    if (rows.length > 0) await run(db, 'drop subscription b3s')
  })

  it('a copy of what policies hide from who converts', async () => {
    const { db } = database()
    const role = 'pgstrata_bound_plain'
    await run(
      db,
      `do $$ begin create role ${role} nologin; exception when duplicate_object or unique_violation then null; end $$`,
      `create table hidden (${column})`,
      `alter table hidden owner to ${role}`,
      `grant create on schema public to ${role}`,
      'alter table hidden enable row level security, force row level security',
    )
    const kinds = await db.withSession(async (session) => {
      await run(session, `set role ${role}`)
      const found: string[][] = []
      for (const method of methods) {
        const items = await readBound(session, subjectOf({ table: 'hidden', method }))
        found.push(items.filter((item) => item.verdict === 'refused').map(({ kind }) => kind))
      }
      await run(session, 'reset role')
      return found
    })
    expect(kinds).toEqual([[], [], ['row level security']])
  })

  it('a temporary table, by the session that has it', async () => {
    await database().db.withSession(async (session) => {
      await run(session, `create temporary table passing (${column})`)
      const { rows } = await session.query<{ name: string }>(sql`
        select nspname::text as name
        from pg_namespace
        where oid = pg_my_temp_schema()`)
      const subject = subjectOf({ schema: rows[0]?.name ?? '', table: 'passing', method: 'empty' })
      expect((await readBound(session, subject)).map(({ kind }) => kind)).toEqual(['temporary table'])
    })
  })

  it('a table that is not there', async () => {
    const failure = await bound(database().db, subjectOf({ table: 'nowhere', method: 'copy' })).catch(
      (error: unknown) => error,
    )
    expect(isStrataError(failure, 'TABLE_UNKNOWN')).toBe(true)
  })
})
