// The distribution's PostgreSQL 15 with pg_cron in place of the daemon: the schedule of the original design, as it stands there, refreshes
// the materialized six. Debian's version knows no seconds, and an hour is long: the job runs at a restart of the server.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDb } from '../../../src/db/pg-db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { startDebianPostgres, type DebianPostgres } from '../../support/debian-postgres.ts'
import { skipped } from '../../support/versions.ts'
import { waitUntil } from '../../support/wait.ts'
import { deployOn } from './filled.ts'

describe.skipIf(skipped.has('pg_cron'))('pg_cron of Debian', () => {
  let server: DebianPostgres

  beforeAll(async () => {
    server = await startDebianPostgres({
      shared_preload_libraries: 'pg_cron',
      'cron.database_name': 'postgres',
      'cron.host': '127.0.0.1',
      max_locks_per_transaction: '256',
    })
    const strata = await deployOn(server.url)
    await strata.close()
  }, 120_000)
  afterAll(async () => {
    await server.stop()
  })

  async function ask<Row>(text: string): Promise<readonly Row[]> {
    const db = openDb({ url: server.url })
    try {
      return (await db.query<Row & Record<string, unknown>>(sql.raw(text))).rows
    } finally {
      await db.close()
    }
  }

  test('refreshes all of them by the schedule of the original design', async () => {
    await ask('create extension pg_cron')
    await ask(`insert into artists (artist_address, artist_name) values ('0x1', 'Hypha')`)
    expect(await ask('select count(*)::int as artists from materialized.artist_analytics')).toEqual([{ artists: 0 }])
    const [job] = await ask<{ id: string }>(`
      SELECT cron.schedule(
        'refresh-materialized-views',
        '0 * * * *',  -- Every hour
        'SELECT refresh_all_materialized_views();'
      ) as id`)
    await ask(`update cron.job set schedule = '@reboot' where jobid = ${job?.id ?? 'null'}`)
    await server.restart()
    const [run] = await waitUntil(
      async () => {
        const runs = await ask<{ status: string; message: string | null }>(
          'select status, return_message as message from cron.job_run_details where end_time is not null',
        )
        return runs.length > 0 && runs
      },
      { what: 'a run of pg_cron', timeoutMs: 60_000 },
    )
    expect(run?.status, run?.message ?? '').toBe('succeeded')
    expect(await ask('select count(*)::int as artists from materialized.artist_analytics')).toEqual([{ artists: 1 }])
    expect(await ask('select total_artists::int as artists from materialized.platform_stats')).toEqual([{ artists: 1 }])
    const [fresh] = await ask<{ views: number }>(
      `select count(*)::int as views from pgstrata.view_freshness where last_error is null and refreshed_how is not null`,
    )
    expect(fresh).toEqual({ views: 6 })
  }, 120_000)
})
