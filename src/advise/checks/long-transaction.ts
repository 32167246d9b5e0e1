// Transactions that have been at work for long. Those that do nothing are idle-in-transaction's.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach, gravityOf } from './tools/define.ts'
import { withoutSight } from './tools/sessions.ts'

interface Long {
  readonly pid: number
  readonly role: string
  readonly application: string
  readonly seconds: number
  readonly waitsFor: string | null
  /** Long by nature, and lost if it is cancelled. */
  readonly command: string | null
}

export const longTransaction: Check = defineCheck({
  name: 'long-transaction',
  category: 'connections',
  of: 'each',
  question: 'Has a transaction been running for long?',
  why: 'Vacuum clears nothing that it could still see, in any table, and schema changes wait behind it.',
  threshold: 'warn from 600 s, critical from 1,800 s',
  mends: 'cancels what it runs',
  limits: { warn: 600, critical: 1_800, least: 0 },
  unavailable: withoutSight,
  find: ({ on, limits }) =>
    findEach<Long>(
      on,
      sql`
        select pid, coalesce(usename::text, '?') as role, application_name as application,
          extract(epoch from clock_timestamp() - xact_start)::float8 as seconds,
          wait_event_type || ': ' || wait_event as "waitsFor",
          coalesce(
            (select p.command from pg_stat_progress_create_index p where p.pid = a.pid limit 1),
            (select p.command from pg_stat_progress_cluster p where p.pid = a.pid limit 1),
            (select p.command from pg_stat_progress_copy p where p.pid = a.pid limit 1)
          ) as command
        from pg_stat_activity a
        where backend_type = 'client backend'
          and state = 'active'
          and pid <> pg_backend_pid()
          -- VACUUM keeps nobody else's from clearing anything.
          and pid not in (select v.pid from pg_stat_progress_vacuum v)
          and extract(epoch from clock_timestamp() - xact_start) >= ${limits.warn}::float8
        order by xact_start`,
      ({ pid, role, application, seconds, waitsFor, command }) => ({
        gravity: gravityOf(seconds, limits) ?? 'warn',
        subject: `session ${pid}`,
        what: `Session ${pid} of role ${role} has been in one transaction for ${Math.round(seconds)} s`,
        evidence: { pid, role, application, seconds, waitsFor, command },
        ...(command === null
          ? {
              fix: [`select pg_cancel_backend(${pid})`],
              advice:
                'Do large work in batches that commit; statement_timeout and (from 17) transaction_timeout bound it.',
            }
          : {
              advice: `It is a ${command}: let it come to its end if that can be borne. What it has done is lost if it is cancelled.`,
            }),
      }),
    ),
})
