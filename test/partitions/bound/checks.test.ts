// Checks that the server writes otherwise than it was told: relabelling keeps them, and reads no row for them in the swap.

import { expect, it } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, testDatabase } from '../../support/postgres.ts'
import { convert, convertAndListen, methods, run, subjectOf } from './support.ts'

const tables = `create table plays (
  id bigint not null,
  at timestamptz not null,
  status varchar(10),
  x integer,
  constraint listed check (status in ('a', 'b')),
  constraint ranged check (x between 1 and 5 and id > 0),
  constraint steady check (x < 100)
);
alter table plays add constraint doubted check (status not in ('q', 'r')) not valid;
comment on constraint listed on plays is 'which there are'`

describeOnEachVersion('checks that are written in another way', (version) => {
  it.each(methods)('hold in every partition, and are as valid as they were (%s)', async (method) => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(db, tables)
      if (version >= 18) {
        await run(db, `alter table plays add constraint loose check (status in ('a', 'z')) not enforced`)
      }
      if (method !== 'empty') await run(db, `insert into plays values (1, '2024-02-02', 'a', 1)`)
      const subject = subjectOf({ table: 'plays', method })
      if (method === 'empty') await convert(db, subject)
      else expect(await convertAndListen(db, subject)).toEqual([])
      const { rows } = await db.query(sql`
        select conname::text || ' ' || count(*) as name, bool_and(convalidated) as valid
        from pg_constraint
        where conrelid in (select relid from pg_partition_tree('plays'))
          and contype = 'c'
        group by conname
        order by conname`)
      expect(rows).toEqual([
        { name: 'doubted 3', valid: false },
        { name: 'listed 3', valid: true },
        ...(version >= 18 ? [{ name: 'loose 3', valid: false }] : []),
        { name: 'ranged 3', valid: true },
        { name: 'steady 3', valid: true },
      ])
      const { rows: comments } = await db.query(sql`
        select obj_description(oid, 'pg_constraint') as comment
        from pg_constraint
        where conrelid = 'plays'::regclass
          and conname = 'listed'`)
      expect(comments).toEqual([{ comment: 'which there are' }])
      for (const day of ['2024-03-03', '2025-03-03']) {
        await run(db, `insert into plays values (2, '${day}', 'b', 2)`)
        await expect(run(db, `insert into plays values (2, '${day}', 'c', 2)`)).rejects.toThrow('listed')
        await expect(run(db, `insert into plays values (2, '${day}', 'b', 9)`)).rejects.toThrow('ranged')
        await expect(run(db, `insert into plays values (2, '${day}', 'q', 2)`)).rejects.toThrow(/listed|doubted/)
      }
    } finally {
      await database.close()
    }
  })
})
