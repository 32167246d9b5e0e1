// Whether the WAL reaches its archive.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach, gravityOf } from './tools/define.ts'

interface Failing {
  readonly failingSeconds: number
  readonly failures: number
  readonly lastFailed: string
  readonly lastArchived: string | null
  readonly segment: string
}

export const archiveFailures: Check = defineCheck({
  name: 'archive-failures',
  category: 'wal',
  question: 'Does the WAL reach its archive?',
  why: 'What is not archived is kept until the disk is full, and a backup cannot be restored beyond the last segment that came through.',
  threshold: 'warn at once, critical when it has failed for 300 s',
  mends: 'advice',
  limits: { warn: 0, critical: 300, least: 0 },
  find: ({ on, limits }) =>
    findEach<Failing>(
      on,
      sql`
        select extract(epoch from clock_timestamp() - coalesce(last_archived_time, stats_reset, last_failed_time))::float8 as "failingSeconds",
          failed_count::float8 as failures, last_failed_time::text as "lastFailed", last_archived_time::text as "lastArchived",
          last_failed_wal as segment
        from pg_stat_archiver
        where current_setting('archive_mode') <> 'off'
          and last_failed_time is not null
          and last_failed_time > coalesce(last_archived_time, '-infinity')`,
      ({ segment, ...row }) => ({
        gravity: gravityOf(row.failingSeconds, limits) ?? 'warn',
        subject: 'archive_command',
        what: `Segment ${segment} of the WAL does not reach the archive`,
        evidence: { segment, ...row },
        advice: 'The log of the server has what archive_command (or archive_library) said.',
      }),
    ),
})
