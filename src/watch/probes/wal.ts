// What is written to the log, checkpoints by why they were made, and whether the archive takes what it is given.

import { onlyRow } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { ServerProbe } from '../model/server-probe.ts'
import { available, counter } from './metrics.ts'

export const walProbe: ServerProbe = {
  name: 'wal',
  question: 'How much WAL is written, how often are checkpoints made and why, and does archiving fail?',
  everyMs: 60_000,
  limitMs: 1_000,
  of: 'primary',
  metrics: [
    counter('pgstrata_wal_bytes_total', 'Bytes of WAL written.'),
    counter('pgstrata_checkpoints_total', 'Checkpoints, by why: their time had come, or too much WAL was written.', {
      labels: ['kind'],
      most: 2,
    }),
    counter('pgstrata_archive_failures_total', 'Failed attempts to archive a segment.'),
  ],
  unavailable: available,
  read: async ({ on, facts: { major } }) => {
    // PostgreSQL 17 moved checkpoints out of the background writer's view.
    const checkpoints =
      major >= 17
        ? sql`select num_timed as timed, num_requested as requested, stats_reset from pg_stat_checkpointer`
        : sql`select checkpoints_timed as timed, checkpoints_req as requested, stats_reset from pg_stat_bgwriter`
    const answer = await on.query<Record<'wal' | 'timed' | 'requested' | 'failed', number> & { epoch: string }>(sql`
      select w.wal_bytes::float8 as wal, c.timed::float8, c.requested::float8, a.failed_count::float8 as failed,
        concat_ws(' ', pg_postmaster_start_time(), w.stats_reset, c.stats_reset, a.stats_reset) as epoch
      from pg_stat_wal w, (${checkpoints}) as c, pg_stat_archiver a`)
    const { wal, timed, requested, failed, epoch } = onlyRow(answer)
    return {
      epoch,
      points: [
        { metric: 'pgstrata_wal_bytes_total', labels: [], value: wal },
        { metric: 'pgstrata_checkpoints_total', labels: ['timed'], value: timed },
        { metric: 'pgstrata_checkpoints_total', labels: ['requested'], value: requested },
        { metric: 'pgstrata_archive_failures_total', labels: [], value: failed },
      ],
    }
  },
}
