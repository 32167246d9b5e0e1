// A rollup of a table whose every name needs quotes, in a schema that does: from apply to the last drop.

import { expect, test } from 'vitest'
import { resolveConfig } from '../../src/config/index.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { run } from './support.ts'

describeOnEachVersion('names that need quotes everywhere', (_version, database) => {
  test('are applied, counted, merged, verified, rebuilt, read and dropped', async () => {
    const { db, url } = database()
    const name = `"Some ""schema"."Select"`
    await run(
      db,
      `create schema "Some ""schema"`,
      `create table ${name} ("The ""song""" text, "order" timestamptz not null, "Group" numeric)`,
    )
    const tables = { sel: { table: ['Some "schema', 'Select'], time: 'order', partition: 'month', from: '2026-01-01' } }
    const group_by = {
      from: 'sel',
      bucket: '1 day',
      by: ['The "song"'],
      measures: {
        limit: { kind: 'count', filter: `"The ""song""" <> 'it''s'` },
        User: { kind: 'sum', of: '"Group"' },
        top: { kind: 'max', of: '"Group"' },
        offset: { kind: 'countDistinct', of: '"Group"' },
      },
      totals: { windows: { '7d': '7 days' }, compute: { select: '"limit_7d" * 2' }, index: ['select desc'] },
    }
    const strataOf = (more: object): Strata =>
      openStrata(
        resolveConfig<unknown>(
          { database: { primary: url }, ...more },
          {
            root: '/',
            name: 'x',
          },
        ),
      )
    const strata = strataOf({ tables, rollups: { group_by } })
    try {
      await strata.apply()
      const again = await strata.plan()
      expect([again.steps, again.held, again.drift]).toEqual([[], [], []])
      await run(
        db,
        `insert into ${name} values ('it''s', '2026-02-03 10:00Z', 5), ('a\\b', '2026-02-03 11:00Z', 7), (null, now(), 1)`,
        `update "Some ""schema"."Select_2026_02" set "Group" = "Group" + 1`,
        `call pgstrata.merge('group_by')`,
        `delete from "Some ""schema"."Select_2026_02" where "Group" = 6`,
        `insert into ${name} values ('a\\b', '2026-02-03 12:00Z', 9)`,
      )
      const read = `select bucket::date::text as day, "The ""song""" as song, "limit"::int, "User"::int, top::int, "offset"::int from "Some ""schema".group_by order by 1`
      const expected = { song: 'a\\b', limit: 2, User: 17, top: 9, offset: 2 }
      expect((await db.query(sql.raw(read))).rows).toMatchObject([expected, { song: null, limit: 0, User: 1 }])
      await strata.rollup.merge('group_by')
      expect(await strata.rollup.verify('group_by')).toMatchObject({ keys: 2, different: 0, totals: 0 })
      await strata.rollup.rebuild('group_by')
      expect((await db.query(sql.raw(read))).rows).toMatchObject([expected, { song: null, limit: 0, User: 1 }])
      expect(
        (await db.query(sql.raw(`select "User"::int, "select"::int from "Some ""schema".group_by_totals order by 1`)))
          .rows,
      ).toEqual([
        { User: 1, select: 0 },
        { User: 17, select: 0 },
      ])
    } finally {
      await strata.close()
    }
    const without = strataOf({ tables })
    try {
      await without.apply()
      await run(db, `insert into ${name} values ('x', now(), 1)`)
      const left = await db.query(sql`select relname from pg_class where relname like 'group\\_by%'`)
      expect(left.rows).toEqual([])
    } finally {
      await without.close()
    }
  })
})
