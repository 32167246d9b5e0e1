// The view is what a recompute of the source says, in the same transaction, whatever statement changed the source.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { mergeRollup } from '../../src/rollups/merge/merge.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { differences, install, measure, patience, rollupOf, run } from './support.ts'

describe.each(versions)('a rollup on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await run(
      db,
      `create table plays (song int, at timestamptz not null, amount numeric, kind text not null default 'a') partition by range (at)`,
      `create table plays_old partition of plays for values from (minvalue) to ('2026-01-01')`,
      `create table plays_new partition of plays for values from ('2026-01-01') to (maxvalue) partition by hash (song)`,
      `create table plays_new_0 partition of plays_new for values with (modulus 2, remainder 0)`,
      `create table plays_new_1 partition of plays_new for values with (modulus 2, remainder 1)`,
      `insert into plays (song, at, amount) select n % 5, '2025-12-30'::timestamptz + n * interval '1 hour', n from generate_series(1, 200) n`,
    )
  })
  afterEach(() => database.close())

  const rollups = [
    rollupOf({
      measures: [
        measure('plays', 'count'),
        measure('earned', 'sum', { of: 'amount' }),
        measure('mean', 'avg', { of: 'amount' }),
        measure('of_a', 'count', { filter: "kind = 'a'" }),
        measure('doubled', 'sum', { of: 'song * 2', filter: 'amount > 3' }),
      ],
    }),
    rollupOf({
      name: 'by_day',
      bucket: { column: 'at', span: { unit: 'day', count: 1 }, zone: 'Europe/Berlin' },
      by: ['kind', 'song'],
      where: 'song is distinct from 3',
    }),
    rollupOf({ name: 'all_plays', bucket: undefined, by: [] }),
    rollupOf({ name: 'by_kind', bucket: undefined, by: ['kind'] }),
    rollupOf({ name: 'quarters', bucket: { column: 'at', span: { unit: 'minute', count: 15 }, zone: 'UTC' }, by: [] }),
  ]

  const statements: readonly [string, string][] = [
    [
      'an insert',
      `insert into plays (song, at, amount) values (1, '2026-01-01 10:00Z', 5), (null, '2026-01-01 10:00Z', null)`,
    ],
    ['an insert into a leaf', `insert into plays_old (song, at, amount) values (1, '2025-06-01', 2)`],
    [
      'odd values',
      `insert into plays (song, at, amount) values (1, '2026-01-01 10:00Z', 'NaN'), (2, '2026-01-01 10:00Z', 'Infinity'), (3, '2026-01-01 10:00Z', '-Infinity'), (2, 'infinity', '-Infinity'), (2, '-infinity', 1)`,
    ],
    ['an update', 'update plays set amount = amount + 1 where song = 2'],
    ['an update that moves rows', `update plays set at = at + interval '3 days'`],
    ['an update of a partition by name', `update plays_old set amount = null where song = 1`],
    ['an update of nothing', 'update plays set amount = 0 where false'],
    ['an update that changes nothing', 'update plays set amount = amount'],
    ['a delete', 'delete from plays where song = 4'],
    ['the odd ones deleted', `delete from plays where amount in ('NaN', 'Infinity', '-Infinity')`],
    [
      'a merge',
      `merge into plays p using (values (1, 10), (77, 1)) as v (song, amount) on p.song = v.song and p.amount < 50 when matched and p.amount < 20 then delete when matched then update set amount = p.amount + v.amount when not matched then insert (song, at, amount) values (v.song, '2026-02-01', v.amount)`,
    ],
    [
      'a statement that changes twice',
      `with gone as (delete from plays where amount > 150 returning *) insert into plays (song, at, amount) select song, at, -amount from gone`,
    ],
    ['a truncate of a leaf', 'truncate plays_old'],
    ['a truncate of the table', 'truncate plays'],
    ['an insert into the empty table', `insert into plays (song, at, amount) values (1, '2026-01-01 10:00Z', 5)`],
  ]

  async function expectExact(shapes: readonly Shape[], after: string): Promise<void> {
    for (const shape of shapes)
      expect([after, shape.rollup.name, await differences(db, shape)]).toEqual([after, shape.rollup.name, []])
  }

  test('after every kind of statement, merged or not, inside its transaction and behind it', async () => {
    const shapes = await install(db, rollups)
    await expectExact(shapes, 'the backfill')
    for (const [index, [what, statement]] of statements.entries()) {
      await db.withSession(async (session) => {
        await run(session, 'begin', statement)
        for (const shape of shapes) expect([what, await differences(session, shape)]).toEqual([what, []])
        await run(session, index % 4 === 3 ? 'rollback' : 'commit')
      })
      await expectExact(shapes, what)
      if (index % 3 === 1)
        await db.withSession(async (session) => {
          for (const shape of shapes) await mergeRollup(session, shape, patience)
        })
      await expectExact(shapes, `${what}, merged`)
    }
    await db.withSession(async (session) => {
      for (const shape of shapes) await mergeRollup(session, shape, patience)
    })
    const { rows } = await db.query(sql`select count(*)::int as n from pgstrata.song_plays_delta`)
    expect(rows).toEqual([{ n: 0 }])
    await expectExact(shapes, 'the end')
  })
})
