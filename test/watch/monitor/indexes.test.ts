// Which indexes count as unused: those that nothing uses and nothing needs, on no server that could be asked.

import { expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, testDatabase, type TestDatabase } from '../../support/postgres.ts'
import { openMonitored } from './support.ts'

async function prepare({ db }: TestDatabase): Promise<void> {
  await db.query(sql`
    create schema "Odd.One";
    create table "Odd.One"."Songs" (id int primary key, code int, artist int, album int, genre text, at int4range);
    alter table "Odd.One"."Songs"
      add constraint by_code unique (code),
      add constraint no_overlap exclude using gist (at with &&);
    create table parent (a int, b int, primary key (a, b));
    create table child (id int, a int, b int, n int not null, foreign key (a, b) references parent);
    create unique index child_n on child (n);
    alter table child replica identity using index child_n;
    create table split (id int, at int) partition by range (at);
    create table split_1 partition of split for values from (0) to (10);
    insert into "Odd.One"."Songs" select n, n, n, n, 'Rock', int4range(n, n + 1) from generate_series(1, 1000) n;
    create index "Songs genre" on "Odd.One"."Songs" (genre);
    create index songs_artist on "Odd.One"."Songs" (artist);
    create index child_fk on child (b, a, n);
    create index child_part on child (n, a);
    create index split_at on split (id);
    analyze`)
  // Used: the planner has no other way.
  await db.query(sql`
    set enable_seqscan = off;
    select count(*) from "Odd.One"."Songs" where artist = 5;
    reset enable_seqscan`)
  await db.query(sql`select pg_stat_force_next_flush()`)
}

describeOnEachVersion(
  'indexes',
  (version, database) => {
    test('are unused where nothing scanned them, and they are of no constraint, foreign key or identity', async () => {
      const { monitor } = openMonitored(database().url)
      const unused = await monitor.getUnusedIndexes()
      expect(unused).toEqual([
        {
          schemaname: 'Odd.One',
          tablename: 'Songs',
          indexname: 'Songs genre',
          idx_scan: 0,
          idx_tup_read: 0,
          idx_tup_fetch: 0,
          index_size: '16 kB',
          index_size_bytes: 16_384,
          is_unique: false,
          is_primary: false,
          is_valid: true,
          last_idx_scan: null,
          counted_since: null,
          replicas: 'none',
        },
        expect.objectContaining({ indexname: 'child_part', index_size_bytes: 8_192 }),
      ])
      await database().db.query(sql`drop index "Odd.One"."Songs genre"`)
      expect((await monitor.getUnusedIndexes()).map(({ indexname }) => indexname)).toEqual(['child_part'])
    })

    test('are told of with what they were used for', async () => {
      const { monitor } = openMonitored(database().url)
      const usage = await monitor.getIndexUsage()
      expect(usage.find(({ indexname }) => indexname === 'songs_artist')).toMatchObject({
        schemaname: 'Odd.One',
        tablename: 'Songs',
        idx_scan: 1,
        idx_tup_read: 1,
        last_idx_scan: version < 16 ? null : expect.any(Date),
      })
      expect(usage.map(({ indexname }) => indexname)).toContain('Songs_pkey')
      expect(usage.filter(({ is_primary: primary }) => primary).map(({ indexname }) => indexname)).toEqual(
        expect.arrayContaining(['Songs_pkey', 'parent_pkey']),
      )
    })

    test('that a replica uses are used; where one cannot be asked it is said', async () => {
      // As good as a replica: another database with the same names, that counts for itself.
      const other = await testDatabase(version)
      try {
        await other.db.query(sql`
          create table child (n int, a int);
          create index child_part on child (n, a);
          set enable_seqscan = off;
          select count(*) from child where n = 5`)
        await other.db.query(sql`select pg_stat_force_next_flush()`)
        const asked = openMonitored(database().url, { replicas: [{ name: 'other', on: other.db }] })
        expect(await asked.monitor.getUnusedIndexes()).toEqual([])
      } finally {
        await other.close()
      }
      const inVain = openMonitored(database().url, { replicas: [{ name: 'gone', on: other.db }] })
      expect(await inVain.monitor.getUnusedIndexes()).toMatchObject([
        { indexname: 'child_part', replicas: 'not asked' },
      ])
    })
  },
  prepare,
)
