// How much WAL slots keep, against the bound that the server sets them.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach, gravityOf } from './tools/define.ts'

interface Kept {
  readonly slot: string
  readonly active: boolean
  readonly retainedBytes: number
  readonly boundBytes: number | null
  readonly usedRatio: number
}

/** In place of a bound, where max_slot_wal_keep_size is -1. */
const supposedBytes = 21_474_836_480

export const slotRetention: Check = defineCheck({
  name: 'slot-retention',
  category: 'replication',
  question: 'Do replication slots keep much WAL?',
  why: 'Past max_slot_wal_keep_size the slot is lost, and its consumer has to begin anew; without a bound the disk fills up.',
  threshold: 'warn from 50 %, critical from 80 % of max_slot_wal_keep_size (of 20 GB, where that is unlimited)',
  mends: 'advice',
  limits: { warn: 0.5, critical: 0.8, least: 0 },
  find: ({ on, limits }) =>
    findEach<Kept>(
      on,
      sql`
        with bound as (
          select nullif(setting::float8, -1) * 1048576 as bytes
          from pg_settings
          where name = 'max_slot_wal_keep_size'
        ), kept as (
          select slot_name::text as slot, active, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 as "retainedBytes",
            b.bytes as "boundBytes"
          from pg_replication_slots
          cross join bound b
          where restart_lsn is not null
        )
        select kept.*, "retainedBytes" / greatest(coalesce("boundBytes", ${supposedBytes}::float8), 1) as "usedRatio"
        from kept
        where "retainedBytes" / greatest(coalesce("boundBytes", ${supposedBytes}::float8), 1) >= ${limits.warn}::float8
        order by "usedRatio" desc`,
      ({ slot, active, retainedBytes, boundBytes, usedRatio }) => ({
        gravity: gravityOf(usedRatio, limits) ?? 'warn',
        subject: `slot ${slot}`,
        what: `Slot ${slot} keeps ${Math.round(usedRatio * 100)} % of the WAL it may`,
        evidence: { active, retainedBytes, boundBytes, usedRatio },
        advice: active
          ? 'Its consumer reads more slowly than is written: see what it waits for.'
          : 'Start its consumer, or drop the slot if there is none any more (inactive-slot).',
      }),
    ),
})
