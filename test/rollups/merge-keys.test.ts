// Keys in the merge: what their types call equal is one key, nulls too, and a key without rows goes.

import { expect, test } from 'vitest'
import { mergeRollup } from '../../src/rollups/merge/merge.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { differences, install, measure, patience, rollupOf, run } from './support.ts'

describeOnEachVersion('keys in a merge', (_version, database) => {
  test('a key of which nothing is left goes, whatever its type calls equal', async () => {
    const { db } = database()
    await run(
      db,
      `create collation if not exists fold (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
      `drop table if exists things cascade`,
      `drop table if exists by_things_merged cascade`,
      `drop schema if exists strange cascade`,
      `create schema strange`,
      `create type strange.pair as (a int, b int)`,
      `create table things (label text collate fold, price numeric, f float8, tags text[], during int4range, pair strange.pair)`,
    )
    const [things] = await install(db, [
      rollupOf({
        name: 'by_things',
        table: 'things',
        bucket: undefined,
        by: ['label', 'price', 'f', 'tags', 'during', 'pair'],
        measures: [measure('n', 'count')],
      }),
    ])
    expect.assert(things !== undefined)
    const merge = async (): Promise<number> => await db.withSession((session) => mergeRollup(session, things, patience))
    await run(
      db,
      `insert into things values ('A', 1.0, 0, '{a}', '[1,3]', (1, 2)), ('a', 1.00, '-0', '{a}', '[1,4)', (1, 2)), (null, null, 'NaN', null, 'empty', null), (null, null, 'NaN', null, 'empty', null), ('B', 1, 1, '{b}', null, (null, 1))`,
    )
    expect(await differences(db, things)).toEqual([])
    await merge()
    expect((await db.query(sql`select n::int from by_things order by n`)).rows).toEqual([{ n: 1 }, { n: 2 }, { n: 2 }])
    await run(
      db,
      `delete from things where label = 'a' or label is null`,
      `insert into things values ('b', 1.000, 1, '{b}', null, (null, 1))`,
    )
    expect(await differences(db, things)).toEqual([])
    await merge()
    expect(await differences(db, things)).toEqual([])
    expect((await db.query(sql`select row_count::int as n from by_things_merged`)).rows).toEqual([{ n: 2 }])
    await run(db, 'delete from things')
    await merge()
    expect((await db.query(sql`select from by_things_merged`)).rowCount).toBe(0)
  })
})
