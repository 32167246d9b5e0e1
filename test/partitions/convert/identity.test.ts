// Rows whose keys are equal and not the same: what Postgres holds to be one key is one row, whatever it looks like, and what
// it looks like is carried over all the same.

import { expect, test } from 'vitest'
import type { Db } from '../../../src/db/db.ts'
import type { Layout } from '../../../src/partitions/options.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { contentOf, declare, openConversion } from './support.ts'

const byKey: Layout = { kind: 'hash', column: 'key', into: 3 }

/** Changes rows in each state from the copying on; in the end the new table is as the old one was at the swap. */
async function copyWhile(
  db: Db,
  table: string,
  layout: Layout,
  work: (turn: number) => readonly string[],
): Promise<void> {
  let turn = 0
  const outcome = await openConversion(db).convert(declare(table, layout), {
    full: true,
    onEvent: async (event) => {
      const due = ['copying', 'filling', 'catching', 'verifying', 'closing', 'swapping'] as const
      if (event.type !== 'state' || !due.some((state) => state === event.state)) return
      for (const statement of work(turn++)) await db.query(sql.raw(statement))
    },
  })
  expect(outcome.ending).toBe('done')
  expect(await contentOf(db, table)).toEqual(await contentOf(db, `${table}_old`))
}

describeOnEachVersion('a full conversion', (_version, database) => {
  test('carries over keys of a type whose operators are in nobody’s search_path', async () => {
    const { db } = database()
    await db.query(sql.raw(`create schema "Odd"; create extension citext schema "Odd"`))
    await db.query(sql.raw(`create table words (key "Odd".citext primary key, note text)`))
    await db.query(sql.raw(`insert into words select 'word ' || g, 'x' from generate_series(1, 2000) as g`))
    await copyWhile(db, 'words', byKey, (turn) => [
      `update words set key = ${turn % 2 === 0 ? 'upper' : 'lower'}(key::text)::"Odd".citext where note = 'x' and length(key) < 7`,
    ])
  })

  test.each([
    [
      'numeric',
      `(g || case when g % 2 = 0 then '.0' else '' end)::numeric`,
      (turn: number) => `trunc(key, 0)::numeric(20, 0)::text::numeric + ${'0.'.padEnd(3 + (turn % 3), '0')}`,
    ],
    [
      'float8',
      "case g when 1 then 0 when 2 then 1e308 when 3 then 'NaN' when 4 then '-infinity' else g end::float8",
      () => 'key * -1',
    ],
    ['text collate loose', `'Word ' || g`, (turn: number) => (turn % 2 === 0 ? 'upper(key)' : 'lower(key)')],
    ['bytea', `sha256(g::text::bytea)`, () => 'sha256(key)'],
    ['uuid', `md5(g::text)::uuid`, () => 'md5(key::text)::uuid'],
    [
      'jsonb',
      `jsonb_build_object('n', g::numeric(10, 1))`,
      () => `jsonb_build_object('n', (key ->> 'n')::numeric + 0.00)`,
    ],
    ['mood', `(enum_range(null::mood))[g]`, () => 'key'],
    ['positive', 'g', () => 'key + 5000'],
    ['int4range', 'int4range(g, g + 1)', () => 'key'],
    [
      'timestamptz',
      `case g when 1 then 'infinity' when 2 then '-infinity' else '4000-01-01 BC'::timestamptz + g * interval '1 day' end`,
      () => `key + interval '1 microsecond'`,
    ],
  ] as const)('carries over keys of type %s', async (type, made, changed) => {
    const { db } = database()
    const table = `keyed by ${type}`
    await db.query(
      sql.raw(
        `create collation if not exists loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
      ),
    )
    await db.query(
      sql.raw(
        `do $$ begin create type mood as enum ('low', 'high'); create domain positive as bigint check (value > 0); exception when duplicate_object then end $$`,
      ),
    )
    const rows = type === 'mood' ? 2 : 500
    await db.query(sql.raw(`create table "${table}" (key ${type} primary key, note text)`))
    await db.query(sql.raw(`insert into "${table}" select ${made}, g::text from generate_series(1, ${rows}) as g`))
    await copyWhile(db, table, byKey, (turn) => [
      `update "${table}" set key = ${changed(turn)}, note = note || '.' where note ~ '^(1|3|22|111)'`,
      `delete from "${table}" where note ~ '^44'`,
    ])
  })

  test('takes rows whose partition column is null, and lets writers have more of them', async () => {
    const { db } = database()
    await db.query(sql`create table unplaced (id int not null, region text, note text)`)
    await db.query(sql`create unique index unplaced_id on unplaced (id)`)
    await db.query(
      sql`insert into unplaced select g, case when g % 3 > 0 then 'r' || g % 7 end, 'n' from generate_series(1, 1000) as g`,
    )
    const declared = declare('unplaced', { kind: 'hash', column: 'region', into: 3 }, { accept: ['wider-keys'] })
    let turn = 0
    const outcome = await openConversion(db).convert(declared, {
      full: true,
      onEvent: async (event) => {
        if (event.type !== 'state' || event.state === 'settling' || event.state === 'done') return
        turn++
        await db.query(sql`update unplaced set region = null where id % 50 = ${turn}`)
        await db.query(sql`update unplaced set region = 'back' where id % 60 = ${turn} and region is null`)
        await db.query(sql`update unplaced set note = 'still null' where id % 30 = ${turn} and region is null`)
        await db.query(sql`insert into unplaced values (${5000 + turn}, null, 'new')`)
        await db.query(sql`delete from unplaced where id % 70 = ${turn}`)
      },
    })
    expect(outcome.ending).toBe('done')
    expect(await contentOf(db, 'unplaced')).toEqual(await contentOf(db, 'unplaced_old'))
  })

  test.each([
    ['numeric', '1.0', '1.00'],
    ['float8', '0', '-0'],
    ['interval', '1 day', '24 hours'],
    ['jsonb', '{"a": 1.0}', '{"a": 1.00}'],
    ['text collate loose', 'a', 'A'],
    ['numeric[]', '{1.0}', '{1.00}'],
    ['bpchar', 'a', 'a '],
    ['text', 'a', 'a '],
    ['text', '', null],
  ])('tells %s %s from %s when it compares', async (type, was, is) => {
    const { db } = database()
    await db.query(
      sql.raw(
        `create collation if not exists loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
      ),
    )
    const table = `told ${type} ${JSON.stringify(is).replaceAll('"', '')}`
    await db.query(sql.raw(`create table "${table}" (id int primary key, played_at timestamptz, value ${type})`))
    await db.query(
      sql`insert into ${sql.ident(table)} select g, now(), ${sql.literal(was)} from generate_series(1, 3) as g`,
    )
    const conversion = openConversion(db)
    const failing = conversion.convert(declare(table, { ...byKey, column: 'id' }), {
      full: true,
      onEvent: async (event) => {
        if (event.type !== 'state' || event.state !== 'verifying') return
        const value = is === null ? sql.raw('null') : sql.literal(is)
        await db.query(sql`update ${sql.ident(`${table}_incoming`)} set value = ${value} where id = 2`)
      },
    })
    await expect(failing).rejects.toMatchObject({ code: 'CONVERT_MISMATCH' })
    await conversion.abort({ schema: 'public', table })
  })
})
