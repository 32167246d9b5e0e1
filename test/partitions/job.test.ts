// The job `partitions`: makes what is missing, table by table, one transaction a partition, under its lease.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { StrataError } from '../../src/base/errors.ts'
import { silentLogger } from '../../src/base/logger.ts'
import type { Db, Queryable, Session } from '../../src/db/db.ts'
import type { JobContext, JobOutcome } from '../../src/db/job.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { contributePartitions } from '../../src/partitions/contribute.ts'
import { partitionsJob } from '../../src/partitions/jobs.ts'
import type { PartitionedTable } from '../../src/partitions/options.ts'
import { tableLockKey } from '../../src/partitions/table-lock.ts'
import { applyPlan, type Contribution } from '../../src/plan/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { applyTables, declare, partitionNames } from './support.ts'

const ladder = { firstTimeoutMs: 30, lastTimeoutMs: 60, tries: 3, concurrentTimeoutMs: 5_000 }

describe.each(versions)('the job on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const plays = declare({ ahead: 1 })
  const logs = declare({ key: 'logs', table: 'logs', ahead: 1 })

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await db.query(sql`create table plays (at timestamptz not null) partition by range (at)`)
    await db.query(sql`create table logs (at timestamptz not null) partition by range (at)`)
  })
  afterEach(() => database.close())

  const run = async (
    tables: readonly PartitionedTable[],
    said: Partial<Pick<JobContext, 'db' | 'signal' | 'confirm'>> = {},
  ): Promise<JobOutcome> =>
    await partitionsJob({ tables, ladder }).run({
      db,
      tick: new Date(),
      attempt: 1,
      fence: 1,
      signal: new AbortController().signal,
      clock: systemClock,
      random: () => 0.5,
      logger: silentLogger,
      confirm: () => Promise.resolve(),
      ...said,
    })

  test('makes what is missing, once', async () => {
    await applyTables(db, [plays, logs])
    await db.query(sql.raw(`drop table ${(await partitionNames(db, 'plays'))[1] ?? ''}`))
    expect(await run([plays, { ...logs, ahead: 3 }])).toMatchObject({ did: '3 partitions made', warnings: [] })
    expect(await run([plays, { ...logs, ahead: 3 }])).toMatchObject({ did: '' })
    expect(await partitionNames(db, 'plays')).toHaveLength(2)
    expect(await partitionNames(db, 'logs')).toHaveLength(4)
  })

  test('does nothing to a table whose layout was not applied', async () => {
    expect(await run([plays])).toEqual({ did: '', details: { made: [] }, warnings: [] })
    await applyTables(db, [logs])
    expect((await run([plays])).did).toBe('')
    expect(await partitionNames(db, 'plays')).toEqual([])
  })

  test('one table that fails does not stop the others, and is told', async () => {
    await applyTables(db, [plays, logs])
    const [, second = ''] = await partitionNames(db, 'plays')
    await db.query(sql.raw(`drop table ${second}; create table ${second} (mine int)`))
    const other = openDb({ url: database.url })
    await other.withSession(async (session) => {
      const outcome = await run([plays, { ...logs, ahead: 2 }])
      expect(outcome).toMatchObject({
        did: '1 partition made',
        warnings: [expect.stringContaining(`the name "${second}"`)],
      })
      await session.query(sql`begin; lock table plays in share row exclusive mode`)
      const locked = await run([
        { ...plays, names: 'p_{period}' },
        { ...logs, ahead: 3 },
      ])
      expect(locked).toMatchObject({
        did: '1 partition made',
        warnings: ['table public.plays: its lock was not to be had; the next run tries again'],
      })
      await session.query(sql`rollback`)
    })
    await other.close()
  })

  test('steps back from a table that somebody else is at', async () => {
    await applyTables(db, [plays])
    const { rows } = await db.query<{ oid: number }>(sql`select 'plays'::regclass::oid as oid`)
    const [classId, objectId] = tableLockKey(rows[0]?.oid ?? 0)
    const other = openDb({ url: database.url })
    await other.withSession(async (session) => {
      await session.query(sql`select pg_advisory_lock(${classId}::int4, ${objectId}::int4)`)
      expect(await run([{ ...plays, ahead: 2 }])).toMatchObject({ did: '' })
      await session.query(sql`select pg_advisory_unlock_all()`)
    })
    await other.close()
    expect(await run([{ ...plays, ahead: 2 }])).toMatchObject({ did: '1 partition made' })
  })

  test('and an apply at once: each leaves to the other what that made first', async () => {
    const at = new Date()
    await applyTables(db, [plays, logs])
    const grown = [
      { ...plays, ahead: 4 },
      { ...logs, ahead: 3 },
    ]
    const contribute = async (session: Session): Promise<Contribution[]> => [
      await contributePartitions(session, { tables: grown, readBound: undefined, at }),
    ]
    let ranJob = false
    const report = await applyPlan({
      db,
      contribute: async (session) => {
        const planned = await contribute(session)
        // Between the plan and its first step.
        if (!ranJob) expect(await run([{ ...plays, ahead: 3 }])).toMatchObject({ did: '2 partitions made' })
        ranJob = true
        return planned
      },
      ladder,
      waitMs: 5_000,
      clock: systemClock,
      random: () => 0.5,
    })
    expect(report.applied.map(({ title }) => title.replace(/:.*/, ''))).toEqual([
      'Make 1 partition of table public.plays',
      'Note how table public.plays is laid out',
      'Make 2 partitions of table public.logs',
      'Note how table public.logs is laid out',
    ])
    expect(await partitionNames(db, 'plays')).toHaveLength(5)
    expect((await db.query(sql`select from pgstrata.plan_step where state <> 'done'`)).rows).toEqual([])
  })

  test('that meets a partition being made under another name, and so by its bounds, leaves it', async () => {
    await applyTables(db, [plays])
    let meddled = false
    const confirm = async (): Promise<void> => {
      if (meddled) return
      meddled = true
      const { rows } = await db.query<{ upper: string }>(sql`
        select max(substring(pg_get_expr(relpartbound, oid) from 'TO [(]''(.*)''[)]')) as upper
        from pg_class
        where relname like 'plays_2%'`)
      const upper = rows[0]?.upper ?? ''
      await db.query(
        sql.raw(
          `create table theirs partition of plays for values from ('${upper}') to (timestamptz '${upper}' + interval '3 days')`,
        ),
      )
    }
    const outcome = await run([{ ...plays, ahead: 2 }], { confirm })
    expect(outcome).toMatchObject({ did: '', warnings: [] })
    expect((await run([{ ...plays, ahead: 2 }])).did).toBe('1 partition made')
  })

  test('whose lease is lost makes nothing more', async () => {
    await applyTables(db, [plays])
    let left = 2
    const confirm = (_tx: Queryable): Promise<void> =>
      left-- > 0 ? Promise.resolve() : Promise.reject(new StrataError('LEASE_LOST', { message: 'lost' }))
    await expect(run([{ ...plays, ahead: 9 }], { confirm })).rejects.toMatchObject({ code: 'LEASE_LOST' })
    expect(await partitionNames(db, 'plays')).toHaveLength(4)
  })

  test('whose connection is lost ends: the next table would only lose it, too', async () => {
    await applyTables(db, [plays, logs])
    let confirmed = 0
    const confirm = async (tx: Queryable): Promise<void> => {
      confirmed++
      await tx.query(sql`select pg_terminate_backend(pg_backend_pid())`)
    }
    const grown = [plays, logs].map((table) => ({ ...table, ahead: 3 }))
    await expect(run(grown, { confirm })).rejects.toMatchObject({ code: '57P01' })
    expect(confirmed).toBe(1)
  })

  test('that is stopped half-way tells what it had made', async () => {
    await applyTables(db, [plays])
    const other = openDb({ url: database.url })
    await other.withSession(async (session) => {
      let confirmed = 0
      const confirm = async (): Promise<void> => {
        if (++confirmed === 2) await session.query(sql`begin; lock table plays in access exclusive mode`)
      }
      const outcome = await run([{ ...plays, ahead: 3 }], { confirm })
      expect(outcome).toMatchObject({
        did: '1 partition made',
        warnings: ['table public.plays: its lock was not to be had; the next run tries again'],
      })
      await session.query(sql`rollback`)
    })
    await other.close()
  })

  test('does not take a template that fails for a partition that somebody else made', async () => {
    await db.query(
      sql.raw(
        `create function day_of(timestamptz) returns date immutable language plpgsql as $$ begin return ($1 at time zone 'UTC')::date; end $$`,
      ),
    )
    const plain = { unique: false, method: 'btree', where: undefined, include: [], with: {} }
    const indexed = { ...plays, indexes: [{ name: 'by_day', on: 'day_of(at)', ...plain }] }
    await applyTables(db, [indexed])
    await db.query(sql`alter function day_of stable`)
    // 42P17, which is also what is said where the bounds of two partitions overlap.
    const outcome = await run([{ ...indexed, ahead: 3 }])
    expect(outcome).toMatchObject({ did: '', warnings: [expect.stringContaining('IMMUTABLE')] })
  })

  test('is not ended by the timeouts of an application', async () => {
    await applyTables(db, [plays])
    const impatient = openDb({ url: `${database.url}?options=${encodeURIComponent('-c statement_timeout=10min')}` })
    const timeouts: unknown[] = []
    const confirm = async (tx: Queryable): Promise<void> =>
      void timeouts.push(...(await tx.query(sql`show statement_timeout`)).rows)
    expect(await run([{ ...plays, ahead: 2 }], { db: impatient, confirm })).toMatchObject({ did: '1 partition made' })
    expect(timeouts).toEqual([{ statement_timeout: '0' }])
    await impatient.close()
  })

  test('that is asked to end does so between two partitions', async () => {
    await applyTables(db, [plays])
    const controller = new AbortController()
    const confirm = (): Promise<void> => Promise.resolve(controller.abort())
    await expect(run([{ ...plays, ahead: 9 }], { confirm, signal: controller.signal })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    })
    expect(await partitionNames(db, 'plays')).toHaveLength(3)
  })

  test('makes nothing where the limit would be passed', async () => {
    await applyTables(db, [plays])
    const outcome = await run([{ ...plays, from: '1500-01-01' }])
    expect(outcome).toMatchObject({ did: '', warnings: [expect.stringContaining('more than 4,000 partitions')] })
  })
})
