// The shared table of locks, which has a fixed number of places.

import { onlyRow } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, gravityOf } from './tools/define.ts'

export const lockPool: Check = defineCheck({
  name: 'lock-pool',
  category: 'connections',
  of: 'each',
  question: 'Is the table of locks filling up?',
  why: 'Where it is full, statements fail with "out of shared memory", first those that touch many partitions.',
  threshold: 'warn from 50 %, critical from 80 % of its places',
  mends: 'doubles max_locks_per_transaction (a restart)',
  limits: { warn: 0.5, critical: 0.8, least: 0 },
  find: async ({ on, limits }) => {
    const row = onlyRow(
      await on.query<{ held: number; places: number; each: number }>(sql`
        select (select count(*) from pg_locks where not fastpath and locktype <> 'virtualxid')::float8 as held,
          current_setting('max_locks_per_transaction')::float8 as each,
          (current_setting('max_connections')::float8 + current_setting('max_prepared_transactions')::float8)
            * current_setting('max_locks_per_transaction')::float8 as places`),
    )
    const usedRatio = row.held / row.places
    const gravity = gravityOf(usedRatio, limits)
    if (gravity === undefined) return []
    return [
      {
        gravity,
        subject: 'max_locks_per_transaction',
        what: `${row.held} of ${row.places} places for locks are taken`,
        evidence: { held: row.held, places: row.places, usedRatio },
        fix: [`alter system set max_locks_per_transaction = ${row.each * 2}`],
        undo: ['alter system reset max_locks_per_transaction'],
        advice: 'Restart the server afterwards, replicas first. Statements that prune partitions take fewer locks.',
      },
    ]
  },
})
