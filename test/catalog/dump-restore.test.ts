// What is made of a dump where not all of it can be made.

import { expect, it } from 'vitest'
import { readSchema, restoreSchema, type SchemaObject, type SkippedObject } from '../../src/catalog/dump/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { run } from './dump-support.ts'

function object(identity: string, text: string, more: Partial<SchemaObject> = {}): SchemaObject {
  return { kind: 'table', identity, sql: text, after: [], roles: [], reproduced: true, ...more }
}

describeOnEachVersion('restoring', (version, database) => {
  it('reports what it could not make, and makes the rest', async () => {
    const told: SkippedObject[] = []
    const objects = [
      object('extension nobody_has', 'create extension nobody_has;', { kind: 'extension' }),
      object('table public.a', 'create table public.a (id integer);'),
      object('table public.lost', 'create table public.lost (x public.of_that_extension);'),
      object('operator-class app.odd', '-- not reproduced: operator class app.odd', {
        kind: 'operator-class',
        reproduced: false,
      }),
    ]
    const restored = await database().db.withSession((session) =>
      restoreSchema(session, objects, { onSkip: (skipped) => told.push(skipped) }),
    )
    expect(restored.created).toBe(1)
    expect(restored.skipped).toEqual(told)
    expect(told.map((skipped) => [skipped.object.identity, skipped.sqlstate])).toEqual([
      ['operator-class app.odd', undefined],
      ['extension nobody_has', '0A000'],
      ['table public.lost', '42704'],
    ])
  })

  it('tries again what needs something that comes later, whatever the dependencies say', async () => {
    const objects = ['d', 'c', 'b', 'a'].map((name, index, all) =>
      object(
        `table public.chain_${index}`,
        `create table public.chain_${name} (${all[index + 1] === undefined ? 'x integer' : `x public.chain_${all[index + 1]}`});`,
      ),
    )
    const restored = await database().db.withSession((session) => restoreSchema(session, objects))
    expect(restored).toMatchObject({ created: 4, skipped: [] })
  })

  it('makes an object whole or not at all', async () => {
    const half = object(
      'table public.half',
      'create table public.half (a integer);\ncomment on column public.half.b is $$no$$;',
    )
    const restored = await database().db.withSession((session) => restoreSchema(session, [half]))
    expect(restored.skipped.map((skipped) => skipped.sqlstate)).toEqual(['42703'])
    const { rows } = await database().db.query(sql`select to_regclass('public.half') as half`)
    expect(rows).toEqual([{ half: null }])
  })

  it('makes the roles that are missing, without login', async () => {
    const role = `"pgstrata dump stub ${version}"`
    const granted = object(
      'table public.granted',
      `create table public.granted (); grant select on public.granted to ${role};`,
      {
        roles: [role],
      },
    )
    const restored = await database().db.withSession((session) => restoreSchema(session, [granted]))
    const { rows } = await database().db.query(sql`
      select rolcanlogin
      from pg_roles
      where quote_ident(rolname) = ${role}`)
    await run(database().db, `drop owned by ${role}; drop role ${role}`)
    expect(restored).toMatchObject({ created: 1, skipped: [], stubRoles: [role] })
    expect(rows).toEqual([{ rolcanlogin: false }])
  })

  it('puts the settings of the session back', async () => {
    await database().db.withSession(async (session) => {
      await session.query(sql`set search_path to public, pg_catalog`)
      await restoreSchema(session, await readSchema(session))
      const { rows } = await session.query(sql`
        select current_setting('search_path') as path, current_setting('check_function_bodies') as bodies`)
      await session.query(sql`reset search_path`)
      expect(rows).toEqual([{ path: 'public, pg_catalog', bodies: 'on' }])
    })
  })
})
