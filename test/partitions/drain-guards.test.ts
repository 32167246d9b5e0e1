// What keeps rows in a default partition, because moving them would lose something, or make of the layout what nobody
// declared. Each is told, and changes nothing.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { onlyRow, type Db, type Session } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { readDrainSubject, readStrayRows } from '../../src/partitions/drain-queries.ts'
import { runDrain, type DrainOptions, type DrainReport } from '../../src/partitions/drain.ts'
import type { PartitionedTable } from '../../src/partitions/options.ts'
import { sql, type Sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import {
  createPlays,
  declareTable,
  drain as drainAll,
  install,
  keepNewest,
  layOut,
  partitionsOf,
  retentionOptions,
} from './life-support.ts'

describe.each(versions)('rows that stay in a default partition on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const plays = declareTable({ outside: 'default' })
  const drain = (table: PartitionedTable, changes: Partial<DrainOptions> = {}): Promise<DrainReport> =>
    drainAll([table], { ...retentionOptions(db, '2026-06-15T00:00:00Z'), ...changes })
  const run = async (text: string): Promise<void> => void (await db.query(sql.raw(text)))
  const count = async (relation: string): Promise<number> =>
    onlyRow(await db.query<{ n: number }>(sql.raw(`select count(*)::int as n from ${relation}`))).n

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await install(db)
    await createPlays(db)
    await run(`create table plays_default partition of plays default; insert into plays values (1001, '2025-11-03')`)
  })
  afterEach(() => database.close())

  const own: readonly [string, string][] = [
    [
      'a trigger',
      `create function fire() returns trigger language plpgsql as $$ begin return null; end $$;
       create trigger fire after insert on plays_default for each row execute function fire()`,
    ],
    ['row level security', 'alter table plays_default enable row level security'],
    ['a policy', 'create policy seen on plays_default using (true)'],
    ['a rule', 'create rule quiet as on delete to plays_default do nothing'],
    ['a check', 'alter table plays_default add constraint small check (id < 1000000)'],
    ['a unique index', 'create unique index alone on plays_default (id)'],
    [
      'a foreign key',
      'create table songs (id int primary key); insert into songs values (1001); alter table plays_default add foreign key (id) references songs',
    ],
    ['a publication', 'create publication strays for table plays_default'],
    ['a grant of a column', 'grant select (id) on plays_default to public'],
  ]
  test.each(own)('%s of its own would be lost with it', async (_what, statements) => {
    await run(statements)
    const report = await drain(plays)
    expect(report).toMatchObject({ made: [], rows: 0 })
    expect(report.warnings).toEqual([expect.stringContaining('of its own')])
    expect(await count('plays_default')).toBe(1)
  })

  test('grants go with it', async () => {
    const reader = `reader_${database.name}`
    await run(`create role ${reader}; grant select, insert on plays_default to ${reader} with grant option;
      grant delete on plays_default to public`)
    const grants = async (): Promise<string> =>
      onlyRow(
        await db.query<{ acl: string }>(sql`select relacl::text as acl from pg_class where relname = 'plays_default'`),
      ).acl
    try {
      const before = await grants()
      expect((await drain(plays)).made).toEqual(['plays_2025_11'])
      expect(await grants()).toBe(before)
    } finally {
      await run(`drop owned by ${reader}; drop role ${reader}`)
    }
  })

  test('triggers of statements that the table has, too, go with it', async () => {
    await run(`create function fire() returns trigger language plpgsql as $$ begin return null; end $$`)
    for (const relation of ['plays', 'plays_default']) {
      await run(`create trigger "noted's" after update on ${relation} referencing old table as "Was" new table as is_now for each statement execute function fire();
        create trigger emptied before truncate on ${relation} for each statement execute function fire();
        alter table ${relation} enable always trigger emptied`)
    }
    const triggers = async (): Promise<unknown> =>
      (
        await db.query(sql`select pg_get_triggerdef(oid) as trigger, tgenabled as enabled
          from pg_trigger
          where tgrelid = 'plays_default'::regclass
          order by tgname`)
      ).rows
    const before = await triggers()
    expect((await drain(plays)).made).toEqual(['plays_2025_11'])
    expect(await triggers()).toEqual(before)
    expect(before).toHaveLength(2)
  })

  test('where a publication has every table, its subscribers would get the copies', async () => {
    await run('create publication everything for all tables')
    expect(await drain(plays)).toMatchObject({
      made: [],
      warnings: [expect.stringContaining('publication "everything"')],
    })
    await run('drop publication everything; create publication of_schema for tables in schema public')
    expect(await drain(plays)).toMatchObject({
      made: [],
      warnings: [expect.stringContaining('publication "of_schema"')],
    })
    await run('drop publication of_schema')
    expect((await drain(plays)).made).toEqual(['plays_2025_11'])
  })

  test('policies that hide rows from who drains lose none', async () => {
    const owner = `owner_${database.name}`
    await run(`create role ${owner} login; grant create, usage on schema public to ${owner};
      grant usage on schema pgstrata to ${owner}; grant select on all tables in schema pgstrata to ${owner};
      create table song (id int primary key); alter table plays add column song int references song;
      alter table plays owner to ${owner}; alter table song owner to ${owner}`)
    for (const name of await partitionsOf(db)) await run(`alter table ${name} owner to ${owner}`)
    // Forced on the table after the first look, as somebody may.
    const asOwner = openDb({ url: Object.assign(new URL(database.url), { username: owner }).href })
    let forced = false
    const confirm = async (): Promise<void> => {
      if (forced) return
      forced = true
      await run(
        'alter table plays_default enable row level security; alter table plays_default force row level security',
      )
    }
    try {
      await layOut(db, plays)
      await run(`insert into plays values (1002, '2025-12-03')`)
      const report = await runDrain([plays], { ...retentionOptions(asOwner, '2026-06-15T00:00:00Z'), confirm })
      expect(forced).toBe(true)
      expect(report).toMatchObject({ made: [], warnings: [expect.any(String)] })
      expect(await count('plays')).toBe(62)
    } finally {
      await asOwner.close()
      await run(`drop owned by ${owner} cascade; drop role ${owner}`)
    }
  })

  test('more partitions than a table may have are not made', async () => {
    await run(`drop table plays; create table plays (id int not null, played_at timestamptz not null) partition by range (played_at);
      create table plays_2026_06 partition of plays for values from ('2026-06-01') to ('2026-07-01') partition by hash (id);
      create table plays_default partition of plays default;
      insert into plays values (1, '2026-08-01')`)
    const layout = { ...plays.layout, split: { column: 'id', into: 4_000 } } as PartitionedTable['layout']
    const report = await drain(declareTable({ outside: 'default', layout }))
    expect(report).toMatchObject({ made: [], warnings: [expect.stringContaining('4,000 partitions')] })
    expect(await count('plays_default')).toBe(1)
  })

  test('a row so long ago that thousands of periods would have to be made between stays', async () => {
    await run(`delete from plays; create table days (id int, played_at timestamptz not null, primary key (id, played_at)) partition by range (played_at);
      create table days_2026_06_15 partition of days for values from ('2026-06-15') to ('2026-06-16');
      create table days_default partition of days default;
      insert into days values (1, '1970-01-01'), (2, '2026-06-10')`)
    const layout = { ...plays.layout, grain: 'day' } as PartitionedTable['layout']
    const days = declareTable({ table: 'days', outside: 'default', layout })
    const report = await drain(days)
    expect(report).toMatchObject({
      made: ['days_2026_06_10'],
      warnings: [expect.stringMatching(/1 row of days_default .* 4,000 partitions.*`from`/)],
    })
    // With its beginning declared, nothing lies between.
    expect((await drain({ ...days, from: '2026-06-01' })).made).toEqual(['days_1970_01_01'])
  })

  describe('of ids', () => {
    const layout = { kind: 'id', column: 'id', step: 10n, split: undefined } as const
    const events = declareTable({ table: 'events', layout, outside: 'default' })
    beforeEach(async () => {
      await run(`create table events (id bigint primary key) partition by range (id);
        ${[0, 1, 2, 3].map((n) => `create table events_${n * 10} partition of events for values from (${n * 10}) to (${n * 10 + 10})`).join(';')};
        create table events_default partition of events default;
        insert into events select generate_series(0, 55)`)
    })

    test('those that follow on move; one far ahead of all others does not become the present', async () => {
      await run('insert into events values (1000000000000)')
      const report = await drain(events)
      expect(report.made).toEqual(['events_40', 'events_50'])
      expect(report.warnings).toEqual([expect.stringMatching(/1 row of events_default .*4,000 partitions/)])
      expect(await count('events_default')).toBe(1)
    })

    test('nor one by which retention would take out what is there', async () => {
      await run('insert into events values (200)')
      const report = await drain({ ...events, retain: keepNewest(5) })
      expect(report.made).toEqual(['events_40', 'events_50'])
      expect(report.warnings).toEqual([expect.stringMatching(/1 row of events_default .*retention/)])
    })

    test('a period is found exactly, however large the ids', async () => {
      const step = 3_000_000_000_000_000_000n
      await run(`delete from events; drop table events_0, events_10, events_20, events_30;
        insert into events values (2999999999999999999), (-1), (-3000000000000000000), (-3000000000000000001)`)
      const subject = await readDrainSubject(db, { ...events, layout: { ...layout, step } })
      if (subject === undefined) throw new Error('no subject')
      const { periods } = await readStrayRows(db, subject, undefined)
      expect(periods.map(({ begins, rows }) => [begins, rows]).toSorted()).toEqual([
        ['-3000000000000000000', 2],
        ['-6000000000000000000', 1],
        ['0', 1],
      ])
    })
  })

  test('of rows in thousands of periods only as many are read as one run moves', async () => {
    await run(`insert into plays select g, '1900-01-15'::timestamptz + g * interval '1 month' from generate_series(2001, 3500) as g;
      insert into plays values (9001, 'infinity')`)
    const subject = await readDrainSubject(db, plays)
    if (subject === undefined) throw new Error('no subject')
    const stray = await readStrayRows(db, subject, new Date('2026-06-15T00:00:00Z'))
    expect(stray.periods).toHaveLength(48)
    expect(stray).toMatchObject({ placeless: 1, past: 0, left: 1_453 })
    const layout = { ...plays.layout, split: { column: 'id', into: 7 } } as PartitionedTable['layout']
    const divided = await readStrayRows(db, { ...subject, declared: { ...plays, layout } }, undefined)
    expect(divided.periods).toHaveLength(6)
  })
})

