// Songs and plays, as many as make a difference between a scan and an index, for what looks at plans.

import type { Db } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'

export const songCount = 20_000

export async function createSongs(db: Db, playCount = 100_000): Promise<void> {
  await db.query(sql`
    create table songs (
      id int primary key,
      title text collate "und-x-icu" not null,
      genre text not null,
      strategy varchar(40) not null,
      artist_address text,
      data jsonb not null,
      tags text[] not null,
      released_on timestamp not null,
      deleted_at timestamptz,
      is_hidden bool not null,
      body text not null
    )`)
  await db.query(sql`
    insert into songs
    select i, 'Song ' || md5(i::text), case i % 50 when 0 then 'Rock' when 1 then 'Jazz' else 'Genre ' || i % 50 end,
      (array['pay-per-stream', 'gift', 'patronage', 'auction'])[1 + i / 7 % 4], 'Artist' || i % 2000,
      jsonb_build_object('mood', 'm' || i % 500, 'n', i), array['t' || i % 300, 'u' || i % 7],
      timestamp '2020-01-01' + i * interval '1 hour', case when i % 100 = 0 then now() end, i % 200 = 0, repeat('x ', 40)
    from generate_series(1, ${songCount}::int) as i`)
  await db.query(sql`
    create table plays (
      id bigint primary key,
      song_id int not null,
      listener text not null,
      amount numeric not null,
      played_at timestamptz not null,
      seconds int
    )`)
  await db.query(sql`
    insert into plays
    select i, 1 + (i::bigint * 7919) % ${songCount}::int, 'listener' || (i::bigint * 31) % 3000, i % 50,
      timestamptz '2024-01-01 00:00Z' + (i::bigint * 48271 % 100003) * interval '5 minutes', case when i % 3 > 0 then i % 300 end
    from generate_series(1, ${playCount}::int) as i`)
  await flushStatistics(db)
  await db.query(sql`vacuum (analyze) songs`)
  await db.query(sql`vacuum (analyze) plays`)
}

/** What was counted is seen by all: an ANALYZE before that would not know of it. Each connection of the pool has its own. */
export async function flushStatistics(db: Db): Promise<void> {
  const flush = async (depth: number): Promise<void> => {
    await db.withSession(async (session) => {
      await session.query(sql`select pg_stat_force_next_flush()`)
      if (depth > 1) await flush(depth - 1)
    })
  }
  await flush(connections)
}

/** Of openDb. */
const connections = 4
