// NOT NULL of what rows are divided by, where the table had none: its name, and that the swap reads no row for it.

import { expect, it } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, testDatabase } from '../../support/postgres.ts'
import { convert, convertAndListen, methods, run, subjectOf } from './support.ts'

const names = sql`
  select conname::text as name, convalidated as valid, obj_description(oid, 'pg_constraint') as comment
  from pg_constraint
  where conrelid = 'plays'::regclass
    and contype = 'n'`

describeOnEachVersion('NOT NULL that the new table needs', (version) => {
  it.each(methods)('is beside a check that has the name it would have (%s)', async (method) => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(
        db,
        'create table plays (id bigint, at timestamptz, constraint plays_at_not_null check (at is not null))',
        `insert into plays values (1, '2024-02-02')`,
      )
      if (method === 'empty') await run(db, 'delete from plays')
      await convert(db, subjectOf({ table: 'plays', method }))
      const { rows } = await db.query(sql`
        select attnotnull as "notNull", (
          select contype::text
          from pg_constraint
          where conrelid = attrelid
            and conname = 'plays_at_not_null'
        ) as named
        from pg_attribute
        where attrelid = 'plays'::regclass
          and attname = 'at'`)
      expect(rows).toEqual([{ notNull: true, named: 'c' }])
    } finally {
      await database.close()
    }
  })

  // From 18 on a NOT NULL is a constraint, and may be NOT VALID.
  it.each(version >= 18 ? methods : [])(
    'keeps its name and comment where it was not validated (%s)',
    async (method) => {
      const database = await testDatabase(version)
      try {
        const { db } = database
        await run(
          db,
          'create table plays (id bigint, at timestamptz)',
          'alter table plays add constraint "There" not null at not valid',
          `comment on constraint "There" on plays is 'always'`,
          `insert into plays values (1, '2024-02-02')`,
        )
        const subject = subjectOf({ table: 'plays', method })
        if (method === 'empty') {
          await run(db, 'delete from plays')
          await convert(db, subject)
        } else {
          expect(await convertAndListen(db, subject)).toEqual([])
        }
        expect((await db.query(names)).rows).toEqual([{ name: 'There', valid: true, comment: 'always' }])
      } finally {
        await database.close()
      }
    },
  )
})
