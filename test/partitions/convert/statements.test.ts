// Every way in which a row can be written while its table is copied, in every state: none is lost, and none comes back.

import { expect, test } from 'vitest'
import type { Db } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { sql } from '../../../src/sql/sql.ts'
import type { State } from '../../../src/partitions/convert/states.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { byHash, contentOf, declare, openConversion } from './support.ts'

const written: readonly State[] = ['capturing', 'copying', 'filling', 'catching', 'verifying', 'closing', 'swapping']

/** Of one turn; each begins from what the others left. */
const statements = (turn: number): readonly string[] => [
  `insert into t values (${turn}, 1, 'new'), (1001 + ${turn}, 1, 'new') on conflict (id) do update set note = excluded.note || t.id`,
  `insert into t values (${turn + 10}, 1, 'never') on conflict do nothing`,
  `merge into t using (select g as id from generate_series(990 + ${turn}, 1020 + ${turn}, 3) as g) as s on t.id = s.id
     when matched and t.id % 2 = 0 then delete
     when matched then update set note = 'merged', id = t.id + 10000 * ${turn + 1}
     when not matched then insert (id, owner, note) values (s.id, 2, 'merged in')`,
  `update t set note = note`,
  `update t set id = -id where id between ${turn * 20} and ${turn * 20 + 5} and id > 0`,
  `delete from t where id % 97 = ${turn} and note <> 'keep'`,
  `begin; update t set note = 'not so' where id % 11 = 3; savepoint s; delete from t where id % 13 = 1; rollback to s; insert into t values (${20000 + turn}, 1, 'after'); release s; update t set note = 'so' where id % 11 = 4; commit`,
  `begin; delete from t; rollback`,
  `delete from owner where id = ${turn + 3}`,
  `update owner set id = id + 100 where id = ${turn + 20}`,
  `with gone as (delete from t where id % 89 = ${turn} returning *) insert into t select -id - 5000, owner, 'moved' from gone`,
  `do $$ begin insert into t values (${30000 + turn}, 1, 'x'); begin delete from t where id = ${30000 + turn}; raise division_by_zero; exception when others then null; end; end $$`,
  `with changed as (update t set note = 'twice' where id % 53 = ${turn} returning id) update t set note = 'once' where id in (select id + 1 from changed)`,
]

async function createT(db: Db): Promise<void> {
  await db.query(sql`create table owner (id int primary key)`)
  await db.query(sql`insert into owner select generate_series(1, 40)`)
  await db.query(
    sql`create table t (id int primary key, owner int references owner on delete cascade on update cascade deferrable initially deferred, note text)`,
  )
  await db.query(
    sql`insert into t select g, 1 + g % 40, case when g % 5 = 0 then 'keep' else repeat('n', g % 30) end from generate_series(1, 1000) as g`,
  )
}

describeOnEachVersion('a full conversion carries over', (version, database) => {
  test('what every statement does, in each state', async () => {
    const { db } = database()
    await createT(db)
    let turn = 0
    const outcome = await openConversion(db).convert(declare('t', byHash), {
      full: true,
      onEvent: async (event) => {
        if (event.type !== 'state' || !written.includes(event.state)) return
        for (const statement of statements(turn)) await db.query(sql.raw(statement))
        turn++
      },
    })
    expect(outcome.ending).toBe('done')
    expect(turn).toBeGreaterThanOrEqual(written.length)
    expect(await contentOf(db, 't')).toEqual(await contentOf(db, 't_old'))
    const { rows } = await db.query(sql`select from t where note = 'merged'`)
    expect(rows.length).toBeGreaterThan(10)
  })

  test('what a role writes that may nothing else, by any search_path, and settings of roles do not matter', async () => {
    const { db, url, name } = database()
    const role = `modest_${version}_${name}`
    await db.query(sql`create schema evil`)
    await db.query(sql`create function evil.never(int, int) returns boolean language sql immutable as 'select false'`)
    await db.query(sql.raw(`create operator evil.= (leftarg = int, rightarg = int, function = evil.never)`))
    await db.query(sql`create table modest (id int primary key, note text)`)
    await db.query(sql`insert into modest select g, 'n' from generate_series(1, 500) as g`)
    await db.query(sql`create role ${sql.ident(role)}`)
    await db.query(sql`grant select, insert, update on modest to ${sql.ident(role)}`)
    await db.query(sql`alter database ${sql.ident(name)} set default_transaction_isolation = 'serializable'`)
    await db.query(sql`alter database ${sql.ident(name)} set search_path = evil, pg_catalog, public`)
    await db.query(sql`alter database ${sql.ident(name)} set statement_timeout = '20s'`)
    const shadowed = openDb({ url })
    try {
      let turn = 0
      const outcome = await openConversion(shadowed).convert(declare('modest', byHash), {
        full: true,
        onEvent: async (event) => {
          if (event.type !== 'state' || !written.includes(event.state)) return
          turn++
          await shadowed.withSession(async (session) => {
            await session.query(sql.raw(`begin; set local role "${role}"`))
            await session.query(sql`insert into public.modest values (${1000 + turn}, 'more')`)
            await session.query(
              sql`update public.modest set note = 'changed' where id operator(pg_catalog.<) ${turn * 10}`,
            )
            await session.query(sql`commit`)
          })
        },
      })
      expect(outcome.ending).toBe('done')
    } finally {
      await shadowed.close()
      await db.query(sql`alter database ${sql.ident(name)} reset all`)
      await db.query(sql`drop owned by ${sql.ident(role)}`)
      await db.query(sql`drop role ${sql.ident(role)}`)
    }
    expect(await contentOf(db, 'modest')).toEqual(await contentOf(db, 'modest_old'))
  })
})
