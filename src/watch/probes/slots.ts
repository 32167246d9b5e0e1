// What replication slots keep on the server: whoever does not come back lets its log grow until the disk is full, or the slot lost.

import { sql } from '../../sql/sql.ts'
import type { ServerProbe } from '../model/server-probe.ts'
import { available, gauge } from './metrics.ts'

const most = 20
const bySlot = { labels: ['slot'], most }

export const slotsProbe: ServerProbe = {
  name: 'slots',
  question: 'How much WAL do replication slots keep?',
  everyMs: 60_000,
  limitMs: 1_000,
  of: 'primary',
  metrics: [
    gauge('pgstrata_slot_retained_bytes', 'WAL that a slot keeps.', bySlot),
    gauge(
      'pgstrata_slot_retained_ratio',
      'The same as a share of max_slot_wal_keep_size, at which it is lost; only where that is set.',
      bySlot,
    ),
    gauge('pgstrata_slot_inactive', '1 where nobody uses the slot.', bySlot),
  ],
  unavailable: available,
  read: async ({ on }) => {
    const { rows } = await on.query<{ slot: string; kept: number; ratio: number | null; inactive: number }>(sql`
      select slot_name as slot, (not active)::int4::float8 as inactive,
        greatest(pg_current_wal_lsn() - restart_lsn, 0)::float8 as kept,
        case when m.bytes > 0 then greatest(pg_current_wal_lsn() - restart_lsn, 0)::float8 / m.bytes end as ratio
      from pg_replication_slots
      cross join (select setting::float8 * 1024 * 1024 as bytes from pg_settings where name = 'max_slot_wal_keep_size') as m
      where restart_lsn is not null
        and not temporary
      order by kept desc, slot
      limit ${most}`)
    return {
      points: rows.flatMap(({ slot, kept, ratio, inactive }) => [
        { metric: 'pgstrata_slot_retained_bytes', labels: [slot], value: kept },
        ...(ratio === null ? [] : [{ metric: 'pgstrata_slot_retained_ratio', labels: [slot], value: ratio }]),
        { metric: 'pgstrata_slot_inactive', labels: [slot], value: inactive },
      ]),
    }
  },
}
