// Checkpoints that the amount of WAL forced, before their time. What is proposed is what is written in a checkpoint_timeout, so
// it is the same when it is asked again.

import { onlyRow } from '../../db/db.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, gravityOf, type Draft } from './tools/define.ts'
import { inSentences, settingSql } from './tools/settings.ts'
import { readStored, storedHours, type Stored } from './tools/stored.ts'

interface Counted {
  readonly timed: number
  readonly requested: number
  readonly hours: number
  readonly since: string | null
  readonly walBytes: number
  readonly walHours: number
  readonly mostMb: number
  readonly timeoutSeconds: number
  readonly completion: number
}

const megabyte = 1_024 ** 2
/** Recovery after a crash reads up to that much. */
const ceilingBytes = 32 * 1_024 ** 3

export const checkpointsRequested: Check = defineCheck({
  name: 'checkpoints-requested',
  category: 'wal',
  question: 'Does the amount of WAL force checkpoints?',
  why: 'After each checkpoint every page is written into the WAL whole at its first change: too many of them make more WAL, and so more of them.',
  threshold: `warn from 20 %, critical from 80 % of at least 20 checkpoints, over the last ${storedHours} hours (stored by \`watch\`), else since the counters were reset, an hour at least`,
  mends: 'raises max_wal_size to the WAL of a checkpoint_timeout, at most to 32 GB',
  penalty: { note: 0.1, warn: 0.3, critical: 0.6 },
  limits: { warn: 0.2, critical: 0.8, least: 20, leastHours: 1 },
  find: async ({ on, facts, limits }) => {
    const row = onlyRow(await on.query<Counted>(counters(facts.major)))
    const stored = await readStored(on, facts.node, ['pgstrata_checkpoints_total', 'pgstrata_wal_bytes_total'])
    const { requested, timed, hours } = stored === undefined ? row : ofStored(stored)
    const requestedRatio = requested / Math.max(1, requested + timed)
    const isEnough = requested + timed >= limits.least && hours >= (limits.leastHours ?? 0)
    const gravity = isEnough ? gravityOf(requestedRatio, limits) : undefined
    if (gravity === undefined) return []
    const walBytesPerHour =
      stored === undefined
        ? row.walBytes / Math.max(row.walHours, 1 / 60)
        : stored.added('pgstrata_wal_bytes_total') / stored.hours
    const nowBytes = row.mostMb * megabyte
    const wantedBytes = maxWalSizeFor({ ...row, walBytesPerHour })
    const draft: Draft = {
      gravity,
      subject: 'max_wal_size',
      what: `${Math.round(requestedRatio * 100)} % of checkpoints came before their time`,
      evidence: {
        requested,
        timed,
        requestedRatio,
        hours,
        walBytesPerHour,
        maxWalSizeBytes: nowBytes,
        since: row.since,
      },
    }
    if (wantedBytes <= nowBytes)
      return [
        {
          ...draft,
          advice:
            nowBytes >= ceilingBytes
              ? 'max_wal_size is 32 GB or more already: see which statements write that much (pg_stat_statements.wal_bytes), and whether indexes or full pages make most of it.'
              : 'On average the WAL of a checkpoint_timeout fits into max_wal_size: it comes in bursts (bulk loads), or checkpoints are asked for (CHECKPOINT, base backups). log_checkpoints says which.',
        },
      ]
    const { fix, undo, hint } = await settingSql(on, { name: 'max_wal_size', value: `'${wantedBytes / megabyte}MB'` })
    const room = 'The disk of the WAL must have room for it; recovery after a crash takes longer in proportion.'
    return [{ ...draft, fix, undo, advice: inSentences(hint, room) }]
  },
})

/** A checkpoint begins once max_wal_size / (1 + checkpoint_completion_target) has been written; a quarter more for what is uneven. */
export function maxWalSizeFor(given: {
  readonly walBytesPerHour: number
  readonly timeoutSeconds: number
  readonly completion: number
}): number {
  const { walBytesPerHour, timeoutSeconds, completion } = given
  const ofTimeout = (walBytesPerHour / 3_600) * timeoutSeconds
  const step = 256 * megabyte
  return Math.min(Math.ceil((ofTimeout * (1 + completion) * 1.25) / step) * step, ceilingBytes)
}

function ofStored({ added, hours }: Stored): Pick<Counted, 'requested' | 'timed' | 'hours'> {
  return {
    requested: added('pgstrata_checkpoints_total', 'requested'),
    timed: added('pgstrata_checkpoints_total', 'timed'),
    hours,
  }
}

function counters(major: number): Sql {
  const asked =
    major < 17
      ? sql`select checkpoints_timed as timed, checkpoints_req as requested, stats_reset from pg_stat_bgwriter`
      : sql`select num_timed as timed, num_requested as requested, stats_reset from pg_stat_checkpointer`
  return sql`
    select c.timed::float8 as timed, c.requested::float8 as requested, c.stats_reset::text as since,
      (extract(epoch from clock_timestamp() - c.stats_reset) / 3600)::float8 as hours,
      w.wal_bytes::float8 as "walBytes", (extract(epoch from clock_timestamp() - w.stats_reset) / 3600)::float8 as "walHours",
      (select setting::float8 from pg_settings where name = 'max_wal_size') as "mostMb",
      (select setting::float8 from pg_settings where name = 'checkpoint_timeout') as "timeoutSeconds",
      current_setting('checkpoint_completion_target')::float8 as completion
    from (${asked}) c
    cross join pg_stat_wal w`
}
