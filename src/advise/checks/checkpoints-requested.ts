// Checkpoints that the amount of WAL forced, before their time.

import { onlyRow } from '../../db/db.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, gravityOf } from './tools/define.ts'

export const checkpointsRequested: Check = defineCheck({
  name: 'checkpoints-requested',
  category: 'wal',
  question: 'Does the amount of WAL force checkpoints?',
  why: 'After each checkpoint every page is written into the WAL whole at its first change: too many of them make more WAL, and so more of them.',
  threshold: 'warn from 20 %, critical from 80 % of at least 20 checkpoints',
  mends: 'doubles max_wal_size',
  penalty: { note: 0.1, warn: 0.3, critical: 0.6 },
  limits: { warn: 0.2, critical: 0.8, least: 20 },
  find: async ({ on, facts, limits }) => {
    const row = onlyRow(
      await on.query<{ timed: number; requested: number; since: string | null; mostMb: number }>(sql`
        ${counters(facts.major)}`),
    )
    const all = row.timed + row.requested
    const requestedRatio = row.requested / Math.max(1, all)
    const gravity = all < limits.least ? undefined : gravityOf(requestedRatio, limits)
    if (gravity === undefined) return []
    return [
      {
        gravity,
        subject: 'max_wal_size',
        what: `${Math.round(requestedRatio * 100)} % of checkpoints came before their time`,
        evidence: {
          requested: row.requested,
          timed: row.timed,
          requestedRatio,
          maxWalSizeBytes: row.mostMb * 1_048_576,
          since: row.since,
        },
        fix: [`alter system set max_wal_size = '${row.mostMb * 2}MB'`, 'select pg_reload_conf()'],
        undo: ['alter system reset max_wal_size', 'select pg_reload_conf()'],
        advice: 'The disk of the WAL must have room for it; recovery after a crash takes longer in proportion.',
      },
    ]
  },
})

function counters(major: number): Sql {
  const mostMb = sql`(select setting::float8 from pg_settings where name = 'max_wal_size') as "mostMb"`
  return major < 17
    ? sql`
        select checkpoints_timed::float8 as timed, checkpoints_req::float8 as requested, stats_reset::text as since, ${mostMb}
        from pg_stat_bgwriter`
    : sql`
        select num_timed::float8 as timed, num_requested::float8 as requested, stats_reset::text as since, ${mostMb}
        from pg_stat_checkpointer`
}
