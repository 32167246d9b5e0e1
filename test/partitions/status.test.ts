import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import type { PartitionedTable } from '../../src/partitions/options.ts'
import { readPartitionStatus, type TableStatus } from '../../src/partitions/status.ts'
import { sql } from '../../src/sql/sql.ts'
import { command, type Said } from '../support/command.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { createProject } from '../support/project.ts'
import { createPlays, declareTable, install, keepFor, layOut, retire, retentionOptions } from './life-support.ts'

describe.each(versions)('pgstrata partitions on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const run = async (text: string): Promise<void> => void (await db.query(sql.raw(text)))
  const statusOf = async (table: PartitionedTable): Promise<TableStatus> => {
    const [status] = await readPartitionStatus(db, [table])
    if (status === undefined) throw new Error('no status')
    return status
  }

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
  })
  afterEach(() => database.close())

  test('each partition with bounds, rows, size and what happens next; the retired ones, too', async () => {
    await install(db)
    await createPlays(db)
    await run('analyze plays')
    const plays = declareTable({ from: '2026-01-01', retain: keepFor('3 months') })
    await layOut(db, plays)
    await retire([plays], retentionOptions(db, '2026-05-10T00:00:00Z'))
    const status = await statusOf(plays)
    expect(status).toMatchObject({
      key: 'plays',
      state: 'partitioned',
      layout: 'by month of played_at (UTC), 2 ahead',
      retention: 'keeps 3 months; then dropped after 1 day',
      defaultRows: null,
    })
    expect(status.partitions.map(({ name }) => name)).toEqual([2, 3, 4, 5, 6].map((month) => `plays_2026_0${month}`))
    expect(status.partitions[0]).toMatchObject({
      bound: expect.stringContaining('2026-02-01'),
      rows: 10,
      tier: 'hot',
      next: { what: 'taken out', on: new Date('2026-06-01T00:00:00Z') },
    })
    expect(status.partitions[0]?.sizeBytes).toBeGreaterThan(0)
    expect(status.retired).toMatchObject([
      { name: 'plays_2026_01', state: 'detached', next: { what: 'dropped', on: new Date('2026-05-11T00:00:00Z') } },
    ])
    expect(status.next?.on?.getTime()).toBeGreaterThan(Date.now())
  })

  test('gaps are named, and what planning holds back', async () => {
    await install(db)
    await createPlays(db)
    await run('drop table plays_2026_03')
    const status = await statusOf(declareTable({ retain: undefined }))
    expect(status.missing).toContain('plays_2026_03')
    expect(status.findings.map(({ advice }) => advice)).toEqual([expect.stringContaining('pgstrata apply')])
    const differs = await statusOf(declareTable({ layout: { kind: 'hash', column: 'id', into: 4 } }))
    expect(differs.findings[0]?.what).toMatch(/table public.plays: /)
  })

  test('rows in a default partition and a half detached partition are findings', async () => {
    await install(db)
    await createPlays(db)
    const reader = await database.db.withSession(async (session) => {
      await session.query(sql`begin; select from plays`)
      await db.withSession(async (other) => {
        await other.query(sql`set lock_timeout = '30ms'`)
        await other.query(sql`alter table plays detach partition plays_2026_02 concurrently`).catch(() => undefined)
        await other.query(sql`reset lock_timeout`)
      })
      await session.query(sql`commit`)
      return await statusOf(declareTable())
    })
    expect(reader.findings.map(({ what }) => what)).toEqual(
      expect.arrayContaining([expect.stringContaining('plays_2026_02 is half taken out')]),
    )
    // Not by retention, which ends only what it began.
    const pending = reader.partitions.find(({ name }) => name === 'plays_2026_02')
    expect(pending?.next?.what).toMatch(/^half taken out, and not by retention/)
    expect(reader.findings.map(({ advice }) => advice).join()).toContain(
      'alter table "public"."plays" detach partition "public"."plays_2026_02" finalize',
    )
    await run(`insert into pgstrata.retired_partition (schema_name, table_name, partition_schema, partition_name, partition_oid)
      values ('public', 'plays', 'public', 'plays_2026_02', 'plays_2026_02'::regclass)`)
    const ours = await statusOf(declareTable({ retain: keepFor('100 years') }))
    expect(ours.partitions.find(({ name }) => name === 'plays_2026_02')?.next?.what).toContain('retention ends it')
    expect(ours.findings.map(({ advice }) => advice).join()).toContain('pgstrata jobs run retention')
    await run(`alter table plays detach partition plays_2026_02 finalize; create table plays_default partition of plays default;
      insert into plays values (9001, '2031-01-01')`)
    const status = await statusOf(declareTable({ outside: 'default' }))
    expect(status.defaultRows).toBe(1)
    expect(status.partitions.at(-1)).toMatchObject({ name: 'plays_default', isDefault: true })
    expect(status.findings.map(({ what }) => what)).toEqual(
      expect.arrayContaining([expect.stringContaining('1 row in the default partition plays_default')]),
    )
  })

  test('a table that is not laid out yet says what to run; nothing is installed or changed', async () => {
    await run(`create table plays (id int, played_at timestamptz not null); create table full_one (played_at timestamptz not null);
      insert into full_one values (now())`)
    const advice = async (table: string): Promise<string> =>
      (await statusOf(declareTable({ table }))).findings.map((finding) => finding.advice).join()
    expect(await advice('plays')).toContain('pgstrata apply')
    expect(await advice('full_one')).toContain('pgstrata convert full_one')
    expect(await advice('nowhere')).toContain('create it in a migration')
    expect((await db.query(sql`select where to_regnamespace('pgstrata') is null`)).rows).toHaveLength(1)
  })

  test('bounds that are none of the layout hide nothing: other columns, other types, no end', async () => {
    await install(db)
    await createPlays(db)
    await run(`create table numbers (played_at int not null) partition by range (played_at);
      create table numbers_1 partition of numbers for values from (1) to (10);
      create table pairs (played_at timestamptz not null, n int not null) partition by range (played_at, n);
      create table pairs_1 partition of pairs for values from ('2026-01-01', 1) to ('2026-02-01', 1);
      create table plays_rest partition of plays for values from ('2026-07-01') to ('infinity')`)
    const retain = keepFor('3 months')
    const tables = ['numbers', 'pairs', 'plays'].map((table) => declareTable({ table, from: '2026-01-01', retain }))
    const [numbers, pairs, plays] = await readPartitionStatus(db, tables)
    expect(numbers?.partitions).toMatchObject([{ name: 'numbers_1', next: null }])
    expect(pairs?.partitions).toMatchObject([{ name: 'pairs_1', next: null }])
    expect(plays?.partitions.at(-1)).toMatchObject({ name: 'plays_rest', next: null })
    expect(plays?.partitions).toHaveLength(7)
  })

  test('one table that cannot be read is told, and hides none of the others; nobody is waited for', async () => {
    await install(db)
    await createPlays(db)
    await run(`create table logs (played_at timestamptz not null) partition by range (played_at);
      create table logs_default partition of logs default`)
    const logs = declareTable({ table: 'logs', outside: 'default' })
    const plays = declareTable({ from: '2026-01-01' })
    const reader = `reader_${database.name}`
    await run(`create role ${reader} login`)
    const asReader = openDb({ url: Object.assign(new URL(database.url), { username: reader }).href })
    const unreadable = { state: 'unknown', partitions: [] }
    try {
      await run(`grant select on plays to ${reader}; grant usage on schema pgstrata to ${reader};
        grant select on all tables in schema pgstrata to ${reader}`)
      const [first, second] = await readPartitionStatus(asReader, [logs, plays])
      expect(first).toMatchObject({ key: 'logs', ...unreadable })
      expect(first?.findings).toMatchObject([{ what: expect.stringContaining('permission denied') }])
      expect(second?.partitions).toHaveLength(6)
    } finally {
      await asReader.close()
      await run(`drop owned by ${reader}; drop role ${reader}`)
    }
    const other = openDb({ url: database.url })
    await other.withSession(async (session) => {
      await session.query(sql`begin; lock table logs in access exclusive mode`)
      const [first, second] = await readPartitionStatus(db, [logs, plays])
      expect(first).toMatchObject(unreadable)
      expect(first?.findings[0]?.what).toContain('locked')
      expect(second?.partitions).toHaveLength(6)
      await session.query(sql`rollback`)
    })
    await other.close()
  })

  test('an unknown table is told with those there are', async () => {
    await expect(readPartitionStatus(db, [declareTable()], 'playz')).rejects.toMatchObject({
      code: 'TABLE_UNKNOWN',
      message: expect.stringContaining('plays'),
    })
    expect(await readPartitionStatus(db, [declareTable()], 'public.plays')).toHaveLength(1)
  })

  test('the command: a table, all of them, and as JSON', async () => {
    await install(db)
    await createPlays(db)
    const project = await createProject(database.url, {
      config: {
        tables: {
          plays: { time: 'played_at', partition: 'month', from: '2026-01-01', retain: '10 years', ahead: 2 },
          balances: { partition: { hash: 'wallet', into: 2 } },
        },
      },
    })
    const cli = (...args: readonly string[]): Promise<Said> => command(project.dir, ...args)
    const one = await cli('partitions', 'plays')
    expect(one.code, one.err).toBe(0)
    expect(one.out).toMatch(/^public\.plays {2}by month of played_at \(UTC\), 2 ahead\n {2}keeps 10 years/)
    expect(one.out).toMatch(
      /plays_2026_01 +\(2026-01-01 .* never analysed +\S+ kB +hot +taken out on 2036-02-01 00:00Z/,
    )
    const all = await cli('partitions')
    expect(all.out).toMatch(/^plays +partitioned/)
    expect(all.out).toMatch(/\nbalances +missing/)
    expect(all.out).toContain('! balances: ')
    const json = await cli('partitions', '--json')
    expect(JSON.parse(json.out)).toMatchObject({ tables: [{ key: 'plays' }, { key: 'balances', state: 'missing' }] })
    const wrong = await cli('partitions', 'playz')
    expect(wrong.code).not.toBe(0)
    expect(wrong.err).toContain('TABLE_UNKNOWN')
    await project.close()
  })
})
