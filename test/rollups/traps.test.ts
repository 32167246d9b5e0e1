// Statements by which the counting of rows goes wrong without a word: nothing fails, and a number is not what a recompute
// gives. What capture.test.ts has is not here.

import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { mergeRollup } from '../../src/rollups/merge/merge.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { sql } from '../../src/sql/sql.ts'
import { openApi } from '../db/query/support.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { differences, install, measure, patience, rollupOf, run } from './support.ts'

const noon = `'2026-03-29 12:00+00'`
const totals = { windows: [{ name: '2d', span: { unit: 'day', count: 2 } }], compute: [], index: [] } as const

describe.each(versions)('a trap on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
  })
  afterEach(() => database.close())

  const expectExact = async (shapes: readonly Shape[], after: string): Promise<void> =>
    expect([after, await differences(db, ...shapes)]).toEqual([after, []])
  const mergeAll = async (shapes: readonly Shape[]): Promise<void> => {
    for (const shape of shapes) await db.withSession((session) => mergeRollup(session, shape, patience))
  }
  const numberOf = async (from: string): Promise<number> => (await db.query(sql.raw(`select from ${from}`))).rowCount

  const byMonth = [
    'create table plays (song int, at timestamptz not null, amount numeric, kind text) partition by range (at)',
    `create table plays_old partition of plays for values from (minvalue) to ('2026-01-01') partition by range (at)`,
    `create table plays_old_0 partition of plays_old for values from (minvalue) to ('2025-01-01')`,
    `create table plays_old_1 partition of plays_old for values from ('2025-01-01') to ('2026-01-01')`,
    `create table plays_new partition of plays for values from ('2026-01-01') to (maxvalue)`,
    `insert into plays (song, at, amount) select n % 5, '2024-06-30'::timestamptz + n * interval '1 week', n from generate_series(1, 100) n`,
  ]
  const merging = `merge into plays_old p using (values (1, '2024-07-01'::timestamptz), (2, '2025-07-01')) v (song, at) on p.song = v.song`
  const aimed: readonly (readonly [what: string, statements: readonly string[]])[] = [
    [
      'rows that an UPDATE of a partition in the middle moves from leaf to leaf',
      [
        `update plays_old set at = at + interval '1 year' where at < '2024-12-01'`,
        `update plays_old set at = at - interval '1 year', song = song + 1 where at >= '2025-06-01'`,
      ],
    ],
    [
      'MERGE into a partition, of all three kinds',
      [
        `${merging} when matched and p.song = 1 then delete when matched and p.at < '2025-01-01' then update set at = p.at + interval '1 year', amount = 0 when not matched then insert (song, at) values (v.song, v.at)`,
        `${merging} when not matched then insert (song, at, amount) values (v.song, v.at, 3)`,
      ],
    ],
    [
      'ON CONFLICT on a leaf',
      [
        'create unique index on plays_new (song, at)',
        `insert into plays_new (song, at, amount) values (1, ${noon}, 1)`,
        `insert into plays_new (song, at, amount) values (1, ${noon}, 5), (2, ${noon}, 7) on conflict (song, at) do update set amount = plays_new.amount + excluded.amount, song = 4`,
      ],
    ],
    [
      'the row of a cursor',
      [
        `do $$ declare c cursor for select * from plays where song = 1; r record; begin open c; for n in 1..6 loop fetch c into r; if n % 2 = 0 then delete from plays where current of c; else update plays set amount = -1, at = at + interval '2 years' where current of c; end if; end loop; end $$`,
      ],
    ],
  ]
  // 17 brought MERGE for rows that the source lacks, and its RETURNING.
  const since17: typeof aimed = [
    [
      'MERGE that deletes and changes what its source lacks, and feeds an INSERT',
      [
        `with gone as (merge into plays p using (values (1), (2)) v (song) on p.song = v.song when matched and p.song = 1 then do nothing when not matched by source and p.song = 3 then delete when not matched by source then update set amount = 9, at = p.at + interval '1 year' returning merge_action() as act, p.*) insert into plays (song, at, amount) select song + 50, at, amount from gone where act = 'DELETE'`,
      ],
    ],
  ]
  test.each([...aimed, ...(version < 17 ? [] : since17)])('counts each row once: %s', async (_what, statements) => {
    await run(db, ...byMonth)
    const shapes = await install(db, [rollupOf(), rollupOf({ name: 'all_plays', bucket: undefined, by: [] })])
    for (const statement of statements) {
      await run(db, statement)
      await expectExact(shapes, statement)
    }
    await mergeAll(shapes)
    await expectExact(shapes, 'the merge')
  })

  test('counts what COPY brings into a partition by its name, once', async () => {
    await run(db, ...byMonth)
    const shapes = await install(db, [rollupOf()])
    const lines = (year: number): Readable =>
      Readable.from(Array.from({ length: 300 }, (_, n) => `${n % 7}\t${year}-05-${1 + (n % 28)} 10:00+00\t${n}\n`))
    const { api } = openApi({ connectionString: database.url })
    for (const [table, year] of [
      ['plays_new', 2026],
      ['plays_old', 2025],
      ['plays_old_0', 2024],
    ] as const)
      await api.copyIn(sql`copy ${sql.ident(table)} (song, at, amount) from stdin`, lines(year))
    await expectExact(shapes, 'COPY')
    expect((await db.query(sql`select sum(plays)::int as n from song_plays`)).rows).toEqual([{ n: 1000 }])
  })

  test('counts what a cascade moves from partition to partition, and what one of several parents takes away', async () => {
    await run(
      db,
      'create table songs (song int primary key)',
      'insert into songs select n from generate_series(1, 9) n',
      'create table plays (song int not null references songs on update cascade on delete cascade, at timestamptz not null, amount numeric) partition by list (song)',
      'create table plays_few partition of plays for values in (1, 2, 3)',
      'create table plays_rest partition of plays default',
      `insert into plays select 1 + n % 9, ${noon}, n from generate_series(1, 90) n`,
    )
    const shapes = await install(db, [rollupOf()])
    for (const statement of [
      'update songs set song = song + 100 where song <= 4',
      'update songs set song = 2 where song = 9',
      'delete from songs where song in (2, 5, 103)',
      'delete from songs',
    ]) {
      await run(db, statement)
      await expectExact(shapes, statement)
    }
    expect(await numberOf('song_plays')).toBe(0)
  })

  test('writes nothing for a statement that touches no row, whatever is counted', async () => {
    await run(db, ...byMonth)
    const all = [
      measure('plays', 'count'),
      measure('best', 'max', { of: 'amount' }),
      measure('latest', 'last', { of: 'kind' }),
      measure('songs', 'countDistinct', { of: 'song' }),
    ]
    await install(db, [
      rollupOf({ name: 'all_plays', bucket: undefined, by: [], measures: all.filter(({ kind }) => kind !== 'last') }),
      rollupOf({ name: 'by_kind', by: ['kind'], measures: all, totals }),
    ])
    await run(
      db,
      `insert into plays (song, at) select 1, ${noon} where false`,
      'update plays set amount = 0, song = 7 where false',
      'delete from plays where false',
      'merge into plays p using (select 1 as song where false) v on p.song = v.song when matched then delete when not matched then insert (song, at) values (1, now())',
      'truncate plays_new',
      'truncate plays_new',
    )
    const { rows } = await db.query<{ name: string }>(
      sql`select relname::text as name from pg_class where relnamespace = 'pgstrata'::regnamespace and relname like '%delta' order by 1`,
    )
    expect(rows.map(({ name }) => name)).toEqual([
      'all_plays_delta',
      'all_plays_songs_values_delta',
      'by_kind_delta',
      'by_kind_songs_values_delta',
    ])
    // Of the first TRUNCATE alone, which had rows to take away.
    const before = await Promise.all(rows.map(({ name }) => numberOf(`pgstrata.${name}`)))
    await run(db, 'truncate plays_new', 'delete from plays_new')
    expect(await Promise.all(rows.map(({ name }) => numberOf(`pgstrata.${name}`)))).toEqual(before)
    await run(db, 'truncate plays')
    for (const { name } of rows) await run(db, `delete from pgstrata.${name}`)
    await run(db, 'truncate plays', 'delete from plays', 'update plays set song = 1')
    expect(await Promise.all(rows.map(({ name }) => numberOf(`pgstrata.${name}`)))).toEqual([0, 0, 0, 0])
  })

  test('counts columns that are generated and stored as any other: by them, of them, and where they say so', async () => {
    await run(
      db,
      `create table plays (song int, at timestamptz not null, amount numeric, twice numeric generated always as (amount * 2) stored, even boolean generated always as (song % 2 = 0) stored)`,
      `insert into plays (song, at, amount) select n, ${noon}, n from generate_series(1, 9) n`,
    )
    const sums = [measure('plays', 'count'), measure('earned', 'sum', { of: 'twice', filter: 'even' })]
    const shapes = await install(db, [rollupOf({ by: ['even'], measures: sums, where: 'twice > 2' })])
    for (const statement of [
      `insert into plays (song, at, amount) values (2, ${noon}, 1.5), (4, ${noon}, 1), (null, ${noon}, 7)`,
      'update plays set amount = amount + 1 where song > 4',
      'update plays set song = song + 1',
      'delete from plays where not even',
    ]) {
      await run(db, statement)
      await expectExact(shapes, statement)
    }
  })
})
