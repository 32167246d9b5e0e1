// The column that rows are divided by.

import { expect, it } from 'vitest'
import type { Layout } from '../../../src/partitions/options.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { bound, byMonth, convert, methods, ofKind, run, subjectOf } from './support.ts'

const byId = (column: string): Layout => ({ kind: 'id', column, step: 1000n, split: undefined })
const byHash = (column: string): Layout => ({ kind: 'hash', column, into: 2 })

const table = `create table kinds (
  "At.x" timestamptz not null,
  day date not null,
  uid uuid not null,
  id bigint not null,
  name text,
  doc json,
  mood mood,
  made date generated always as (day + 1) stored,
  "when" timestamp(3) not null
)`

const cases: readonly (readonly [string, Layout, string | undefined])[] = [
  ['a time with an odd name', byMonth('At.x'), undefined],
  ['a time with a precision', byMonth('when'), undefined],
  ['a date', byMonth('day'), undefined],
  ['a uuid', byMonth('uid'), undefined],
  ['no such column', byMonth('at'), 'it has "At.x", day'],
  ['a number as time', byMonth('id'), 'a layout by time takes date'],
  ['an id', byId('id'), undefined],
  ['a time as id', byId('day'), 'a layout by id takes smallint'],
  ['a generated column', byMonth('made'), 'It is generated'],
  ['a hash of text', byHash('name'), undefined],
  ['a hash of an enum', byHash('mood'), undefined],
  ['a hash of json', byHash('doc'), 'no default hash'],
]

describeOnEachVersion('the partition column', (version, database) => {
  it.each(cases)('is looked at: %s', async (name, layout, complaint) => {
    const { db } = database()
    await run(db, `create schema if not exists "${name}"`, `set search_path to "${name}"`, 'reset search_path')
    await db.withSession(async (session) => {
      await run(session, `set search_path to "${name}"`, `create type mood as enum ('a')`, table, 'reset search_path')
    })
    const items = await bound(db, subjectOf({ schema: name, table: 'kinds', method: 'copy', layout }))
    const refused = items.filter((item) => item.verdict === 'refused')
    expect(refused.map(({ kind }) => kind)).toEqual(complaint === undefined ? [] : ['partition column'])
    if (complaint !== undefined) expect(refused[0]?.how).toContain(complaint)
  })

  it.each(methods)('becomes NOT NULL where it never is null, and says how often it is (%s)', async (method) => {
    const { db } = database()
    const name = `nulls_${method}`
    await run(db, `create table ${name} (id bigint, at timestamptz)`)
    if (method !== 'empty') {
      await run(db, `insert into ${name} values (1, '2024-01-01'), (2, null), (3, null)`)
      const items = await bound(db, subjectOf({ table: name, method }))
      const [refused] = ofKind(items, 'partition column')
      expect(refused).toMatchObject({ verdict: 'refused', how: expect.stringContaining('null in 2 rows') as string })
      await run(db, `delete from ${name} where at is null`)
    }
    await convert(db, subjectOf({ table: name, method }))
    const { rows } = await db.query(sql`
      select attnotnull as "notNull"
      from pg_attribute
      where attrelid = ${name}::regclass
        and attname = 'at'`)
    expect(rows).toEqual([{ notNull: true }])
  })

  it('may be null in a hash layout without a primary key', async () => {
    const { db } = database()
    await run(db, `create table loose (id bigint, name text)`, `insert into loose values (1, null)`)
    await convert(db, subjectOf({ table: 'loose', method: 'copy', layout: byHash('name') }))
    expect((await db.query(sql`select id::int4, name from loose`)).rows).toEqual([{ id: 1, name: null }])
    expect(version).toBeGreaterThan(0)
  })
})