describe.each(versions)('the transactions of a drain on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let seen: string[]
  beforeEach(async () => {
    database = await testDatabase(version)
    seen = []
    await install(database.db)
    await createPlays(database.db)
    await database.db.query(sql`create table plays_default partition of plays default`)
    await database.db.query(sql`insert into plays values (1001, '2025-11-03')`)
  })
  afterEach(() => database.close())

  /** The statements of every session, in order. */
  const recording = (db: Db): Db => ({
    ...db,
    query: (statement) => db.query(statement),
    withSession: (work) =>
      db.withSession((session) =>
        work(
          new Proxy<Session>(session, {
            get: (target, name) =>
              name === 'query'
                ? (statement: Sql) => {
                    seen.push(statement.text)
                    return target.query(statement)
                  }
                : (Reflect.get(target, name) as unknown),
          }),
        ),
      ),
  })
  const drainRecorded = async (): Promise<void> => {
    const confirm = (): Promise<void> => Promise.resolve(void seen.push('confirm'))
    const options = retentionOptions(recording(database.db), '2026-06-15T00:00:00Z', { confirm })
    expect((await drainAll([declareTable({ outside: 'default' })], options)).made).toEqual(['plays_2025_11'])
  }

  test('the lease is not held while everything is read and compared, however long that takes', async () => {
    await drainRecorded()
    const comparison = seen.findIndex((text) => text.includes('hashtextextended'))
    expect(comparison).toBeGreaterThan(0)
    const begin = seen.slice(0, comparison).findLastIndex((text) => text.startsWith('begin'))
    const end = seen.findIndex((text, index) => index > comparison && /^(commit|rollback)/.test(text))
    expect(seen.slice(begin, end)).not.toContain('confirm')
    // What it took in to compare is not kept: nobody confirmed that it was still ours to keep.
    expect(seen[end]).toBe('rollback')
  })

  test('at once: what can be made before is made before anybody waits', async () => {
    await database.db.query(sql`create table song (id int primary key)`)
    await database.db.query(sql`alter table plays add column song int references song`)
    await drainRecorded()
    const lock = seen.findIndex((text) => text.startsWith('lock table only'))
    const made = seen.findLastIndex((text) => text.startsWith('create table'))
    expect(lock).toBeGreaterThan(made)
    expect(made).toBeGreaterThan(0)
    // And nothing behind the lock takes longer than that.
    expect(seen.slice(lock, lock + 3)).toContain(`set local statement_timeout = '5000ms'`)
  })
})
