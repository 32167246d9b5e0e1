// Replication slots that nobody reads.

import { quoteLiteral } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'

interface Inactive {
  readonly slot: string
  readonly type: string
  readonly retainedBytes: number | null
  readonly status: string | null
  /** Since when nobody reads it; null before 17, which does not say. */
  readonly idleHours: number | null
}

/** Where the server sets it no bound, so much WAL is too much. */
const muchBytes = 1_073_741_824

export const inactiveSlot: Check = defineCheck({
  name: 'inactive-slot',
  category: 'replication',
  question: 'Is there a replication slot that nobody reads?',
  why: 'The server keeps all WAL since, until the disk is full or max_slot_wal_keep_size is reached, and holds back vacuum.',
  threshold: 'warn; critical where it keeps more than 1 GB, or is lost',
  mends: 'drops it where it is lost, or nobody has read it for 7 days (from 17 on the server says so); else advice',
  limits: { warn: 0, critical: muchBytes, least: 0, leastHours: 7 * 24 },
  find: ({ on, facts, limits }) =>
    findEach<Inactive>(
      on,
      sql`
        select slot_name::text as slot, slot_type as type, wal_status as status,
          pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 as "retainedBytes",
          ${facts.major < 17 ? sql`null::float8` : sql`(extract(epoch from clock_timestamp() - inactive_since) / 3600)::float8`} as "idleHours"
        from pg_replication_slots
        where not active
          and not temporary
          -- Without a position it keeps nothing: nobody has used it yet.
          and (restart_lsn is not null or wal_status = 'lost')
        order by "retainedBytes" desc nulls first`,
      ({ slot, type, retainedBytes, status, idleHours }) => ({
        gravity: status === 'lost' || (retainedBytes ?? 0) >= limits.critical ? 'critical' : 'warn',
        subject: `slot ${slot}`,
        what: status === 'lost' ? `Slot ${slot} is lost: its consumer cannot go on` : `Nobody reads slot ${slot}`,
        evidence: { type, retainedBytes, status, idleHours },
        ...(status === 'lost' || (idleHours !== null && idleHours >= (limits.leastHours ?? 0))
          ? {
              fix: [`select pg_drop_replication_slot(${quoteLiteral(slot)})`],
              advice: 'If its consumer is only down, start it again instead: without the slot it has to begin anew.',
            }
          : {
              advice: `Start its consumer again: without the slot it would have to begin anew. Only if it is gone for good: select pg_drop_replication_slot(${quoteLiteral(slot)})`,
            }),
      }),
    ),
})
