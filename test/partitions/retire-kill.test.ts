// A run whose connection is terminated between any two of its commits, or in the middle of DETACH CONCURRENTLY: the next
// run goes on, and what comes out is what an undisturbed run leaves.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { StrataError } from '../../src/base/errors.ts'
import type { Db, Session } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import type { PartitionedTable } from '../../src/partitions/options.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import {
  createPlays,
  declareTable,
  install,
  keepFor,
  partitionsOf,
  retire,
  retentionOptions,
  retiredOf,
  tablesOf,
} from './life-support.ts'

const at = '2026-06-15T00:00:00Z'

describe.each(versions)('a killed retention on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  let archived: string[]
  let plays: PartitionedTable

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await install(db)
    await createPlays(db)
    archived = []
    plays = declareTable({
      retain: keepFor('2 months', {
        grace: '0',
        archive: async ({ partition }) => void archived.push(partition),
      }),
    })
  })
  afterEach(() => database.close())

  async function killEveryOther(db: Db): Promise<void> {
    await db.query(sql`
      select pg_terminate_backend(pid, 10000)
      from pg_stat_activity
      where datname = current_database()
        and pid <> pg_backend_pid()`)
  }

  test('terminated after each of its commits, it goes on every time', async () => {
    const killer = openDb({ url: database.url, max: 1 })
    const seen: string[] = []
    for (let run = 0; run < 40; run++) {
      const moments: string[] = []
      const onCommit = async (what: string): Promise<void> => {
        moments.push(what)
        // The first commit is let through, so that every run comes one further; the second is the last of this run.
        if (moments.length === 2) await killEveryOther(killer)
      }
      const outcome = await retire([plays], retentionOptions(db, at, { onCommit })).catch((error: unknown) => error)
      seen.push(...moments)
      if (moments.length < 2) break
      // Between a hook and what follows no connection is held that could be lost.
      if (moments[1] !== 'archived') expect(outcome).toBeInstanceOf(Error)
    }
    await killer.close()
    expect(new Set(seen)).toEqual(new Set(['detaching', 'taken out', 'detached', 'archived', 'dropped']))
    expect(await partitionsOf(db)).toEqual(['plays_2026_04', 'plays_2026_05', 'plays_2026_06'])
    expect(await tablesOf(db)).toEqual(['plays', 'plays_2026_04', 'plays_2026_05', 'plays_2026_06'])
    expect(await retiredOf(db)).toEqual(['plays_2026_01 dropped', 'plays_2026_02 dropped', 'plays_2026_03 dropped'])
    expect(new Set(archived)).toEqual(new Set(['plays_2026_01', 'plays_2026_02', 'plays_2026_03']))
  })

  test('terminated inside DETACH CONCURRENTLY, it is finalized', async () => {
    const other = openDb({ url: database.url })
    const reader = await openReader(other)
    const running = retire([plays], retentionOptions(db, at, { ladder: patient })).catch((error: unknown) => error)
    await waitUntil(async () => (await pendingOf(other)).length > 0, { what: 'a half detached partition' })
    const terminate = async (): Promise<boolean> => {
      const { rowCount } = await other.query(sql`
        select pg_terminate_backend(pid)
        from pg_stat_activity
        where datname = current_database()
          and query like 'alter table%'
          and wait_event_type = 'Lock'`)
      return rowCount > 0
    }
    await waitUntil(terminate, { what: 'that it waits for the reader' })
    expect(await running).toBeInstanceOf(Error)
    expect(await pendingOf(other)).toEqual(['plays_2026_01'])
    expect(await retiredOf(other)).toEqual(['plays_2026_01 detaching'])
    await reader.release()
    await other.close()
    const report = await retire([plays], retentionOptions(db, at))
    expect(report.warnings).toEqual([])
    expect(report.dropped).toEqual(['plays_2026_01', 'plays_2026_02', 'plays_2026_03'])
  })

  test('a long transaction keeps it half-way for a while; the next run ends it', async () => {
    const other = openDb({ url: database.url })
    const reader = await openReader(other)
    const ladder = { ...retentionOptions(db, at).ladder, tries: 3 }
    const report = await retire([plays], retentionOptions(db, at, { ladder }))
    expect(report).toMatchObject({
      detached: [],
      warnings: [expect.stringContaining('a long transaction holds its table')],
    })
    expect(await pendingOf(other)).toEqual(['plays_2026_01'])
    await reader.release()
    await other.close()
    expect((await retire([plays], retentionOptions(db, at))).detached).toEqual([
      'plays_2026_01',
      'plays_2026_02',
      'plays_2026_03',
    ])
  })

  test('half detached by somebody else is told, and nothing further is tried', async () => {
    const other = openDb({ url: database.url })
    const reader = await openReader(other)
    await other
      .withSession(async (session) => {
        await session.query(sql`set lock_timeout = '50ms'`)
        await session.query(sql`alter table plays detach partition plays_2026_05 concurrently`)
      })
      .catch(() => undefined)
    await reader.release()
    await other.close()
    const report = await retire([plays], retentionOptions(db, at))
    expect(report).toMatchObject({
      detached: [],
      warnings: [expect.stringContaining('plays_2026_05 is half detached, and not by pgstrata')],
    })
    await db.query(sql`alter table plays detach partition plays_2026_05 finalize`)
    expect((await retire([plays], retentionOptions(db, at))).detached).toHaveLength(3)
  })

  test('a run that lost its lease changes nothing', async () => {
    const confirm = async (): Promise<void> => {
      throw new StrataError('LEASE_LOST', { message: 'lost' })
    }
    const before = await partitionsOf(db)
    await expect(retire([plays], retentionOptions(db, at, { confirm }))).rejects.toMatchObject({
      code: 'LEASE_LOST',
    })
    expect(await partitionsOf(db)).toEqual(before)
    expect(await retiredOf(db)).toEqual([])
  })
})

const patient = { firstTimeoutMs: 20_000, lastTimeoutMs: 20_000, tries: 1, concurrentTimeoutMs: 20_000 }

async function pendingOf(db: Db): Promise<readonly string[]> {
  const { rows } = await db.query<{ name: string }>(
    sql`select inhrelid::regclass::text as name from pg_inherits where inhdetachpending`,
  )
  return rows.map((row) => row.name)
}

/** A transaction that has read the table, and does nothing. */
async function openReader(db: Db): Promise<{ release(): Promise<void> }> {
  let release: () => void = () => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  let holding: (session: Session) => void = () => undefined
  const held = new Promise<Session>((resolve) => (holding = resolve))
  const done = db.withSession(async (session) => {
    await session.query(sql`begin`)
    await session.query(sql`select count(*) from plays`)
    holding(session)
    await released
    await session.query(sql`commit`)
  })
  await held
  return {
    release: async () => {
      release()
      await done
    },
  }
}
