// What is held back, with the reason and the way out; and what a plan does to a table that is as declared, nearly so, or not.

import { beforeEach, describe, expect, test } from 'vitest'
import type { Db, Session } from '../../src/db/db.ts'
import { contributePartitions } from '../../src/partitions/contribute.ts'
import { readBound } from '../../src/partitions/convert/bound/index.ts'
import type { Layout, PartitionedTable } from '../../src/partitions/options.ts'
import { renderPlan, readPlan, type Contribution } from '../../src/plan/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion, testDatabase, type TestDatabase, versions } from '../support/postgres.ts'
import { applyTables, declare, monthly, partitionNames } from './support.ts'

const at = new Date('2026-01-15T12:00:00Z')
const byId: Layout = { kind: 'id', column: 'id', step: 1_000n, split: undefined }

const contribute = (db: Db, tables: readonly PartitionedTable[]): Promise<Contribution> =>
  db.withSession((session: Session) => contributePartitions(session, { tables, readBound, at }))

describeOnEachVersion('a plan holds back', (_version, database) => {
  test.each<[string, string, Partial<PartitionedTable>, RegExp, RegExp]>([
    ['a table that is not there', 'select 1', {}, /there is no such table/, /create it in a migration/],
    ['a view', 'create view plays as select now() as at', {}, /it is a view/, /declare a table/],
    [
      'a partition of another table',
      'create table other (at timestamptz not null) partition by range (at); create table plays partition of other default',
      {},
      /partition of another table/,
      /stands for itself/,
    ],
    ['a column that is not there', 'create table plays (id int, "At" timestamptz)', {}, /no column "at"/, /id, At/],
    ['time that may be null', 'create table plays (at timestamptz)', {}, /"at" may be null/, /set not null/],
    [
      'time as text',
      'create table plays (at text not null)',
      {},
      /of type text; expected timestamptz, timestamp, date or uuid/,
      /another column/,
    ],
    [
      'time in json',
      'create table plays (at jsonb not null)',
      {},
      /of type jsonb; expected timestamptz/,
      /another column/,
    ],
    [
      'hours of a date',
      'create table plays (at date not null)',
      { layout: { kind: 'time', column: 'at', grain: 'hour', zone: 'UTC', split: undefined } },
      /of type date; expected timestamptz, timestamp or uuid/,
      /another column/,
    ],
    [
      'ids that are text',
      'create table plays (id text not null)',
      { layout: byId },
      /of type text; expected smallint/,
      /another column/,
    ],
    [
      'the hash of json',
      'create table plays (id json)',
      { layout: { kind: 'hash', column: 'id', into: 2 } },
      /json; expected a type that PostgreSQL can hash/,
      /another column/,
    ],
    [
      'a primary key without the time',
      'create table plays (id int primary key, at timestamptz not null)',
      {},
      /primary key "plays_pkey" does not have "at"/,
      /accept: \['wider-keys'\].*on conflict/,
    ],
    [
      'a unique index without the hash',
      'create table plays (id int not null, at timestamptz not null, unique (id, at))',
      { layout: { ...monthly, split: { column: 'wallet', into: 2 } } as Layout },
      /no column "wallet"/,
      /id, at/,
    ],
    [
      'a stored generated column',
      'create table plays (src timestamptz not null, at timestamptz not null generated always as (src) stored)',
      {},
      /"at" is generated/,
      /generated from/,
    ],
    [
      'another strategy',
      'create table plays (at timestamptz not null) partition by list (at)',
      {},
      /declared: partitioned by range \("at"\); it is partitioned by list \("at"\)/,
      /take it out of the configuration/,
    ],
    [
      'another key',
      'create table plays (at timestamptz not null, b timestamptz not null) partition by range (b)',
      {},
      /it is partitioned by range \("b"\)/,
      /declare it as it is/,
    ],
    [
      'two columns as key',
      'create table plays (at timestamptz not null, k int not null) partition by range (at, k)',
      {},
      /it is partitioned by range \("at", "k"\)/,
      /take it out of the configuration/,
    ],
    [
      'an expression as key',
      `create table plays (at timestamptz not null) partition by range ((at at time zone 'UTC'))`,
      {},
      /by range \(…\)/,
      /take it out of the configuration/,
    ],
    [
      'another number of hash partitions',
      'create table plays (id int) partition by hash (id); create table p0 partition of plays for values with (modulus 4, remainder 0)',
      { layout: { kind: 'hash', column: 'id', into: 8 } },
      /declared: 8 partitions by hash; it is partitioned a modulus of 4/,
      /declare it as it is/,
    ],
    [
      'rows that are there',
      'create table plays (at timestamptz not null); insert into plays select now() from generate_series(1, 1200); analyze plays',
      {},
      /not partitioned, and has about 1,200 rows/,
      /pgstrata convert plays/,
    ],
    [
      'a name that is taken',
      'create table plays (at timestamptz not null) partition by range (at); create table plays_2026_02 (n int)',
      {},
      /"plays_2026_02" .* another relation/,
      /rename or drop/,
    ],
    [
      'names that would be cut short',
      'create table plays (at timestamptz not null)',
      { names: `${'n'.repeat(50)}_{period}` },
      /bytes, and PostgreSQL keeps 63/,
      /shorter `names`/,
    ],
    [
      'a name too long for its default partition',
      `create table "${'p'.repeat(56)}" (at timestamptz not null)`,
      { table: 'p'.repeat(56), names: 'p_{period}', outside: 'default' },
      /its default partition "p+_default"/,
      /outside: 'refuse'/,
    ],
    [
      'statistics of a column that is not there',
      'create table plays (at timestamptz not null)',
      { statistics: { nobody: 100 } },
      /no column "nobody", whose statistics target/,
      /one of its columns/,
    ],
    [
      'more partitions than can be planned',
      'create table plays (at timestamptz not null) partition by range (at)',
      { from: '1900-01-01', layout: { ...monthly, grain: 'day' } as Layout },
      /more than 4,000 partitions/,
      /coarser grain/,
    ],
    [
      'a default partition where rows are to be refused',
      'create table plays (at timestamptz not null) partition by range (at); create table rest partition of plays default',
      {},
      /"rest" takes rows outside/,
      /outside: 'default'/,
    ],
  ])('%s', async (_what, create, said, why, todo) => {
    const { db } = database()
    await db.query(sql`drop schema public cascade`)
    await db.query(sql`create schema public`)
    await db.query(sql.raw(create))
    const { held = [] } = await contribute(db, [declare(said)])
    expect(held).toHaveLength(1)
    expect(held[0]?.why).toMatch(why)
    expect(held[0]?.todo).toMatch(todo)
    expect(held[0]?.what).toBe(`table public.${said.table ?? 'plays'}`)
  })

  test('a table under conversion, until that is over', async () => {
    const { db } = database()
    await db.query(sql`drop table if exists plays, other cascade`)
    await db.query(sql`drop view if exists plays`).catch(() => undefined)
    await db.query(sql`create table plays (at timestamptz not null)`)
    await applyTables(db, [])
    await db.query(sql`
      insert into pgstrata.conversion (schema_name, table_name, table_oid, method, state, declared, names, facts, scripts)
      values ('public', 'plays', 'plays'::regclass, 'copy', 'copying', '{}', '{}', '{}', '{}')`)
    expect((await contribute(db, [declare()])).held).toMatchObject([{ why: 'it is being converted' }])
    await db.query(sql`update pgstrata.conversion set finished_at = now()`)
    expect((await contribute(db, [declare()])).held).toEqual([])
  })
})

