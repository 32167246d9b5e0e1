// How near the server is to refusing connections: those in use against max_connections less what is kept for superusers.

import { onlyRow } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, gravityOf } from './tools/define.ts'
import { withoutSight } from './tools/sessions.ts'

export const connectionsUsed: Check = defineCheck({
  name: 'connections-used',
  category: 'connections',
  of: 'each',
  question: 'Are connections running out?',
  why: 'At the limit every new connection is refused, those that would look into it included.',
  threshold: 'warn from 75 %, critical from 90 % of the connections that ordinary roles may have',
  mends: 'advice',
  limits: { warn: 0.75, critical: 0.9, least: 0 },
  unavailable: withoutSight,
  find: async ({ on, limits }) => {
    const row = onlyRow(
      await on.query<{ used: number; most: number; idle: number }>(sql`
        select count(*)::float8 as used,
          (count(*) filter (where state = 'idle'))::float8 as idle,
          current_setting('max_connections')::float8
            - current_setting('superuser_reserved_connections')::float8
            - coalesce(current_setting('reserved_connections', true), '0')::float8 as most
        from pg_stat_activity
        where backend_type = 'client backend'`),
    )
    const usedRatio = row.used / row.most
    const gravity = gravityOf(usedRatio, limits)
    if (gravity === undefined) return []
    return [
      {
        gravity,
        subject: 'max_connections',
        what: `${row.used} of ${row.most} connections are in use, ${row.idle} of them idle`,
        evidence: { used: row.used, most: row.most, idle: row.idle, usedRatio },
        advice:
          row.idle > row.used / 2
            ? 'Most of them do nothing: make the pools of the applications smaller, or put a pooler before the server.'
            : 'Find what holds them (`pgstrata doctor --why-slow`), then raise max_connections, which needs a restart.',
      },
    ]
  },
})
