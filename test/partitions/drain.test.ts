import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { onlyRow, type Db } from '../../src/db/db.ts'
import { runDrain, type DrainOptions, type DrainReport } from '../../src/partitions/drain.ts'
import type { PartitionedTable } from '../../src/partitions/options.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import {
  drain as drainAll,
  createPlays,
  declareTable,
  install,
  keepFor,
  partitionsOf,
  retentionOptions,
  tablesOf,
} from './life-support.ts'

describe.each(versions)('draining a default partition on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const plays = declareTable({ outside: 'default' })
  const drain = (table: PartitionedTable, changes: Partial<DrainOptions> = {}): Promise<DrainReport> =>
    drainAll([table], { ...retentionOptions(db, '2026-06-15T00:00:00Z'), ...changes })
  const run = async (text: string): Promise<void> => void (await db.query(sql.raw(text)))
  const count = async (relation: string, where = 'true'): Promise<number> =>
    onlyRow(await db.query<{ n: number }>(sql.raw(`select count(*)::int as n from ${relation} where ${where}`))).n

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await install(db)
    await createPlays(db)
    await run(`create table plays_default partition of plays default`)
  })
  afterEach(() => database.close())

  /** A foreign key has everything moved in one transaction. */
  describe.each(['bit by bit', 'at once'])('%s', (way) => {
    const takeWay = async (table: string): Promise<void> => {
      if (way === 'at once')
        await run(`create table song (id int primary key); alter table ${table} add column song int references song`)
    }

    test('rows get the partitions of their periods; what belongs to none stays, and is told', async () => {
      await takeWay('plays')
      await run(`insert into plays select g, '2025-11-03 10:00+00'::timestamptz + g * interval '1 hour', 'a' from generate_series(1001, 1100) as g;
        insert into plays select g, '2027-02-03 10:00+00', 'b' from generate_series(2001, 2010) as g;
        insert into plays values (3001, 'infinity'), (3002, '-infinity'), (3003, '20000-01-01')`)
      const before = await count('plays')
      const report = await drain(plays)
      expect(report).toEqual({
        made: ['plays_2025_12', 'plays_2027_02'],
        rows: 110,
        warnings: [expect.stringMatching(/^plays: 3 rows of plays_default belong to no period/)],
      })
      expect(await partitionsOf(db)).toEqual(
        expect.arrayContaining(['plays_2025_12', 'plays_2027_02', 'plays_default']),
      )
      expect(await count('plays')).toBe(before)
      expect(await count('plays_2025_12')).toBe(100)
      expect(await count('plays_default')).toBe(3)
      const others = new Set(['song'])
      expect((await tablesOf(db)).filter((name) => !others.has(name))).toEqual(
        [...(await partitionsOf(db)), 'plays'].toSorted(),
      )
      expect(
        await db.query(
          sql`select from pg_class where relnamespace = 'pgstrata'::regnamespace and relname like 'capture%'`,
        ),
      ).toMatchObject({ rowCount: 0 })
      // The next run has nothing to do but to tell.
      expect(await drain(plays)).toMatchObject({ made: [], rows: 0 })
      // And all of it takes writes.
      await run(
        `insert into plays values (5001, '2025-12-09'), (5002, '2030-01-01'); update plays set note = 'z' where id > 5000`,
      )
      expect(await count('plays_default')).toBe(4)
    })

    test('indexes, settings and keys of the new default partition are as if it had been there from the beginning', async () => {
      await takeWay('plays')
      const indexed = declareTable({
        outside: 'default',
        storage: { fillfactor: '80' },
        indexes: [
          { name: 'by_note', on: 'note', unique: false, method: 'btree', where: undefined, include: [], with: {} },
        ],
      })
      await run(`create index on plays (note); insert into plays values (1001, '2025-11-03')`)
      await drain(indexed)
      const { rows } = await db.query<{ name: string }>(sql`
        select x.relname::text as name
        from pg_index i
        join pg_class x on x.oid = i.indexrelid
        where i.indrelid = 'plays_default'::regclass
        order by 1`)
      expect(rows.map(({ name }) => name)).toEqual([
        'plays_default_by_note',
        'plays_default_note_idx',
        'plays_default_pkey',
      ])
      const options = await db.query(
        sql`select reloptions::text as o from pg_class where relname in ('plays_default', 'plays_2025_11')`,
      )
      expect(options.rows).toEqual([{ o: '{fillfactor=80}' }, { o: '{fillfactor=80}' }])
      const { rows: left } = await db.query(sql`select conname from pg_constraint where conname like 'pgstrata%'`)
      expect(left).toEqual([])
    })

    test('no trigger of the application fires, and no foreign key cascades', async () => {
      await takeWay('plays')
      await run(`create table fired (what text);
        create function fire() returns trigger language plpgsql as $$ begin insert into fired values (tg_op); return null; end $$;
        create trigger fire after insert or update or delete on plays for each row execute function fire();
        create table listens (id int, played_at timestamptz, foreign key (id, played_at) references plays on delete cascade);
        insert into listens select id, played_at from plays;
        insert into plays values (1001, '2025-11-03'); delete from fired`)
      expect((await drain(plays)).made).toEqual(['plays_2025_11'])
      expect(await count('fired')).toBe(0)
      expect(await count('listens')).toBe(60)
      await run(`insert into plays values (1002, '2025-11-04')`)
      expect(await count('fired')).toBe(1)
    })

    test('a period that is partly covered gets what is left of it', async () => {
      await takeWay('plays')
      await run(`create table plays_half partition of plays for values from ('2025-11-10') to ('2025-12-01');
        insert into plays values (1001, '2025-11-03'), (1002, '2025-11-13')`)
      expect((await drain(plays)).made).toHaveLength(1)
      expect(await count('plays_half')).toBe(1)
      expect(await count('plays_default')).toBe(0)
    })

    test('divided periods, and names of any kind', async () => {
      const layout = {
        kind: 'time',
        column: 'At',
        grain: 'day',
        zone: 'Europe/Berlin',
        split: { column: 'k', into: 2 },
      } as const
      const logs = declareTable({ table: 'My "Logs"', layout, outside: 'default' })
      await run(`create table "My ""Logs""" ("At" timestamp not null, k int not null, "Text" text, "Len" int generated always as (length("Text")) stored, primary key ("At", k)) partition by range ("At");
        create table "My ""Logs""_default" partition of "My ""Logs""" default`)
      await takeWay('"My ""Logs"""')
      await run(
        `insert into "My ""Logs""" ("At", k, "Text") select '2026-03-29 02:30', g, 'x' from generate_series(1, 40) as g`,
      )
      expect(await drain(logs)).toMatchObject({
        made: ['My "Logs"_2026_03_29'],
        rows: 40,
        warnings: [],
      })
      expect(await count('"My ""Logs""_2026_03_29"', '"Len" = 1')).toBe(40)
      expect(await count('"My ""Logs""_default"')).toBe(0)
    })

    test('ids', async () => {
      const layout = { kind: 'id', column: 'id', step: 100n, split: undefined } as const
      const events = declareTable({ table: 'events', layout, outside: 'default' })
      await run(`create table events (id bigint primary key) partition by range (id);
        create table events_default partition of events default;
        insert into events select generate_series(-5, 250)`)
      await takeWay('events')
      expect((await drain(events)).made.toSorted()).toEqual(['events_-100', 'events_0', 'events_100', 'events_200'])
      expect(await count('events_default')).toBe(0)
      expect(await count('events')).toBe(256)
    })

    test('rows of other tables that refer to rows in it keep them there, and it is told', async () => {
      await takeWay('plays')
      await run(`insert into plays values (1001, '2025-11-03');
        create table listens (id int, played_at timestamptz, foreign key (id, played_at) references plays);
        insert into listens values (1001, '2025-11-03')`)
      expect(await drain(plays)).toEqual({
        made: [],
        rows: 0,
        warnings: ['plays: rows of another table refer to rows in its default partition, which keeps them there'],
      })
      expect(await count('plays_default')).toBe(1)
      expect((await tablesOf(db)).filter((name) => name.startsWith('pgstrata'))).toEqual([])
    })
  })

  test('rows that are older than what is kept stay, for retention would take their partition out again', async () => {
    await run(`insert into plays values (1001, '2025-11-03'), (1002, '2025-12-03')`)
    const report = await drain(declareTable({ outside: 'default', retain: keepFor('6 months') }))
    expect(report).toMatchObject({
      made: ['plays_2025_12'],
      warnings: [expect.stringContaining('1 row of plays_default are older')],
    })
    expect(await count('plays_default')).toBe(1)
  })

  test('many rows without a key, or with foreign keys, are told and left; few are moved all the same', async () => {
    await run(`create table keyless (played_at timestamptz not null) partition by range (played_at);
      create table keyless_default partition of keyless default;
      insert into keyless select '2025-11-03' from generate_series(1, 5001);
      create table song (id int primary key);
      insert into plays select g, '2025-11-03' from generate_series(1001, 6001) as g;
      alter table plays add column song int references song`)
    const keyless = declareTable({ table: 'keyless', outside: 'default' })
    expect(await drain(keyless)).toMatchObject({ made: [], warnings: [expect.stringContaining('no primary key')] })
    expect(await drain(plays)).toMatchObject({ made: [], warnings: [expect.stringContaining('foreign keys')] })
    await run(`delete from keyless where ctid = '(0,1)'; delete from plays where id = 6001`)
    expect(await drain(keyless)).toMatchObject({ made: ['keyless_2025_11'], warnings: [] })
    expect(await drain(plays)).toMatchObject({ made: ['plays_2025_11'], warnings: [] })
  })

  test('a name that is taken is told, and the rest is moved', async () => {
    await run(`create table plays_2025_11 (); insert into plays values (1001, '2025-11-03'), (1002, '2025-12-03')`)
    expect(await drain(plays)).toMatchObject({
      made: ['plays_2025_12'],
      warnings: [expect.stringContaining('plays_2025_11, and that name belongs to another relation')],
    })
  })

  test('what is declared and not applied, or is partitioned by another column, is left alone', async () => {
    await run(`insert into plays values (1001, '2025-11-03');
      create table bills (played_at timestamptz not null, due_on date not null, primary key (due_on)) partition by range (due_on);
      create table bills_default partition of bills default; insert into bills values ('2025-11-03', '2025-12-03')`)
    const at = retentionOptions(db, '2026-06-15T00:00:00Z')
    const nothing = { made: [], rows: 0, warnings: [] }
    expect(await runDrain([plays], at)).toEqual(nothing)
    expect(await drain(declareTable({ table: 'bills', outside: 'default' }))).toEqual(nothing)
  })

  test('where rows are to be refused, or nothing lies in it, nothing is done', async () => {
    expect(await drain(plays)).toEqual({ made: [], rows: 0, warnings: [] })
    await run(`insert into plays values (1001, '2025-11-03')`)
    expect(await drain(declareTable())).toEqual({ made: [], rows: 0, warnings: [] })
    expect(await count('plays_default')).toBe(1)
  })
})
