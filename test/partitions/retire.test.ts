import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { onlyRow, type Db } from '../../src/db/db.ts'
import { retentionJob, runRetention } from '../../src/partitions/retire.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import {
  createPlays,
  declareTable,
  install,
  keepFor,
  keepNewest,
  layOut,
  partitionsOf,
  retire,
  retentionOptions,
  retiredOf,
  tablesOf,
} from './life-support.ts'

describe.each(versions)('retention on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await install(db)
    await createPlays(db)
  })
  afterEach(() => database.close())

  test('by age: taken out at its time, dropped after its grace, never before', async () => {
    const plays = declareTable({ retain: keepFor('3 months') })
    const first = await retire([plays], retentionOptions(db, '2026-05-31T23:59:59Z'))
    expect(first).toMatchObject({ detached: ['plays_2026_01'], dropped: [], warnings: [] })
    expect(await partitionsOf(db)).not.toContain('plays_2026_01')
    expect(await tablesOf(db)).toContain('plays_2026_01')
    const second = await retire([plays], retentionOptions(db, '2026-06-01T00:00:00Z'))
    expect(second).toMatchObject({ detached: ['plays_2026_02'], dropped: [] })
    const third = await retire([plays], retentionOptions(db, '2026-06-01T23:59:59Z'))
    expect(third).toMatchObject({ detached: [], dropped: ['plays_2026_01'] })
    expect(await tablesOf(db)).not.toContain('plays_2026_01')
    expect(await retiredOf(db)).toEqual(['plays_2026_01 dropped', 'plays_2026_02 detached'])
    expect(await retire([plays], retentionOptions(db, '2026-06-01T23:59:59Z'))).toMatchObject({
      detached: [],
      dropped: [],
    })
  })

  test('by count: the newest that have begun stay, whatever is ahead', async () => {
    const plays = declareTable({ retain: keepNewest(2) })
    await retire([plays], retentionOptions(db, '2026-04-01T00:00:00Z'))
    expect(await partitionsOf(db)).toEqual(['plays_2026_03', 'plays_2026_04', 'plays_2026_05', 'plays_2026_06'])
  })

  test('the partition of now and those to come stay, even where next to nothing is kept', async () => {
    const plays = declareTable({ retain: keepFor('1 second') })
    await retire([plays], retentionOptions(db, '2026-04-01T00:00:00Z'))
    expect(await partitionsOf(db)).toEqual(['plays_2026_03', 'plays_2026_04', 'plays_2026_05', 'plays_2026_06'])
    await retire([plays], retentionOptions(db, '2026-04-01T00:00:01Z'))
    expect(await partitionsOf(db)).toEqual(['plays_2026_04', 'plays_2026_05', 'plays_2026_06'])
  })

  test('a span is subtracted on the clock of the zone', async () => {
    await db.query(
      sql.raw(`create table logs (at timestamptz not null) partition by range (at);
      create table logs_day partition of logs for values from ('2026-03-27 23:00+00') to ('2026-03-28 23:00+00')`),
    )
    const layout = { kind: 'time', column: 'at', grain: 'day', zone: 'Europe/Berlin', split: undefined } as const
    const logs = declareTable({ table: 'logs', layout, retain: keepFor('1 day') })
    // The 29th of March has 23 hours there: a day after its midnight is 22:00 in UTC.
    await retire([logs], retentionOptions(db, '2026-03-29T21:59:59Z'))
    expect(await partitionsOf(db, 'logs')).toEqual(['logs_day'])
    await retire([logs], retentionOptions(db, '2026-03-29T22:00:00Z'))
    expect(await partitionsOf(db, 'logs')).toEqual([])
  })

  test('what a relabelled table became ages out as one', async () => {
    await db.query(sql.raw(`create table old_days partition of plays for values from (minvalue) to ('2026-01-01')`))
    const plays = declareTable({ retain: keepFor('3 months') })
    await retire([plays], retentionOptions(db, '2026-03-31T00:00:00Z'))
    expect(await partitionsOf(db)).toContain('old_days')
    await retire([plays], retentionOptions(db, '2026-04-01T00:00:00Z'))
    expect(await partitionsOf(db)).not.toContain('old_days')
    expect(await retiredOf(db)).toEqual(['old_days detached'])
  })

  test.each(['timestamp', 'date', 'uuid'])('bounds of a %s column', async (type) => {
    const bound = (month: number): string =>
      type === 'uuid'
        ? `${(Date.UTC(2026, month - 1) * 1)
            .toString(16)
            .padStart(12, '0')
            .replace(/^(.{8})/, '$1-')}-7000-8000-000000000000`
        : `2026-0${month}-01`
    await db.query(
      sql.raw(`create table logs (at ${type} not null) partition by range (at);
      create table logs_1 partition of logs for values from ('${bound(1)}') to ('${bound(2)}');
      create table logs_2 partition of logs for values from ('${bound(2)}') to ('${bound(3)}')`),
    )
    const layout = { kind: 'time', column: 'at', grain: 'month', zone: 'Asia/Tokyo', split: undefined } as const
    const logs = declareTable({ table: 'logs', layout, retain: keepFor('1 month') })
    // Midnight in Tokyo comes nine hours earlier; a uuid holds an instant.
    const early = type === 'uuid' ? '2026-02-28T23:59:59Z' : '2026-02-28T14:59:59Z'
    const late = type === 'uuid' ? '2026-03-01T00:00:01Z' : '2026-02-28T15:00:00Z'
    await retire([logs], retentionOptions(db, early))
    expect(await partitionsOf(db, 'logs')).toEqual(['logs_1', 'logs_2'])
    await retire([logs], retentionOptions(db, late))
    expect(await partitionsOf(db, 'logs')).toEqual(['logs_2'])
  })

  test('by count of ids: where the newest are is the present', async () => {
    await db.query(
      sql.raw(`create table "Events" ("Id" bigint primary key) partition by range ("Id");
      ${[0, 1, 2, 3, 4].map((n) => `create table "Events_${n}" partition of "Events" for values from (${n * 10}) to (${n * 10 + 10})`).join(';')};
      insert into "Events" select generate_series(0, 25)`),
    )
    const layout = { kind: 'id', column: 'Id', step: 10n, split: undefined } as const
    const events = declareTable({ table: 'Events', layout, retain: keepNewest(2) })
    await retire([events], retentionOptions(db, '2026-01-01T00:00:00Z'))
    expect(await partitionsOf(db, 'Events')).toEqual(['Events_1', 'Events_2', 'Events_3', 'Events_4'])
  })

  test('a partition that is divided again goes as a whole', async () => {
    await db.query(
      sql.raw(`create table logs (at timestamptz not null, k int) partition by range (at);
      create table logs_1 partition of logs for values from ('2026-01-01') to ('2026-02-01') partition by hash (k);
      create table logs_1_part_0 partition of logs_1 for values with (modulus 2, remainder 0);
      create table logs_1_part_1 partition of logs_1 for values with (modulus 2, remainder 1);
      insert into logs select '2026-01-05', g from generate_series(1, 20) as g`),
    )
    const layout = {
      kind: 'time',
      column: 'at',
      grain: 'month',
      zone: 'UTC',
      split: { column: 'k', into: 2 },
    } as const
    const logs = declareTable({ table: 'logs', layout, retain: keepFor('1 month') })
    await retire([logs], retentionOptions(db, '2026-05-01T00:00:00Z'))
    expect(onlyRow(await db.query<{ n: number }>(sql`select count(*)::int as n from logs_1`)).n).toBe(20)
    await retire([logs], retentionOptions(db, '2026-05-02T00:00:00Z'))
    expect((await tablesOf(db)).filter((name) => name.startsWith('logs'))).toEqual(['logs'])
  })

  test('a partition that rows of a foreign key refer to stays, with what to do; the others go', async () => {
    await db.query(
      sql.raw(`create table listens (id int, played_at timestamptz, foreign key (id, played_at) references plays);
      insert into listens select id, played_at from plays where id = 201`),
    )
    const plays = declareTable({ retain: keepFor('1 day') })
    const report = await retire([plays], retentionOptions(db, '2026-04-10T00:00:00Z'))
    expect(report.detached).toEqual(['plays_2026_01', 'plays_2026_03'])
    expect(report.warnings).toEqual([expect.stringMatching(/^plays: plays_2026_02 stays: rows of another table/)])
    expect(await retiredOf(db)).toEqual(['plays_2026_01 detached', 'plays_2026_03 detached'])
    await db.query(sql`delete from listens`)
    const again = await retire([plays], retentionOptions(db, '2026-04-10T00:00:00Z'))
    expect(again).toMatchObject({ detached: ['plays_2026_02'], warnings: [] })
  })

  test('something that depends on it keeps it, and is told', async () => {
    await db.query(sql`create view january as select * from plays_2026_01`)
    const plays = declareTable({ retain: keepFor('4 months', { grace: '0' }) })
    const report = await retire([plays], retentionOptions(db, '2026-06-10T00:00:00Z'))
    expect(report).toMatchObject({
      detached: ['plays_2026_01'],
      dropped: [],
      warnings: [expect.stringContaining('something depends on it')],
    })
    await db.query(sql`drop view january`)
    expect(await retire([plays], retentionOptions(db, '2026-06-10T00:00:00Z'))).toMatchObject({
      dropped: ['plays_2026_01'],
    })
  })

  test('kept as a table where that is declared', async () => {
    const plays = declareTable({ retain: keepFor('4 months', { grace: '0', finally: 'keep' }) })
    const report = await retire([plays], retentionOptions(db, '2026-06-10T00:00:00Z'))
    expect(report).toMatchObject({ detached: ['plays_2026_01'], kept: ['plays_2026_01'], dropped: [] })
    expect(await tablesOf(db)).toContain('plays_2026_01')
    expect(await retiredOf(db)).toEqual(['plays_2026_01 kept'])
  })

  test('one table that cannot be worked on does not stop the others', async () => {
    const gone = declareTable({ table: 'gone', retain: keepFor('1 day') })
    const plain = declareTable({ table: 'plain', retain: keepFor('1 day') })
    await db.query(sql`create table plain (played_at timestamptz)`)
    const broken = declareTable({ key: 'broken', retain: keepFor('no span') })
    const plays = declareTable({ retain: keepFor('4 months') })
    const report = await retire([gone, plain, broken, plays], retentionOptions(db, '2026-06-10T00:00:00Z'))
    expect(report.detached).toEqual(['plays_2026_01'])
    expect(report.warnings).toEqual([expect.stringMatching(/^broken: /)])
  })

  test('what is declared and not applied takes nothing out', async () => {
    const plays = declareTable({ retain: keepFor('1 day') })
    const at = retentionOptions(db, '2026-06-10T00:00:00Z')
    expect(await runRetention([plays], at)).toMatchObject({ detached: [], warnings: [] })
    await layOut(db, declareTable({ retain: keepFor('10 years') }))
    expect(await runRetention([plays], at)).toMatchObject({
      detached: [],
      warnings: [expect.stringContaining('is not applied yet')],
    })
    await layOut(db, plays)
    expect((await runRetention([plays], at)).detached).toHaveLength(5)
  })

  test('a table that is partitioned by another column is left alone', async () => {
    await db.query(
      sql.raw(`create table bills (played_at timestamptz not null, due_on date not null) partition by range (due_on);
      create table bills_1 partition of bills for values from ('2020-01-01') to ('2021-01-01')`),
    )
    const bills = declareTable({ table: 'bills', retain: keepFor('1 day') })
    expect(await retire([bills], retentionOptions(db, '2026-06-10T00:00:00Z'))).toMatchObject({ detached: [] })
    expect(await partitionsOf(db, 'bills')).toEqual(['bills_1'])
  })

  test('the job says what it did, and what a person should see to', async () => {
    const plays = declareTable({ retain: keepFor('5 days', { grace: '0' }) })
    const job = retentionJob({ tables: [plays], ladder: retentionOptions(db, '2026-01-01').ladder })
    await db.query(sql`create view january as select * from plays_2026_01`)
    // By the database's clock: all of 2026 up to June may be over, or not; January is.
    const moved = sql.raw(
      `alter table plays detach partition plays_2026_01; alter table plays attach partition plays_2026_01 for values from ('2020-01-01') to ('2020-02-01')`,
    )
    await db.query(sql`delete from plays`)
    await db.query(moved)
    await layOut(db, plays)
    const context = { ...retentionOptions(db, '2026-01-01') }
    const outcome = await job.run({
      ...context,
      tick: new Date(),
      attempt: 1,
      fence: 1,
      signal: new AbortController().signal,
      logger: { debug: () => {}, info: () => {}, warn: () => {} },
      confirm: async () => {},
    })
    expect(outcome.did).toMatch(/partitions? taken out/)
    expect(outcome.details).toMatchObject({ detached: expect.arrayContaining(['plays_2026_01']) })
    expect(outcome.warnings).toEqual([expect.stringContaining('plays_2026_01 is not dropped')])
  })
})
