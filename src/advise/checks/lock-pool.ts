// The shared table of locks, which has a fixed number of places.

import { onlyRow } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, gravityOf, type Draft } from './tools/define.ts'
import { inSentences, settingSql } from './tools/settings.ts'

const ceiling = 4_096

export const lockPool: Check = defineCheck({
  name: 'lock-pool',
  category: 'connections',
  of: 'each',
  question: 'Is the table of locks filling up?',
  why: 'Where it is full, statements fail with "out of shared memory", first those that touch many partitions.',
  threshold: 'warn from 50 %, critical from 80 % of its places',
  mends: `raises max_locks_per_transaction so that a quarter would be taken, at most to ${ceiling} (a restart)`,
  limits: { warn: 0.5, critical: 0.8, least: 0 },
  find: async ({ on, limits }) => {
    const row = onlyRow(
      await on.query<{ held: number; places: number; each: number }>(sql`
        with held as (
          -- Who else holds or awaits the same lock takes no place of its own; predicate locks have a table for themselves.
          select distinct locktype, database, relation, page, tuple, virtualxid, transactionid, classid, objid, objsubid
          from pg_locks
          where not fastpath
            and locktype <> 'virtualxid'
            and mode <> 'SIReadLock'
        )
        select (select count(*) from held)::float8 as held, current_setting('max_locks_per_transaction')::float8 as each,
          (current_setting('max_connections')::float8 + current_setting('max_prepared_transactions')::float8)
            * current_setting('max_locks_per_transaction')::float8 as places`),
    )
    const usedRatio = row.held / row.places
    const gravity = gravityOf(usedRatio, limits)
    if (gravity === undefined) return []
    const draft: Draft = {
      gravity,
      subject: 'max_locks_per_transaction',
      what: `${row.held} of ${row.places} places for locks are taken`,
      evidence: { held: row.held, places: row.places, usedRatio },
    }
    const fewer = 'Statements that prune partitions take fewer locks.'
    const wanted = locksFor({ each: row.each, usedRatio })
    if (wanted <= row.each) return [{ ...draft, advice: fewer }]
    const change = { name: 'max_locks_per_transaction', value: String(wanted) }
    const { fix, undo, hint } = await settingSql(on, change)
    return [{ ...draft, fix, undo, advice: inSentences(hint, 'A standby needs at least as many, and first.', fewer) }]
  },
})

const wantedRatio = 0.25

export function locksFor({ each, usedRatio }: { readonly each: number; readonly usedRatio: number }): number {
  return Math.min(Math.ceil((each * usedRatio) / wantedRatio / 64) * 64, ceiling)
}
