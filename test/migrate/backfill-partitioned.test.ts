// On a cluster of its own: a server that crashes ends every connection.

import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { onlyRow } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { startCluster } from '../../src/embedded/index.ts'
import { runBackfill } from '../../src/migrate/backfill.ts'
import { sql } from '../../src/sql/sql.ts'
import { versions } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'

test.each(versions)(
  'a row that a writer changes while a batch waits for it: both changes are there, and the server too, on PostgreSQL %d',
  { timeout: 60_000 },
  async (version) => {
    // As with large partitions, rows are found one by one, each in its own.
    const settings = { enable_hashjoin: 'off', enable_mergejoin: 'off' }
    const cluster = await startCluster({ version, settings })
    const db = openDb({ url: cluster.primary.url() })
    try {
      await db.withSession((session) => ensureInstalled(session))
      await db.query(
        sql.raw(`create table play (id int, at date, title text, name text, changes int not null default 0, primary key (id, at)) partition by range (at);
        create table play_1 partition of play for values from ('2026-01-01') to ('2026-02-01');
        create table play_2 partition of play for values from ('2026-02-01') to ('2026-03-01');
        create table play_3 partition of play for values from ('2026-03-01') to ('2026-04-01');
        create function count_changes() returns trigger language plpgsql as $$ begin new.changes := old.changes + 1; return new; end $$;
        create trigger count_changes before update of name on play for each row execute function count_changes();
        insert into play (id, at, title) select g, date '2026-01-01' + g % 90, 'song ' || g from generate_series(1, 600) as g;
        analyze play`),
      )
      let running: Promise<unknown> = Promise.resolve()
      await db.withSession(async (writer) => {
        await writer.query(sql`begin`)
        await writer.query(sql`update play set title = 'changed' where id in (3, 40, 70, 71)`)
        running = db.withSession((session) =>
          runBackfill(
            session,
            { table: ['play'], set: sql`name = title || ${'!'}`, where: sql`name is null`, batchRows: 200 },
            { name: 'play', clock: systemClock, random: () => 0.5 },
          ),
        )
        running.catch(() => undefined)
        await waitUntil(async () => (await writer.query(sql`select from pg_locks where not granted`)).rowCount > 0, {
          what: 'the backfill waiting',
        })
        await writer.query(sql`commit`)
      })
      expect(await running).toMatchObject({ rows: 600 })
      const answer = await db.query(sql`
        select count(*) filter (where name = title || '!' and changes = 1)::int as done,
          count(*) filter (where name = 'changed!')::int as changed
        from play`)
      expect(onlyRow(answer)).toEqual({ done: 600, changed: 4 })
    } finally {
      await db.close()
      await cluster.stop()
    }
  },
)
