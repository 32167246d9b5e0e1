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
}

/** Where the server sets it no bound, so much WAL is too much. */
const muchBytes = 1_073_741_824

export const inactiveSlot: Check = defineCheck({
  name: 'inactive-slot',
  category: 'replication',
  question: 'Is there a replication slot that nobody reads?',
  why: 'The server keeps all WAL since, until the disk is full or max_slot_wal_keep_size is reached, and holds back vacuum.',
  threshold: 'warn; critical where it keeps more than 1 GB, or is lost',
  mends: 'drops it (only where its consumer is gone for good)',
  limits: { warn: 0, critical: muchBytes, least: 0 },
  find: ({ on, limits }) =>
    findEach<Inactive>(
      on,
      sql`
        select slot_name::text as slot, slot_type as type, wal_status as status,
          pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 as "retainedBytes"
        from pg_replication_slots
        where not active
          and not temporary
          -- Without a position it keeps nothing: nobody has used it yet.
          and (restart_lsn is not null or wal_status = 'lost')
        order by "retainedBytes" desc nulls first`,
      ({ slot, type, retainedBytes, status }) => ({
        gravity: status === 'lost' || (retainedBytes ?? 0) >= limits.critical ? 'critical' : 'warn',
        subject: `slot ${slot}`,
        what: status === 'lost' ? `Slot ${slot} is lost: its consumer cannot go on` : `Nobody reads slot ${slot}`,
        evidence: { type, retainedBytes, status },
        fix: [`select pg_drop_replication_slot(${quoteLiteral(slot)})`],
        advice: 'If its consumer is only down, start it again instead: without the slot it has to begin anew.',
      }),
    ),
})
