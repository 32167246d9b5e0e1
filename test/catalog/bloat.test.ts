// The estimate of bloat against indexes and tables that were just written: there is none, whatever they are made of.

import { expect, test } from 'vitest'
import { bloatedIndexes, bloatedTables, type Bloat } from '../../src/catalog/bloat.ts'
import { sql, type Sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'

describeOnEachVersion(
  'bloat',
  (version, database) => {
    const scope = { where: sql`n.nspname = 'public'`, leastSizeBytes: 100_000, leastRatio: 0.25 }
    const names = async (statement: Sql): Promise<readonly string[]> =>
      (await database().db.query<Bloat>(statement)).rows.map(({ name }) => name).toSorted()

    test('what was just written has none: equal keys that share an entry, those that may not, expressions, nulls', async () => {
      expect(await names(bloatedIndexes(scope))).toEqual([])
      expect(await names(bloatedTables(scope))).toEqual([])
    })

    test('what grew since it was looked at last is not taken for bloat; what was emptied is bloat', async () => {
      const { db } = database()
      await db.query(sql`insert into written select id + 40000, text, amount, few from written`)
      expect(await names(bloatedTables(scope))).toEqual([])
      await db.query(sql`truncate written`)
      await db.query(
        sql`insert into written select g, 'text', g % 2, case when g % 3 = 0 then g end from generate_series(1, 40000) g`,
      )
      await db.query(sql`delete from written where id % 10 <> 0`)
      await db.query(sql`vacuum (analyze) written`)
      expect(await names(bloatedTables(scope))).toEqual(['written'])
      const indexes = await names(bloatedIndexes(scope))
      expect(indexes).toContain('written_pkey')
      expect(indexes).toContain('written_upper')
    })

    test('a table with a column that is worked out when it is read is judged too', async () => {
      const { db } = database()
      const kind = sql.raw(version >= 18 ? 'virtual' : 'stored')
      await db.query(sql`
        create table worked_out (id int, twice int generated always as (id * 2) ${kind}) with (autovacuum_enabled = off);
        insert into worked_out select generate_series(1, 40000)`)
      await db.query(sql`vacuum (analyze) worked_out`)
      expect(await names(bloatedTables(scope))).not.toContain('worked_out')
      await db.query(sql`delete from worked_out where id % 10 <> 0`)
      await db.query(sql`vacuum (analyze) worked_out`)
      expect(await names(bloatedTables(scope))).toContain('worked_out')
    })
  },
  async ({ db }) => {
    await db.query(sql`
      create table written (id int, text text, amount numeric, few int) with (autovacuum_enabled = off);
      insert into written select g, 'text', g % 2, case when g % 3 = 0 then g end from generate_series(1, 40000) g;
      alter table written add primary key (id);
      create index written_text on written (text);
      create index written_amount on written (amount);
      create index written_apart on written (text) with (deduplicate_items = off);
      create index written_upper on written (upper(text || id));
      create index written_few on written (few) where few is not null`)
    await db.query(sql`vacuum (analyze) written`)
  },
)
