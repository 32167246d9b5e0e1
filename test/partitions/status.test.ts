import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runCli } from '../../src/cli/program.ts'
import type { Db } from '../../src/db/db.ts'
import type { PartitionedTable } from '../../src/partitions/options.ts'
import { readPartitionStatus, type TableStatus } from '../../src/partitions/status.ts'
import { sql } from '../../src/sql/sql.ts'
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
    const cli = async (...args: readonly string[]): Promise<{ code: number; out: string; err: string }> => {
      const said = { out: '', err: '' }
      const code = await runCli(args, {
        cwd: project.dir,
        env: {},
        out: (text) => void (said.out += text),
        err: (text) => void (said.err += text),
        ask: undefined,
        isTerminal: false,
        colours: false,
        signal: new AbortController().signal,
      })
      return { code, ...said }
    }
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
