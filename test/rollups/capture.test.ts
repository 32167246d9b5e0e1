// Each way by which rows come, change and go is noted once, and what is not noted is known.

import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { captureTriggers } from '../../src/rollups/capture/capture.ts'
import { mergeRollup, rebuildRange } from '../../src/rollups/merge/merge.ts'
import { readRelations } from '../../src/rollups/capture/relations.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { sql } from '../../src/sql/sql.ts'
import { sqlstateOf } from '../../src/sql/sqlstate.ts'
import { openApi } from '../db/query/support.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { differences, install, measure, patience, rollupOf, run } from './support.ts'

const noon = `'2026-03-29 12:00+00'`

describe.each(versions)('what is noted on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await run(
      db,
      `create table songs (song int primary key)`,
      `insert into songs select n from generate_series(1, 9) n`,
      `create table plays (id bigint generated always as identity, song int, at timestamptz not null, amount numeric, kind text default 'a', again bigint, primary key (id, at)) partition by range (at)`,
      `create table plays_old partition of plays for values from (minvalue) to ('2026-01-01') partition by range (at)`,
      `create table plays_old_0 partition of plays_old for values from (minvalue) to ('2025-01-01')`,
      `create table plays_old_1 partition of plays_old for values from ('2025-01-01') to ('2026-01-01')`,
      // Its columns stand in another order, and one is gone.
      `create table plays_new (kind text default 'a', gone int, amount numeric, at timestamptz not null, song int, id bigint not null, again bigint)`,
      `alter table plays_new drop column gone`,
      `alter table plays attach partition plays_new for values from ('2026-01-01') to (maxvalue)`,
      `create sequence ids`,
      `insert into plays (song, at, amount) select n % 5, '2024-12-30'::timestamptz + n * interval '1 week', n from generate_series(1, 100) n`,
    )
  })
  afterEach(() => database.close())

  const rollups = [
    rollupOf({
      measures: [
        measure('plays', 'count'),
        measure('earned', 'sum', { of: 'amount' }),
        measure('mean', 'avg', { of: 'amount' }),
      ],
    }),
    rollupOf({ name: 'by_kind', bucket: undefined, by: ['kind'], where: 'song is not null' }),
  ]
  const expectExact = async (shapes: readonly Shape[]): Promise<void> =>
    expect(await differences(db, ...shapes)).toEqual([])
  const deltas = async (): Promise<number> => (await db.query(sql`select from pgstrata.song_plays_delta`)).rowCount
  const empty = async (): Promise<void> => await run(db, 'delete from pgstrata.song_plays_delta')

  test.each<[string, readonly string[]]>([
    [
      'ON CONFLICT DO UPDATE, both ways at once',
      [
        `insert into plays (id, song, at, amount) overriding system value select id, song, at, 1000 from plays where song = 1 union all select -1, 1, ${noon}, 1000 on conflict (id, at) do update set amount = plays.amount + excluded.amount, song = 2`,
      ],
    ],
    [
      'MERGE of all three kinds that moves rows',
      [
        `merge into plays p using (select id, at from plays where song in (1, 2, 3) union all select 0, ${noon}) v on p.id = v.id when matched and p.song = 1 then delete when matched then update set at = p.at + interval '5 months', amount = -p.amount when not matched then insert (song, at, amount) values (7, v.at, 1)`,
      ],
    ],
    [
      'an UPDATE that moves rows between leaves of both levels',
      [
        `update plays set at = at + interval '1 year'`,
        `update plays set at = at - interval '2 years', song = null where id % 2 = 0`,
      ],
    ],
    [
      'what is aimed at a partition in the middle',
      [
        `update plays_old set amount = 0, kind = 'b'`,
        `insert into plays_old (song, at, amount, id) overriding system value values (1, '2025-05-05', 1, 0)`,
        'delete from plays_old where song = 2',
      ],
    ],
    [
      'data-modifying CTEs, several on the same table',
      [
        `with a as (insert into plays (song, at, amount) values (1, ${noon}, 1), (1, ${noon}, 2) returning *), b as (insert into plays (song, at, amount) values (1, ${noon}, 3) returning *), c as (update plays set amount = amount + 100 where song = 2 returning *), d as (delete from plays where song = 3 returning *) insert into plays (song, at, amount) select song, at, -amount from d union all select song, at, 5 from a union all select song, at, 6 from b`,
      ],
    ],
    ['INSERT from itself', [`insert into plays (song, at, amount) select song, at, amount from plays`]],
    [
      'foreign keys: cascade, set null, set default',
      [
        `delete from plays where song = 0`,
        `alter table plays add foreign key (song) references songs on delete set null on update cascade`,
        `update songs set song = song + 100 where song in (1, 2)`,
        `delete from songs where song in (101, 3)`,
        `create table kinds (kind text primary key)`,
        `insert into kinds values ('a'), ('b')`,
        `alter table plays add foreign key (kind) references kinds on delete cascade`,
        `insert into plays (song, at, amount, kind) values (null, ${noon}, 1, 'b')`,
        `delete from kinds where kind = 'b'`,
        `delete from kinds`,
      ],
    ],
    [
      'triggers of the user: one changes rows, one writes the table again',
      [
        `create function change() returns trigger language plpgsql as $$ begin new.amount := 3; new.song := coalesce(new.song, 8); return new; end $$`,
        `create trigger before_all before insert or update on plays for each row execute function change()`,
        `create function more() returns trigger language plpgsql as $$ begin if pg_trigger_depth() < 4 then insert into plays (song, at, again) values (new.song, new.at + interval '1 day', new.id); update plays set kind = 'c' where id = new.id; delete from plays where id = new.id - 50; end if; return null; end $$`,
        `create trigger after_row after insert on plays for each row execute function more()`,
        `create function once() returns trigger language plpgsql as $$ begin if pg_trigger_depth() < 2 then insert into plays (song, at) select 5, ${noon}; end if; return null; end $$`,
        `create trigger after_statement after insert on plays for each statement execute function once()`,
        `create trigger zz_after_statement after insert on plays for each statement execute function once()`,
        `insert into plays (song, at) values (null, ${noon}), (1, '2025-03-03')`,
        `update plays set song = song`,
      ],
    ],
    [
      'a BEFORE trigger that drops rows, and one that writes elsewhere in the table',
      [
        `create function less() returns trigger language plpgsql as $$ begin if new.song = 1 then return null; end if; if pg_trigger_depth() < 2 then insert into plays (song, at, amount) values (2, new.at, 7); end if; return new; end $$`,
        `create trigger before_row before insert on plays for each row execute function less()`,
        `insert into plays (song, at, amount) select n % 4, ${noon}, n from generate_series(1, 8) n`,
      ],
    ],
    [
      'rules',
      [
        `create table inbox (song int)`,
        `create rule r as on insert to inbox do instead insert into plays (song, at, amount) values (new.song, ${noon}, 1)`,
        `insert into inbox values (1), (2)`,
        `create rule keep as on delete to plays do instead nothing`,
        `delete from plays`,
        `drop rule keep on plays`,
      ],
    ],
    [
      'a view that takes rows in',
      [
        `create view v as select song, at, amount from plays`,
        `insert into v values (1, ${noon}, 5)`,
        `update v set amount = 6`,
      ],
    ],
    [
      'TRUNCATE of each level',
      [
        'truncate plays_new',
        'truncate plays_old',
        `insert into plays (song, at) values (1, '2025-02-02')`,
        'truncate plays',
      ],
    ],
    [
      'TRUNCATE twice, in one transaction, of what it wrote',
      [
        `do $$ begin insert into plays (song, at, amount) values (1, ${noon}, 5); truncate plays; insert into plays (song, at, amount) values (1, ${noon}, 6); truncate plays, songs; insert into plays (song, at) values (2, ${noon}); end $$`,
      ],
    ],
    [
      'TRUNCATE … CASCADE of what it refers to',
      [
        `delete from plays where song = 0`,
        `alter table plays add foreign key (song) references songs`,
        `truncate songs cascade`,
      ],
    ],
    [
      'a subtransaction that is rolled back',
      [
        `do $$ begin insert into plays (song, at) values (1, ${noon}); begin insert into plays (song, at) values (1, ${noon}); truncate plays; raise exception 'no'; exception when others then null; end; end $$`,
      ],
    ],
    [
      'errors in the middle of a statement',
      [
        `do $$ begin insert into plays (song, at) select 10 / (n - 3), ${noon} from generate_series(1, 5) n; exception when division_by_zero then null; end $$`,
      ],
    ],
  ])('%s', async (_what, statements) => {
    const shapes = await install(db, rollups)
    for (const [index, statement] of statements.entries()) {
      await run(db, statement)
      expect([statement, await differences(db, ...shapes)]).toEqual([statement, []])
      if (index % 2 === 0)
        for (const shape of shapes) await db.withSession((session) => mergeRollup(session, shape, patience))
    }
    await expectExact(shapes)
  })

  test('a table whose rows hang on each other: cascades of many levels', async () => {
    await run(
      db,
      `create table nodes (id int primary key, parent int references nodes on delete cascade on update cascade, at timestamptz not null default ${noon})`,
      `insert into nodes select n, nullif(n / 2, 0) from generate_series(1, 40) n`,
    )
    const shapes = await install(db, [
      rollupOf({
        name: 'by_parent',
        table: 'nodes',
        by: ['parent'],
        measures: [measure('n', 'count'), measure('ids', 'sum', { of: 'id' })],
      }),
    ])
    await run(db, 'update nodes set id = id + 1000 where id in (1, 2, 3)')
    await expectExact(shapes)
    await run(db, 'delete from nodes where id in (4, 1003)')
    await expectExact(shapes)
    await run(db, 'delete from nodes')
    await expectExact(shapes)
  })

  test('COPY', async () => {
    const shapes = await install(db, rollups)
    const rows = Readable.from(
      Array.from({ length: 500 }, (_, n) => `${n % 7}\t2025-12-${1 + (n % 31)} 10:00+00\t${n}\n`),
    )
    await openApi({ connectionString: database.url }).api.copyIn(sql`copy plays (song, at, amount) from stdin`, rows)
    await expectExact(shapes)
    expect((await db.query(sql`select sum(plays)::int as n from song_plays`)).rows).toEqual([{ n: 600 }])
  })

  test('what changes nothing of a rollup leaves no delta', async () => {
    await install(db, rollups)
    await empty()
    await run(
      db,
      'update plays set again = 1',
      'update plays set amount = amount, song = song',
      'update plays set amount = 5 where false',
      'delete from plays where false',
      `insert into plays (song, at) select 1, ${noon} where false`,
      `insert into plays (id, song, at) overriding system value select id, song, at from plays on conflict do nothing`,
    )
    expect(await deltas()).toBe(0)
    await run(db, 'update plays set amount = amount + 1 where song = 1')
    expect(await deltas()).toBe(20)
  })

  test('a statement on the parent is noted once, on whatever level', async () => {
    await install(db, rollups)
    await empty()
    await run(db, `insert into plays (song, at) values (1, ${noon}), (1, '2025-02-02'), (1, '2024-02-02')`)
    const { rows } = await db.query(sql`select sum(row_count)::int as n from pgstrata.song_plays_delta`)
    expect(rows).toEqual([{ n: 3 }])
    await run(db, 'truncate plays')
    const after = await db.query(sql`select sum(row_count)::int as n from pgstrata.song_plays_delta`)
    expect(after.rows).toEqual([{ n: -100 }])
  })

  test('not noted: replica role, ATTACH and DETACH of rows; a rebuild repairs', async () => {
    const shapes = await install(db, rollups)
    await db.withSession((session) =>
      run(
        session,
        'set session_replication_role = replica',
        'delete from plays where song = 1',
        'reset session_replication_role',
      ),
    )
    expect(await differences(db, ...shapes)).not.toEqual([])
    const repair = async (): Promise<void> => {
      for (const shape of shapes)
        await db.withSession((session) => rebuildRange(session, shape, { from: undefined, to: undefined }, patience))
    }
    await repair()
    await expectExact(shapes)
    await run(
      db,
      'alter table plays detach partition plays_new',
      `insert into plays_new (song, at, id) values (1, ${noon}, 0)`,
    )
    await repair()
    await expectExact(shapes)
    // It goes on noting while it stands alone, as it did before.
    await run(db, `alter table plays attach partition plays_new for values from ('2026-01-01') to (maxvalue)`)
    await repair()
    for (const relation of await readRelations(db, { schema: 'public', table: 'plays' }))
      await run(db, ...captureTriggers({ schema: 'public', table: 'plays' }, relation))
    await run(db, `insert into plays (song, at, amount) values (1, ${noon}, 5)`, 'delete from plays_new where song = 2')
    await expectExact(shapes)
  })

  test('a statement that fails for the capture fails as a whole', async () => {
    const shapes = await install(db, [rollupOf({ measures: [measure('x', 'sum', { of: '1 / (amount - 1000)' })] })])
    expect(await run(db, `insert into plays (song, at, amount) values (1, ${noon}, 1000)`).catch(sqlstateOf)).toBe(
      '22012',
    )
    await expectExact(shapes)
  })
})
