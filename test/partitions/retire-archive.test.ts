import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { onlyRow, type Db } from '../../src/db/db.ts'
import type { ArchiveHook, PartitionedTable, RetiredPartition } from '../../src/partitions/options.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import {
  createPlays,
  declareTable,
  install,
  keepFor,
  retire,
  retentionOptions,
  retiredOf,
  tablesOf,
} from './life-support.ts'

const at = '2026-06-15T00:00:00Z'
const afterGrace = '2026-06-16T00:00:00Z'

describe.each(versions)('the archive hook on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const playsWith = (archive: ArchiveHook): PartitionedTable =>
    declareTable({ retain: keepFor('4 months', { archive }) })

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await install(db)
    await createPlays(db)
  })
  afterEach(() => database.close())

  test('is given the partition as a table of its own after its grace; what it wrote stands before anything is dropped', async () => {
    const seen: RetiredPartition[] = []
    const plays = playsWith(async (partition, { query }) => {
      seen.push(partition)
      await query(`create table archive as select * from "${partition.schema}"."${partition.partition}"`)
    })
    await retire([plays], retentionOptions(db, at))
    expect(seen).toEqual([])
    const report = await retire([plays], retentionOptions(db, afterGrace))
    expect(report).toMatchObject({ archived: ['plays_2026_01'], dropped: ['plays_2026_01'], warnings: [] })
    expect(seen).toEqual([
      {
        schema: 'public',
        table: 'plays',
        partition: 'plays_2026_01',
        lower: expect.stringMatching(/^2026-01-01 00:00:00/),
        upper: expect.stringMatching(/^2026-02-01 00:00:00/),
      },
    ])
    expect(onlyRow(await db.query<{ n: number }>(sql`select count(*)::int as n from archive`)).n).toBe(10)
  })

  test.each(['throws', 'rejects'])('one that %s keeps the partition, is told, and is called again', async (how) => {
    let calls = 0
    const plays = playsWith(() => {
      calls++
      if (calls > 2) return Promise.resolve()
      if (how === 'throws') throw new Error('the bucket is gone')
      return Promise.reject(new Error('the bucket is gone'))
    })
    await retire([plays], retentionOptions(db, at))
    for (const expected of [1, 2]) {
      const report = await retire([plays], retentionOptions(db, afterGrace))
      expect(report.warnings).toEqual([expect.stringMatching(/plays_2026_01 was not archived.*the bucket is gone/)])
      expect(report.dropped).toEqual([])
      expect(calls).toBe(expected)
    }
    expect(await tablesOf(db)).toContain('plays_2026_01')
    expect(await retire([plays], retentionOptions(db, afterGrace))).toMatchObject({ dropped: ['plays_2026_01'] })
  })

  test('one that hangs ends with the time of the job, and the partition stays', async () => {
    const ending = new AbortController()
    const plays = playsWith(async () => {
      ending.abort()
      await new Promise(() => {})
    })
    await retire([plays], retentionOptions(db, at))
    await expect(retire([plays], retentionOptions(db, afterGrace, { signal: ending.signal }))).rejects.toMatchObject({
      code: 'INTERRUPTED',
    })
    expect(await retiredOf(db)).toEqual(['plays_2026_01 detached'])
  })
})

describe.each(versions)('what somebody has taken over on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const plays = declareTable({ retain: keepFor('4 months') })

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await install(db)
    await createPlays(db)
    await retire([plays], retentionOptions(db, at))
  })
  afterEach(() => database.close())

  const run = async (text: string): Promise<void> => void (await db.query(sql.raw(text)))
  const bounds = `for values from ('2026-01-01') to ('2026-02-01')`
  const cases: readonly [string, string, string][] = [
    ['attached again', `alter table plays attach partition plays_2026_01 ${bounds}`, 'somebody attached it again'],
    ['renamed', 'alter table plays_2026_01 rename to january', 'somebody renamed or moved it'],
    ['moved', 'create schema old; alter table plays_2026_01 set schema old', 'somebody renamed or moved it'],
    [
      'made a partition of another table',
      `create table other (like plays) partition by range (played_at); alter table other attach partition plays_2026_01 ${bounds}`,
      'somebody attached it to another table',
    ],
    ['dropped', 'drop table plays_2026_01', 'somebody dropped it'],
  ]

  test.each(cases)('%s: it is told once, and never touched again', async (_what, statements, why) => {
    await run(statements)
    const before = await tablesOf(db)
    const report = await retire([plays], retentionOptions(db, afterGrace))
    expect(report).toMatchObject({ released: ['plays_2026_01'], dropped: [], detached: [] })
    expect(report.warnings).toEqual([`plays: plays_2026_01 is left alone: ${why}`])
    expect(await retire([plays], retentionOptions(db, afterGrace))).toMatchObject({
      detached: [],
      dropped: [],
      released: [],
      warnings: [],
    })
    expect(await tablesOf(db)).toEqual(before)
    expect(await retiredOf(db)).toEqual([`plays_2026_01 released ${why}`])
  })

  test('another table of the same name is not dropped', async () => {
    await run('drop table plays_2026_01; create table plays_2026_01 (precious int)')
    const report = await retire([plays], retentionOptions(db, afterGrace))
    expect(report.dropped).toEqual([])
    expect(await tablesOf(db)).toContain('plays_2026_01')
  })

  test('exchanged between the look and the lock: it is looked at again under the lock', async () => {
    const ladder = { firstTimeoutMs: 10_000, lastTimeoutMs: 10_000, tries: 1, concurrentTimeoutMs: 10_000 }
    let running: Promise<unknown> = Promise.resolve()
    await db.withSession(async (session) => {
      await session.query(sql`begin`)
      await session.query(sql`lock table plays_2026_01 in access exclusive mode`)
      running = retire([plays], retentionOptions(db, afterGrace, { ladder }))
      for (;;) {
        const { rows } = await session.query(sql`select from pg_locks where not granted`)
        if (rows.length > 0) break
      }
      await session.query(
        sql.raw('alter table plays_2026_01 rename to january; create table plays_2026_01 (precious int); commit'),
      )
    })
    expect(await running).toMatchObject({ dropped: [] })
    expect(await tablesOf(db)).toEqual(expect.arrayContaining(['january', 'plays_2026_01']))
  })
})
