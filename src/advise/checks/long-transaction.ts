// Transactions that have been at work for long. Those that do nothing are idle-in-transaction's.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach, gravityOf } from './tools/define.ts'

interface Long {
  readonly pid: number
  readonly role: string
  readonly application: string
  readonly seconds: number
  readonly waitsFor: string | null
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
  find: ({ on, limits }) =>
    findEach<Long>(
      on,
      sql`
        select pid, coalesce(usename::text, '?') as role, application_name as application,
          extract(epoch from clock_timestamp() - xact_start)::float8 as seconds,
          wait_event_type || ': ' || wait_event as "waitsFor"
        from pg_stat_activity
        where backend_type = 'client backend'
          and state = 'active'
          and pid <> pg_backend_pid()
          and extract(epoch from clock_timestamp() - xact_start) >= ${limits.warn}::float8
        order by xact_start`,
      ({ pid, role, application, seconds, waitsFor }) => ({
        gravity: gravityOf(seconds, limits) ?? 'warn',
        subject: `session ${pid}`,
        what: `Session ${pid} of role ${role} has been in one transaction for ${Math.round(seconds)} s`,
        evidence: { pid, role, application, seconds, waitsFor },
        fix: [`select pg_cancel_backend(${pid})`],
        advice: 'Do large work in batches that commit; statement_timeout and (from 17) transaction_timeout bound it.',
      }),
    ),
})
