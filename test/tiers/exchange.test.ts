// A partition exchanged for a table that was filled beside it: it has the same rows and all that stood on the old one, whoever
// writes meanwhile; nothing that notes changes sees a row move; and what the new table could not have is refused before.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import type { TieredTable } from '../../src/tiers/model/options.ts'
import type { Move } from '../../src/tiers/model/states.ts'
import { abortPartition, movePartition } from '../../src/tiers/move/movers.ts'
import type { MoveTools } from '../../src/tiers/move/run.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import {
  createTiered,
  indexesOf,
  makeTiered,
  moveTools,
  oidOf,
  recordOf,
  rowsOf,
  run,
  textsOf,
  tieredPlays,
} from './exchange-support.ts'

const january = 'plays_2026_01'

describe.each(versions)('an exchange on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const plays: TieredTable = tieredPlays()

  const move = (
    what: Move = 'slim',
    changes: Partial<MoveTools> = {},
    table = plays,
  ): ReturnType<typeof movePartition> =>
    movePartition(moveTools(db, changes), { table, partition: january, move: what })

  /** Does something once, when a step has led to that state. */
  const once = (
    state: string,
    work: () => Promise<unknown>,
  ): { seen: string[]; onCommit: (what: string) => Promise<void> } => {
    const seen: string[] = []
    return {
      seen,
      onCommit: async (what) => {
        seen.push(what)
        if (seen.filter((one) => one === state).length === 1 && what === state) await work()
      },
    }
  }

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await createTiered(db, plays)
  })
  afterEach(() => database.close())

  test('keeps every row, and the partition its name and bound', async () => {
    const before = await rowsOf(db, 'plays')
    const oid = await oidOf(db, january)
    const bound = `select pg_get_expr(relpartbound, oid) as text from pg_class where oid = '${january}'::regclass`
    const bounds = await textsOf(db, bound)
    const moved = await move()
    expect(moved).toMatchObject({ state: 'slim', rest: 'slim', incoming: null, held: false, failure: null })
    expect(moved.oid).toBe(await oidOf(db, january))
    expect(moved.oid).not.toBe(oid)
    expect(await rowsOf(db, 'plays')).toEqual(before)
    expect(await rowsOf(db, january)).toHaveLength(20)
    expect(await textsOf(db, bound)).toEqual(bounds)
    await run(db, `insert into plays (id, played_at, song_id) values (1, '2026-01-31 23:00Z', 1)`)
    expect(await rowsOf(db, january)).toHaveLength(21)
    expect(await leftovers()).toEqual([])
  })

  /** Whatever a move makes for itself. */
  const leftovers = (): Promise<readonly string[]> =>
    textsOf(
      db,
      `select relname as text from pg_class where relname ~ '^(pgstrata_tier_|late_|tier_barrier_[0-9])' and relkind in ('r', 'p')
      union all select proname from pg_proc where proname like 'late_%'
      union all select tgname from pg_trigger where tgname like 'pgstrata_guard%'
      union all select conname from pg_constraint where conname like 'pgstrata_%'
      union all select 'touch' from pgstrata.tier_touch`,
    )

  test('carries over what stood on the partition alone, in the state that it had', async () => {
    await run(
      db,
      `create function note_it() returns trigger language plpgsql as 'begin return null; end';
      create trigger of_all after insert on plays for each row execute function note_it();
      create trigger own_always after update on ${january} for each statement execute function note_it();
      create trigger own_off after delete on ${january} for each row when (old.id > 5) execute function note_it();
      alter table ${january} enable always trigger own_always, disable trigger own_off, disable trigger of_all;
      comment on table ${january} is 'the first of them';
      create unique index "one ON own" on ${january} (id) where song_id > 0;
      create index own_expression on ${january} (lower(note) text_pattern_ops, song_id desc)`,
      `do $$ begin create role pgstrata_tier_reader nologin; exception when duplicate_object or unique_violation then null; end $$`,
      `grant select, insert on ${january} to pgstrata_tier_reader with grant option`,
    )
    const facts = (): Promise<readonly string[]> =>
      textsOf(
        db,
        `select pg_get_triggerdef(oid) || ' ' || tgenabled::text as text from pg_trigger where tgrelid = '${january}'::regclass and not tgisinternal
        union all select pg_get_indexdef(indexrelid) from pg_index where indrelid = '${january}'::regclass and indexrelid::regclass::text !~ 'by_note|by_song|brin'
        union all select 'comment ' || obj_description('${january}'::regclass, 'pg_class')
        union all select 'grant ' || a::text from pg_class, aclexplode(relacl) a where pg_class.oid = '${january}'::regclass
        union all select pg_get_constraintdef(oid) || conname || convalidated from pg_constraint where conrelid = '${january}'::regclass and contype in ('f', 'p')
        order by 1`,
      )
    const before = await facts()
    expect(before.join('\n')).toContain('own_off')
    await move()
    expect(await facts()).toEqual(before)
  })

  test('nothing that notes changes sees a row move', async () => {
    await run(
      db,
      `create table seen (what text);
      create function tell() returns trigger language plpgsql as 'begin insert into seen values (tg_op || tg_table_name); return null; end';
      create trigger told after insert or update or delete or truncate on plays for each statement execute function tell();
      create trigger told after insert or update or delete or truncate on ${january} for each statement execute function tell();
      create trigger told_row after insert or update or delete on plays for each row execute function tell()`,
    )
    const late = once('slim:settling', () =>
      run(db, `insert into plays (id, played_at, song_id) values (7, '2026-01-09 12:00Z', 2)`),
    )
    await move('slim', late)
    await move('unpack')
    expect(await textsOf(db, 'select what as text from seen')).toEqual(['INSERTplays_2026_01', 'INSERTplays'])
  })

  test('rows that come meanwhile come along', async () => {
    const late = once('slim:swapping', () =>
      run(
        db,
        `insert into plays (id, played_at, song_id, note) values (7, '2026-01-09 12:00Z', 2, 'late')`,
        `begin; insert into plays (id, played_at) values (8, '2026-01-10 12:00Z'); rollback`,
      ),
    )
    await move('slim', late)
    expect(late.seen.filter((state) => state === 'slim:guarding')).toHaveLength(1)
    expect(await rowsOf(db, january)).toHaveLength(21)
    expect(await textsOf(db, `select twice || note as text from ${january} where id = 7`)).toEqual(['14late'])
  })

  test.each([
    ['updated', `update plays set note = 'changed' where id = 103`],
    ['deleted', `delete from plays where id = 103`],
    ['truncated', `truncate ${january}`],
    ['altered', `create index by_hand on ${january} (song_id, note)`],
    [
      'written to more than is put back',
      `insert into plays (id, played_at) select g, '2026-01-09 12:00Z' from generate_series(1000, 6000) g`,
    ],
  ])('where it is %s meanwhile, the move begins anew', async (_how, statement) => {
    const disturbed = once('slim:swapping', () => run(db, statement))
    const moved = await move('slim', disturbed)
    expect(moved).toMatchObject({ state: 'slim', anew: 0 })
    expect(disturbed.seen.filter((state) => state === 'slim:guarding')).toHaveLength(2)
    await run(db, `create table expected as select * from plays`)
    expect(await rowsOf(db, 'plays')).toEqual(await rowsOf(db, 'expected'))
    expect(await indexesOf(db, january)).toEqual(
      expect.arrayContaining(statement.startsWith('create index') ? ['by_hand'] : ['plays_2026_01_pkey']),
    )
    expect(await leftovers()).toEqual([])
  })

  test('where the table that was filled is gone, it is filled again', async () => {
    const disturbed = once('slim:swapping', async () => {
      const { id } = await recordOf(db, plays, january)
      await run(db, `drop table pgstrata_tier_${id}`)
    })
    expect(await move('slim', disturbed)).toMatchObject({ state: 'slim' })
    expect(await rowsOf(db, january)).toHaveLength(20)
  })

  test('who reads it is waited for, and what was built is kept for the next run', async () => {
    const reader = openDb({ url: database.url, max: 1 })
    const before = await rowsOf(db, 'plays')
    await reader.withSession(async (session) => {
      const held = once('slim:swapping', () => session.query(sql.raw(`begin; select from ${january}`)))
      await expect(move('slim', held)).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' })
      expect(await recordOf(db, plays, january)).toMatchObject({ state: 'slim:swapping' })
      expect(await rowsOf(db, 'plays')).toEqual(before)
      await session.query(sql`rollback`)
    })
    await reader.close()
    expect(await move()).toMatchObject({ state: 'slim' })
    expect(await rowsOf(db, 'plays')).toEqual(before)
  })

  test('taken back, it leaves nothing', async () => {
    const before = await textsOf(
      db,
      `select md5(string_agg(t::text, ',')) as text from pg_trigger t where tgrelid = '${january}'::regclass`,
    )
    const oid = await oidOf(db, january)
    const stopped = once('slim:settling', async () => Promise.reject(new Error('stopped')))
    await expect(move('slim', stopped)).rejects.toThrow('stopped')
    await abortPartition(moveTools(db), { table: plays, partition: january })
    expect(await recordOf(db, plays, january)).toMatchObject({ state: 'hot' })
    expect(await oidOf(db, january)).toBe(oid)
    expect(await leftovers()).toEqual([])
    expect(
      await textsOf(
        db,
        `select md5(string_agg(t::text, ',')) as text from pg_trigger t where tgrelid = '${january}'::regclass`,
      ),
    ).toEqual(before)
  })

  test.each([
    [`create view january as select id from ${january}`, /a dependent rule/],
    [`alter table ${january} add constraint own_check check (id > 0)`, /constraint own_check/],
    [`alter table ${january} add constraint own_unique unique (id)`, /constraint own_unique/],
    [`alter table ${january} alter column song_id set not null`, /never null \(song_id\)/],
    [`create publication own_publication for table ${january}`, /publication own_publication/],
    [`create publication of_all for all tables`, /of_all/],
    [`alter table ${january} rename to january`, /no partition "plays_2026_01"/],
  ])('what the new table would not have is refused: %s', async (statement, told) => {
    await run(db, statement)
    const before = await rowsOf(db, 'plays')
    await expect(move()).rejects.toThrow(told)
    expect(await rowsOf(db, 'plays')).toEqual(before)
  })

  test('a period that is divided is divided in the same way', async () => {
    const split = { column: 'song_id', into: 2 }
    const divided = tieredPlays(
      {},
      {
        table: 'divided',
        key: 'divided',
        layout: { kind: 'time', column: 'played_at', grain: 'month', zone: 'UTC', split },
      },
    )
    await run(
      db,
      `create table divided (id int not null, played_at timestamptz not null, song_id int not null references songs, note text, primary key (id, song_id, played_at)) partition by range (played_at)`,
      `create table divided_2026_01 partition of divided for values from ('2026-01-01Z') to ('2026-02-01Z') partition by hash (song_id)`,
      ...[0, 1].map(
        (part) =>
          `create table divided_2026_01_part_${part} partition of divided_2026_01 for values with (modulus 2, remainder ${part})`,
      ),
      `insert into divided select id, played_at, song_id, note from ${january}`,
    )
    await makeTiered(db, divided)
    const before = await rowsOf(db, 'divided')
    const order = { table: divided, partition: 'divided_2026_01', move: 'slim' } as const
    await run(
      db,
      `create function nothing() returns trigger language plpgsql as 'begin return null; end'`,
      'create trigger own_trigger after insert on divided_2026_01 for each row execute function nothing()',
      'grant select on divided_2026_01 to public',
    )
    await expect(movePartition(moveTools(db), order)).rejects.toThrow('trigger own_trigger of its own')
    await run(db, 'drop trigger own_trigger on divided_2026_01')
    expect(await movePartition(moveTools(db), order)).toMatchObject({ state: 'slim' })
    const acl = `select relacl::text as text from pg_class where oid = 'divided_2026_01'::regclass`
    expect(await textsOf(db, acl)).toEqual([expect.stringContaining('=r/')])
    expect(await rowsOf(db, 'divided')).toEqual(before)
    expect(await indexesOf(db, 'divided_2026_01_part_1')).toEqual([
      'divided_2026_01_part_1_brin',
      'divided_2026_01_part_1_by_song',
      'divided_2026_01_part_1_pkey',
    ])
  })

  test('rows that refer to nothing any more keep it as it is', async () => {
    await run(
      db,
      `alter table ${january} disable trigger all; insert into plays (id, played_at, song_id) values (9, '2026-01-09 12:00Z', 99); alter table ${january} enable trigger all`,
    )
    await expect(move()).rejects.toMatchObject({ code: 'TIER_FAILED', details: { sqlstate: '23503' } })
    expect(await rowsOf(db, january)).toHaveLength(21)
  })
})
