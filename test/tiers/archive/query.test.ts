// Archives are asked in SQL, with the rows that are still in the database in the same answer: each row once, whatever is moved.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { createArchives, type ArchiveQueryOptions, type Archives } from '../../../src/tiers/archive-facade.ts'
import { testDatabase, versions, type TestDatabase } from '../../support/postgres.ts'
import { run } from '../exchange-support.ts'
import { createEvents, partitionOf } from '../move-support.ts'
import { s3Options } from '../store/store-support.ts'
import { events, filesBelow, movesOf } from './life-support.ts'

describe.each(versions)('archives that are asked, on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let archives: Archives
  let base: string

  beforeAll(async () => {
    database = await testDatabase(version)
    const { db } = database
    await createEvents(db, events)
    await run(
      db,
      `create table kinds (id int primary key, name text)`,
      `insert into kinds values (0, 'none'), (1, 'one'), (2, 'two')`,
      `create schema "Odd"; create table "Odd".kinds (x int)`,
    )
    base = await mkdtemp(join(tmpdir(), 'pgstrata-test-'))
    archives = createArchives({
      db,
      tables: [events],
      settings: {
        store: { to: join(base, 'store'), s3: s3Options('http://none') },
        workDir: join(base, 'work'),
        cache: { dir: join(base, 'cache'), sizeBytes: 1024 ** 2 },
        duck: { memory: '512MiB', threads: 1 },
        verify: undefined,
        retain: undefined,
      },
      ladder: { firstTimeoutMs: 100, lastTimeoutMs: 300, tries: 4, concurrentTimeoutMs: 30_000 },
      clock: systemClock,
      random: () => 0.5,
    })
    const move = movesOf(db, { store: join(base, 'store'), work: join(base, 'work') })
    await move(partitionOf(1), 'archive')
    await move(partitionOf(1), 'drop')
    await move(partitionOf(2), 'pack')
    await move(partitionOf(2), 'archive')
    await move(partitionOf(2), 'drop')
    await move(partitionOf(3), 'archive')
    await move(partitionOf(4), 'pack')
    await run(db, `update events_history set amount = 1000 where id = 400001`)
  })
  afterAll(async () => {
    await database.close()
    await rm(base, { recursive: true, force: true })
  })

  const ask = async (statement: string, options?: ArchiveQueryOptions): Promise<readonly (readonly unknown[])[]> =>
    (await archives.query(statement, options)).rows

  test('with the rows that are still here, and without them', async () => {
    const count = 'select count(*), min(id), max(id), sum(amount) from events'
    expect(await ask(count)).toEqual([['1200', '100001', '600200', '31149.75']])
    expect(await ask(count, { live: 'none' })).toEqual([['600', '100001', '300200', '15075.00']])
    expect((await archives.query('select * from public.events order by "at" limit 1')).columns).toEqual([
      'id',
      'at',
      'kind',
      'amount',
      'note',
    ])
    expect(await ask('select * from events order by id limit 1')).toEqual([
      ['100001', '2026-01-01 00:01:00+00', 1, '0.25', 'note 1'],
    ])
    expect(await filesBelow(join(base, 'work'))).toEqual([])
  })

  test('by time: nothing else is fetched', async () => {
    await rm(join(base, 'cache'), { recursive: true })
    const days = `select cast("at" as date) as day, count(*) from events group by all order by all`
    expect(await ask(days, { from: '2026-01-02', to: '2026-01-02 01:00Z' })).toEqual([['2026-01-02', '59']])
    expect(await filesBelow(join(base, 'cache'))).toHaveLength(1)
    expect(await ask(days, { from: '2026-01-02 03:19Z', to: '2026-01-04' })).toEqual([
      ['2026-01-02', '2'],
      ['2026-01-03', '200'],
    ])
    expect(await ask(days, { to: '2025-01-01' })).toEqual([])
    await expect(ask(days, { from: 'never' })).rejects.toMatchObject({ code: 'ARCHIVE_QUERY' })
  })

  test('joined with tables of the database', async () => {
    const joined = `with few as (select * from events where id % 100000 <= 3)
      select name, count(*) from few join kinds on kinds.id = few.kind group by name order by name`
    expect(await ask(joined)).toEqual([
      ['none', '6'],
      ['one', '6'],
      ['two', '6'],
    ])
    expect(await ask('select count(*) from "Odd".kinds')).toEqual([['0']])
    await expect(ask(joined, { live: 'none' })).rejects.toMatchObject({
      code: 'ARCHIVE_QUERY',
      message: expect.stringContaining('kinds') as string,
    })
    expect(await ask('select e.id from events e join kinds k using (id)')).toEqual([])
  })

  test.each([
    [`with events as (select * from events where id <= 100002) select count(*) from events`, '2'],
    [`with kinds as (select * from events), events as (select 1 as one) select count(*) from kinds`, '1200'],
    [
      `with recursive events(n) as (select 1 union all select n + 1 from events where n < 5) select count(*) from events`,
      '5',
    ],
    [`with x as (select 1) select (with events as (select * from events) select count(*) from events) from x`, '1200'],
  ])('%s: a name is what it is at its place', async (statement, count) => {
    expect(await ask(statement)).toEqual([[count]])
  })

  test('by numbers, whatever some of them have for digits, and where there are none', async () => {
    const { db } = database
    await run(
      db,
      `create table measured (n numeric, note numeric) partition by range (n)`,
      `create table measured_low partition of measured for values from (0) to (1000)`,
      `create table measured_high partition of measured default`,
    )
    const sums = 'select count(*), sum(n), sum(note) from measured'
    expect(await ask(sums)).toEqual([['0', null, null]])
    await run(db, `insert into measured select g from generate_series(1, 100) as g`)
    expect(await ask(sums, { from: '9', to: '11' })).toEqual([['2', '19', null]])
    await run(db, `insert into measured values (1e40)`)
    await expect(ask(sums, { from: '9' })).rejects.toMatchObject({
      code: 'ARCHIVE_QUERY',
      message: expect.stringContaining('Numbers of n') as string,
    })
    expect(await ask('select count(*) from measured')).toEqual([['101']])
  })

  test.each([
    ['delete from events', 'SELECT'],
    ['select 1; select 2', 'SELECT'],
    ['create table x (y int)', 'SELECT'],
    ['select nonsense from events', 'nonsense'],
    ['select from where', 'syntax error'],
    ['', 'SELECT'],
    ['pivot events on kind using count(*)', 'SELECT'],
    ['select * from nowhere', 'nowhere'],
    [`select * from read_csv('/etc/passwd')`, 'disabled'],
    [`copy events to '/tmp/x'`, 'SELECT'],
    [`set memory_limit = '1GB'`, 'SELECT'],
    [`select * from 'https://example.org/x.parquet'`, ''],
  ])('%j is refused', async (statement, why) => {
    await expect(ask(statement)).rejects.toMatchObject({
      code: 'ARCHIVE_QUERY',
      message: expect.stringContaining(why) as string,
    })
  })

  test('into a table of its own, for a look', async () => {
    const { db } = database
    const into = { schema: 'public', table: 'looked' }
    const from = { table: 'events', partition: partitionOf(2) }
    expect(await archives.restoreInto(from, into)).toBe(200)
    const sum = async (): Promise<unknown> =>
      (await db.query({ text: 'select count(*)::int as n, sum(amount)::text as sum from looked', values: [] })).rows
    expect(await sum()).toEqual([{ n: 200, sum: '5025.00' }])
    await run(db, 'alter table looked drop column note')
    await expect(archives.restoreInto(from, into)).rejects.toMatchObject({ code: 'ARCHIVE_SCHEMA' })
    expect(await archives.restoreInto(from, into, { without: ['note'] })).toBe(200)
    expect(await sum()).toEqual([{ n: 400, sum: '10050.00' }])
    await expect(archives.restoreInto(from, { schema: 'nowhere', table: 'x' })).rejects.toMatchObject({
      code: 'ARCHIVE_SCHEMA',
    })
    expect((await archives.list()).map(({ state }) => state)).toEqual(['only copy', 'only copy', 'verified'])
  })

  test.each([
    ['the table itself', 'public.events', 'a partitioned table'],
    ['a partition of it', 'public.events_2026_01_05', 'a part of another table'],
    ['its history', 'public.events_history', 'a view'],
    ['what keeps its tiers', 'pgstrata.tier_partition', 'what keeps tiers'],
  ])('not into %s', async (_, name, got) => {
    const counts = async (): Promise<unknown> =>
      (await database.db.query({ text: 'select count(*)::int as n from events_history', values: [] })).rows
    const before = await counts()
    const [schema = '', table = ''] = name.split('.')
    const refused = archives.restoreInto({ table: 'events', partition: partitionOf(2) }, { schema, table })
    await expect(refused).rejects.toMatchObject({
      code: 'TIER_STATE',
      message: expect.stringContaining(`got ${got}`) as string,
    })
    expect(await counts()).toEqual(before)
  })

  test('what was restored, or forgotten, is not counted twice', async () => {
    const count = 'select count(*) from events'
    await archives.restore('events', partitionOf(1))
    expect(await ask(count)).toEqual([['1200']])
    const [, second] = await archives.list('events')
    await expect(archives.forget(String(second?.id))).rejects.toMatchObject({
      code: 'TIER_STATE',
      message: expect.stringContaining('only copy') as string,
    })
    expect(await archives.forget(String(second?.id), { onlyCopy: true })).toMatchObject({ state: 'removed' })
    expect(await ask(count)).toEqual([['1000']])
    const gone = (await filesBelow(join(base, 'store'))).filter((path) => path.includes('day=02'))
    expect(gone).toEqual([])
  })
})
