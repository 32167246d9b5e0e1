// What the swap does not do under its lock: read rows, or build an index. The server tells of each at DEBUG1.

import { expect, it } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, testDatabase } from '../../support/postgres.ts'
import { convertAndListen, run, subjectOf } from './support.ts'

const tables = `create table songs (id bigint primary key);
create table plays (
  id bigint generated always as identity primary key,
  at timestamptz,
  song_id bigint not null references songs,
  slug text unique,
  parent_id bigint,
  parent_at timestamptz,
  constraint id_at unique (id, at),
  constraint positive check (id > 0),
  constraint parent foreign key (parent_id, parent_at) references plays (id, at)
);
create table refs (play_id bigint, play_at timestamptz, foreign key (play_id, play_at) references plays (id, at));
create index on plays (song_id);
create index on plays (lower(slug)) where slug <> 'x';
create unique index on plays (song_id, id) include (slug);
insert into songs select generate_series(1, 50);
insert into plays (at, song_id, slug) select '2024-01-01'::timestamptz + n * interval '1 hour', n, 's' || n from generate_series(1, 50) n;
insert into refs select id, at from plays`

describeOnEachVersion('the swap', (version) => {
  it.each(['relabel', 'copy'] as const)('reads no row and builds no index (%s)', async (method) => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(db, tables)
      const leaf = method === 'copy' ? 'plays_2024' : 'plays_before'
      const indexes = sql`
        select indexrelid::regclass::text as name, pg_relation_filenode(indexrelid)::text as file
        from pg_index
        where indrelid = to_regclass(${leaf})
          and pg_relation_filenode(indexrelid) is not null
        order by 1`
      expect(await convertAndListen(db, subjectOf({ table: 'plays', method }))).toEqual([])
      const { rows } = await db.query(indexes)
      expect(rows).toHaveLength(6)
    } finally {
      await database.close()
    }
  })
})
