// The distribution's PostgreSQL with its own pg_cron, which replaces the daemon: jobs as people schedule them by hand, run by
// pg_cron itself, through a connection of its own and through background workers. Debian's version knows no seconds, and a
// minute is long: the jobs run at a restart of the server, as '@reboot'.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { quoteIdent } from '../../src/sql/quote.ts'
import { sql } from '../../src/sql/sql.ts'
import { startDebianPostgres, type DebianPostgres } from '../support/debian-postgres.ts'
import { skipped } from '../support/versions.ts'
import { waitUntil } from '../support/wait.ts'
import { declareTable, install, installRoutines, keepFor, layOut, partitionsOf, retiredOf } from './life-support.ts'

describe.skipIf(skipped.has('pg_cron')).each(['off', 'on'])('pg_cron of Debian (background workers: %s)', (workers) => {
  let server: DebianPostgres
  let db: Db

  beforeAll(async () => {
    server = await startDebianPostgres({
      shared_preload_libraries: 'pg_cron',
      'cron.database_name': 'postgres',
      'cron.host': '127.0.0.1',
      'cron.use_background_workers': workers,
      max_worker_processes: '20',
    })
    db = openDb({ url: server.url })
    await db.query(sql`create extension pg_cron`)
    await install(db)
    await installRoutines(db, 'public')
  }, 60_000)
  afterAll(async () => {
    await db.close()
    await server.stop()
  })

  async function createTable(table: string): Promise<void> {
    await db.query(
      sql.raw(
        `create table ${quoteIdent(table)} (id int not null, played_at timestamptz not null) partition by range (played_at)`,
      ),
    )
  }

  async function schedule(text: string): Promise<string> {
    const { rows } = await db.query<{ id: string }>(sql.raw(text))
    return rows[0]?.id ?? ''
  }

  /** As scheduled, but now. */
  async function runNow(job: string): Promise<void> {
    await db.query(sql`update cron.job set schedule = '@reboot' where jobid = ${job}`)
    await db.close()
    await server.restart()
    db = openDb({ url: server.url })
    const run = await waitUntil(
      async () =>
        (
          await db.query<{ status: string; message: string | null }>(
            sql`select status, return_message as message from cron.job_run_details where jobid = ${job} and end_time is not null`,
          )
        ).rows[0],
      { what: 'a run of pg_cron', timeoutMs: 60_000 },
    )
    expect(run.status, run.message ?? '').toBe('succeeded')
    await db.query(sql`select cron.unschedule(${job}::bigint)`)
  }

  test('the schedule of the first of the month is taken, and what it runs makes the partitions', async () => {
    await createTable('TokenPrice')
    await layOut(db, declareTable({ table: 'TokenPrice', ahead: 6 }))
    const job = await schedule(
      `select cron.schedule('create-partitions', '0 0 1 * *', 'SELECT create_monthly_partitions();') as id`,
    )
    expect(await partitionsOf(db, 'TokenPrice')).toEqual([])
    await runNow(job)
    expect(await partitionsOf(db, 'TokenPrice')).toHaveLength(7)
  }, 90_000)

  test('call pgstrata.maintain() commits as it goes, makes what is missing and takes out what is over', async () => {
    await createTable('plays')
    await db.query(
      sql.raw(`create table plays_2020_01 partition of plays for values from ('2020-01-01') to ('2020-02-01');
      create table plays_2020_02 partition of plays for values from ('2020-02-01') to ('2020-03-01')`),
    )
    await layOut(db, declareTable({ ahead: 1, retain: keepFor('1 year', { grace: '0' }) }))
    const job = await schedule(`select cron.schedule('pgstrata', '*/5 * * * *', 'call pgstrata.maintain()') as id`)
    await runNow(job)
    const partitions = await partitionsOf(db)
    expect(partitions.filter((name) => name.startsWith('plays_2020'))).toEqual([])
    expect(partitions.length).toBeGreaterThan(2)
    expect(await retiredOf(db)).toEqual(['plays_2020_01 detached', 'plays_2020_02 detached'])
  }, 90_000)
})
