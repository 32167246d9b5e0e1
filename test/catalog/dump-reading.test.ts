// How the schema is read: by whom, in which transaction, how much of it.

import { describe, expect, it } from 'vitest'
import {
  dumpSchema,
  readObject,
  readObjects,
  readSchema,
  renderSchema,
  type ObjectRef,
} from '../../src/catalog/dump/index.ts'
import type { Db, Session } from '../../src/db/db.ts'
import { rollback, transaction } from '../../src/db/transaction.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { createFixture, dump, run } from './dump-support.ts'

describeOnEachVersion(
  'the reader',
  (_version, database) => {
    it('needs no privileges', async () => {
      const all = await dump(database())
      const plain = await database().db.withSession(async (session) => {
        await session.query(sql`set role pgstrata_dump_reader`)
        const text = await dumpSchema(session)
        await session.query(sql`reset role`)
        return text
      })
      // The options of a user mapping are shown to its user alone.
      const withoutMappings = (text: string): string => text.replaceAll(/^create user mapping .*$/gm, '')
      expect(withoutMappings(plain)).toBe(withoutMappings(all))
    })

    it('sees what the transaction it is called in has done, and leaves its settings alone', async () => {
      await database().db.withSession(async (session) => {
        await session.query(sql`begin`)
        await session.query(sql`set local search_path to app, public`)
        await session.query(sql`create table app.not_yet (a integer)`)
        const text = await dumpSchema(session)
        const { rows } = await session.query<{ path: string }>(sql`select current_setting('search_path') as path`)
        await rollback(session)
        expect(text).toContain('create table app.not_yet (')
        expect(rows).toEqual([{ path: 'app, public' }])
      })
      expect(await dump(database())).not.toContain('not_yet')
    })

    it('changes nothing on a session outside of a transaction', async () => {
      await database().db.withSession(async (session) => {
        await session.query(sql`set search_path to app`)
        const text = await dumpSchema(session)
        const { rows } = await session.query<{ path: string }>(sql`select current_setting('search_path') as path`)
        await session.query(sql`reset search_path`)
        expect(text).toBe(await dump(database()))
        expect(rows).toEqual([{ path: 'app' }])
      })
    })

    it('says so where an object was dropped after its snapshot was taken', async () => {
      await run(database().db, 'create table app.doomed (a integer); create index doomed_idx on app.doomed (a)')
      const attempt = transaction(
        database().db,
        async (session) => {
          await session.query(sql`select count(*) from pg_class`)
          await run(database().db, 'drop table app.doomed')
          await dumpSchema(session)
        },
        { isolation: 'repeatable read' },
      )
      await expect(attempt).rejects.toMatchObject({ code: 'SCHEMA_CHANGING' })
    })

    it('says so where a table was dropped that has nothing but columns', async () => {
      await run(database().db, 'create table app.doomed (a integer)')
      const attempt = transaction(
        database().db,
        async (session) => {
          await session.query(sql`select count(*) from pg_class`)
          await run(database().db, 'drop table app.doomed')
          await dumpSchema(session)
        },
        { isolation: 'repeatable read' },
      )
      await expect(attempt).rejects.toMatchObject({ code: 'SCHEMA_CHANGING' })
    })

    it('gives every object an identity of its own', async () => {
      const identities = (await readSchema(database().db)).map((object) => object.identity)
      expect(new Set(identities).size).toBe(identities.length)
    })

    it('leaves out what it is told to', async () => {
      await run(database().db, 'create schema pgstrata; create table pgstrata.ours (a integer)')
      expect(await dump(database())).not.toContain('pgstrata.ours')
      expect(await dumpSchema(database().db, { excludeSchemas: [] })).toContain('create table pgstrata.ours')
      const some = await readSchema(database().db, { schemas: ['select', 'public'] })
      const kinds = [...new Set(some.map((object) => object.kind))]
      expect(kinds.toSorted()).toEqual(['schema', 'extension', 'sequence', 'table', 'constraint', 'index'].toSorted())
      const bare = await dumpSchema(database().db, { grants: false, comments: false })
      expect(bare).not.toMatch(/^(grant|revoke|comment|alter default privileges) /m)
      expect(await dumpSchema(database().db, { owners: true })).toContain('alter table app.users owner to ')
      await run(database().db, 'drop schema pgstrata cascade')
    })

    it('says when there is no schema public', async () => {
      await run(database().db, 'alter schema public rename to was_public')
      expect(await dump(database())).toContain('-- schema public\ndrop schema if exists public;')
      await run(database().db, 'alter schema was_public rename to public')
    })

    it('names what it cannot write', async () => {
      await run(
        database().db,
        `create operator class app.odd for type integer using btree as operator 1 <, function 1 btint4cmp(integer, integer)`,
      )
      await run(database().db, `create conversion app.latin for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8`)
      const missing = (await readSchema(database().db)).filter((object) => !object.reproduced)
      expect(missing.map((object) => object.sql)).toEqual([
        '-- not reproduced: conversion app.latin',
        '-- not reproduced: operator family app.odd using btree',
        '-- not reproduced: operator class app.odd using btree',
      ])
      await run(database().db, 'drop operator family app.odd using btree cascade; drop conversion app.latin')
    })

    it('writes no secret', async () => {
      await run(database().db, `alter server keyed options (set token 's3cret')`)
      await run(database().db, `alter user mapping for public server remote options (set password 's3cret')`)
      const text = await dump(database())
      expect(text).not.toContain('s3cret')
      expect(text).toContain(`"token" 'redacted'`)
    })

    describe('of one object', () => {
      it('gives a table with its parts as the whole dump has them', async () => {
        const objects = await readSchema(database().db)
        for (const [name, kind] of [
          ['users', 'table'],
          ['events_2024', 'table'],
          ['child', 'table'],
          ['totals', 'materialized-view'],
          ['plain_view', 'view'],
          ['far', 'foreign-table'],
        ] as const) {
          const identity = `${kind} app.${name}`
          const parts = objects.filter((object) => object.identity === identity || object.parent === identity)
          const one = await readObject(database().db, { kind, schema: 'app', name })
          expect(one?.identity).toBe(identity)
          expect(`-- ${identity}\n${one?.sql ?? ''}\n`).toBe(renderSchema(parts))
        }
      })

      it('gives a part of a table, and what lives outside of tables', async () => {
        const objects = new Map((await readSchema(database().db)).map((object) => [object.identity, object]))
        const refs = [
          [{ kind: 'trigger', schema: 'app', name: 'touch_users', table: 'users' }, 'trigger touch_users on app.users'],
          [{ kind: 'policy', schema: 'app', name: 'Insert Only', table: 'users' }, 'policy "Insert Only" on app.users'],
          [{ kind: 'index', schema: 'public', name: 'Idx.Odd' }, 'index public."Idx.Odd"'],
          [{ kind: 'statistics', schema: 'app', name: 'wide_stats', table: 'wide' }, 'statistics app.wide_stats'],
          [{ kind: 'sequence', schema: 'select', name: 'from.here' }, 'sequence "select"."from.here"'],
          [{ kind: 'function', schema: 'app', name: 'final' }, 'function app.final(numeric)'],
          [{ kind: 'enum', schema: 'app', name: 'mood' }, 'enum app.mood'],
          [{ kind: 'domain', schema: 'app', name: 'email' }, 'domain app.email'],
          [{ kind: 'extension', name: 'hstore' }, 'extension hstore'],
          [{ kind: 'publication', name: 'some_tables' }, 'publication some_tables'],
          [{ kind: 'schema', name: 'app' }, 'schema app'],
        ] as const
        for (const [ref, identity] of refs) {
          const one = await readObject(database().db, ref)
          expect(one?.identity).toBe(identity)
          expect(one?.sql).toBe(objects.get(identity)?.sql)
        }
      })

      it('gives all functions of one name', async () => {
        const one = await readObject(database().db, { kind: 'function', schema: 'app', name: 'add_one' })
        expect(one?.sql.match(/CREATE OR REPLACE FUNCTION/g)).toHaveLength(2)
      })

      it('gives many at once as it gives each alone, in a number of queries that does not grow with them', async () => {
        const refs: readonly ObjectRef[] = [
          ...(await readEveryRelation(database().db)),
          { kind: 'trigger', schema: 'app', name: 'touch_users', table: 'users' },
          { kind: 'policy', schema: 'app', name: 'Insert Only', table: 'users' },
          { kind: 'index', schema: 'public', name: 'Idx.Odd' },
          { kind: 'statistics', schema: 'app', name: 'wide_stats', table: 'wide' },
          { kind: 'function', schema: 'app', name: 'add_one' },
          { kind: 'function', schema: 'app', name: 'final' },
          { kind: 'function', schema: 'app', name: 'nobody' },
          { kind: 'procedure', schema: 'app', name: 'add_one' },
          { kind: 'view', schema: 'app', name: 'users' },
          { kind: 'enum', schema: 'app', name: 'mood' },
          { kind: 'schema', name: 'app' },
        ]
        const together = await readObjects(database().db, refs)
        for (const ref of refs) expect(together.get(ref)).toEqual(await readObject(database().db, ref))
        expect(together.size).toBe(refs.length - 3)
        const inApp = refs.filter((ref) => ref.schema === 'app' && ref.kind === 'table')
        expect(inApp.length).toBeGreaterThan(5)
        expect(await countQueries(database().db, inApp)).toBe(await countQueries(database().db, inApp.slice(0, 1)))
      })

      it('tells triggers of one name on several tables apart', async () => {
        await run(
          database().db,
          `create schema same;
          create function same.fire() returns trigger language plpgsql as 'begin return null; end';
          create table same.a (id int);
          create table same.b (id int);
          create trigger fire after insert on same.a execute function same.fire();
          create trigger fire after update on same.b execute function same.fire()`,
        )
        const refs = ['a', 'b'].map((table) => ({ kind: 'trigger', schema: 'same', name: 'fire', table }) as const)
        const found = await readObjects(database().db, refs)
        expect(refs.map((ref) => found.get(ref)?.sql)).toEqual([
          expect.stringMatching(/AFTER INSERT ON same\.a/),
          expect.stringMatching(/AFTER UPDATE ON same\.b/),
        ])
      })

      it('gives nothing where there is nothing', async () => {
        expect(await readObject(database().db, { kind: 'table', schema: 'app', name: 'nobody' })).toBeUndefined()
        expect(await readObject(database().db, { kind: 'view', schema: 'app', name: 'users' })).toBeUndefined()
        expect(await readObject(database().db, { kind: 'function', schema: 'app', name: 'nobody' })).toBeUndefined()
        expect(
          await readObject(database().db, { kind: 'trigger', schema: 'app', name: 'no', table: 'users' }),
        ).toBeUndefined()
      })
    })
  },
  async (database) => createFixture(database.db, database.version),
)

async function readEveryRelation(db: Db): Promise<readonly ObjectRef[]> {
  const kinds = {
    r: 'table',
    p: 'table',
    v: 'view',
    m: 'materialized-view',
    f: 'foreign-table',
    S: 'sequence',
  } as const
  const { rows } = await db.query<{ schema: string; name: string; relkind: keyof typeof kinds }>(sql`
    select n.nspname::text as schema, c.relname::text as name, c.relkind
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      and n.nspname not in ('information_schema', 'pg_catalog', 'pg_toast')
      and not exists (select from pg_depend d where d.objid = c.oid and d.deptype in ('e', 'i'))
    order by 1, 2`)
  return rows.map(({ schema, name, relkind }) => ({ kind: kinds[relkind], schema, name }))
}

async function countQueries(db: Db, refs: readonly ObjectRef[]): Promise<number> {
  let queries = 0
  await db.withSession(async (session) => {
    const counting: Session = {
      ...session,
      query: async (statement) => {
        queries++
        return await session.query(statement)
      },
    }
    await readObjects(counting, refs)
  })
  return queries
}