describe.runIf(versions.includes(18))('on PostgreSQL 18', () => {
  test('a virtual generated column is no key', async () => {
    const database = await testDatabase(18)
    await database.db.query(
      sql`create table plays (src timestamptz not null, at timestamptz not null generated always as (src) virtual)`,
    )
    expect((await contribute(database.db, [declare()])).held?.[0]?.why).toMatch(/"at" is generated/)
    await database.close()
  })
})

describe.each(versions)('a plan on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    return () => database.close()
  })

  test('makes partitions under a lock that readers and writers do not notice', async () => {
    await db.query(sql`create table plays (at timestamptz not null) partition by range (at)`)
    const plan = await readPlan(db, [await contribute(db, [declare()])])
    expect(plan.steps[0]?.title).toBe('Make 3 partitions of table public.plays: plays_2026_01 to plays_2026_03')
    expect(plan.steps[0]?.locks.filter(({ on }) => on === '"public"."plays"')).toEqual([
      { mode: 'SHARE UPDATE EXCLUSIVE', on: '"public"."plays"' },
    ])
    expect(plan.steps.every(({ transactional }) => transactional)).toBe(true)
    expect(renderPlan(plan)).toContain('undo:  drop table "public"."plays_2026_03"')
  })

  test('a coarser or finer grain goes on after the last partition', async () => {
    await db.query(sql`create table plays (at timestamptz not null) partition by range (at)`)
    await applyTables(db, [declare({ ahead: 0 })], { at })
    const finer = declare({ ahead: 1, layout: { ...monthly, grain: 'week' } as Layout })
    expect((await applyTables(db, [finer], { at: new Date('2026-01-28T00:00:00Z') })).held).toEqual([])
    expect(await partitionNames(db, 'plays')).toEqual([
      'plays_2026_01',
      'plays_2026_w05_from_2026_02_01',
      'plays_2026_w06',
    ])
  })

  test('says that a retention becomes another, before partitions go by it', async () => {
    await db.query(sql`create table plays (at timestamptz not null) partition by range (at)`)
    const keeping = (age: string): PartitionedTable =>
      declare({ retain: { keep: { age }, grace: '1 day', finally: 'drop', archive: undefined } })
    await applyTables(db, [keeping('90 days')], { at })
    expect((await applyTables(db, [keeping('9 days')], { at })).titles).toEqual([
      'Note how table public.plays is laid out, which keeps 9 days from now on (until now 90 days)',
    ])
  })

  test('a layout that is declared no more is forgotten, and its partitions stay', async () => {
    await db.query(sql`create table plays (at timestamptz not null) partition by range (at)`)
    await applyTables(db, [declare()], { at })
    expect((await applyTables(db, [], { at })).titles).toEqual([
      'Forget how table public.plays is laid out (its partitions stay)',
    ])
    expect(await partitionNames(db, 'plays')).toHaveLength(3)
    expect((await db.query(sql`select from pgstrata.layout`)).rows).toEqual([])
  })

  test('rows of the default partition hold back their period, and no other', async () => {
    await db.query(sql`create table plays (at timestamptz not null) partition by range (at)`)
    const declared = declare({ outside: 'default', ahead: 0 })
    await applyTables(db, [declared], { at })
    expect(await partitionNames(db, 'plays')).toEqual(['plays_2026_01', 'plays_default'])
    await db.query(sql`insert into plays values ('2026-03-10'), ('1999-01-01')`)
    const { held } = await applyTables(db, [{ ...declared, ahead: 3 }], { at })
    expect(await partitionNames(db, 'plays')).toEqual([
      'plays_2026_01',
      'plays_2026_02',
      'plays_2026_04',
      'plays_default',
    ])
    expect(held).toMatchObject([{ why: 'rows of 1 missing period are in its default partition "plays_default"' }])
  })

  test('many partitions come in steps of bounded size', async () => {
    await db.query(sql`create table plays (at timestamptz not null, wallet int not null) partition by range (at)`)
    const split: Layout = {
      kind: 'time',
      column: 'at',
      grain: 'month',
      zone: 'UTC',
      split: { column: 'wallet', into: 4 },
    }
    const { steps } = await contribute(db, [declare({ layout: split, from: '2024-01-01', ahead: 0 })])
    expect(steps.slice(0, -1).map(({ undo }) => undo?.length)).toEqual([9, 9, 7])
  })

  test.each(['', 'partition by range (at)'])('a name of 63 bytes is long enough %s', async (by) => {
    const name = `${'ä'.repeat(31)}x`
    await db.query(sql.raw(`create table "${name}" (at timestamptz primary key) ${by}`))
    expect((await applyTables(db, [declare({ table: name, names: 'p_{period}' })], { at })).held).toEqual([])
    expect(await partitionNames(db, `"${name}"`)).toEqual(['p_2026_01', 'p_2026_02', 'p_2026_03'])
  })

  test('odd names go through everything', async () => {
    const name = `O'Brien "plays" \\ $1 é`
    await db.query(sql`create schema ${sql.ident('S"x')}`)
    await db.query(
      sql`create table ${sql.ident('S"x', name)} (${sql.ident('A t')} timestamptz not null, n int) partition by range (${sql.ident('A t')})`,
    )
    const odd = declare({
      schema: 'S"x',
      table: name,
      layout: { kind: 'time', column: 'A t', grain: 'month', zone: 'UTC', split: undefined },
      ahead: 0,
      outside: 'default',
      indexes: [{ name: 'by_n', on: 'n', unique: false, method: 'btree', where: undefined, include: [], with: {} }],
    })
    expect((await applyTables(db, [odd], { at })).held).toEqual([])
    await db.query(sql`insert into ${sql.ident('S"x', name)} values (${at}, 1)`)
    const { rows } = await db.query<{ name: string }>(
      sql`select c.relname as name from pg_class c where c.relkind = 'r' and c.relname like 'O%' order by 1`,
    )
    expect(rows).toEqual([{ name: `${name}_2026_01` }, { name: `${name}_default` }])
  })
})
