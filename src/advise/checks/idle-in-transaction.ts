// Sessions that have a transaction open and do nothing in it, by how long.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach, gravityOf } from './tools/define.ts'
import { withoutSight } from './tools/sessions.ts'

interface Idle {
  readonly pid: number
  readonly role: string
  readonly application: string
  readonly idleSeconds: number
  readonly transactionSeconds: number
}

export const idleInTransaction: Check = defineCheck({
  name: 'idle-in-transaction',
  category: 'connections',
  of: 'each',
  question: 'Does a session keep a transaction open and do nothing in it?',
  why: 'Its locks stay, its connection is lost to others, and vacuum clears nothing that it could still see.',
  threshold: 'warn from 300 s, critical from 900 s',
  mends: 'ends the session',
  limits: { warn: 300, critical: 900, least: 0 },
  unavailable: withoutSight,
  find: ({ on, limits }) =>
    findEach<Idle>(
      on,
      sql`
        select pid, coalesce(usename::text, '?') as role, application_name as application,
          extract(epoch from clock_timestamp() - state_change)::float8 as "idleSeconds",
          extract(epoch from clock_timestamp() - xact_start)::float8 as "transactionSeconds"
        from pg_stat_activity
        where state in ('idle in transaction', 'idle in transaction (aborted)')
          and datname = current_database()
          and extract(epoch from clock_timestamp() - state_change) >= ${limits.warn}::float8
        order by state_change`,
      ({ pid, role, application, idleSeconds, transactionSeconds }) => ({
        gravity: gravityOf(idleSeconds, limits) ?? 'warn',
        subject: `session ${pid}`,
        what: `Session ${pid} of role ${role} has been idle in a transaction for ${Math.round(idleSeconds)} s`,
        evidence: { pid, role, application, idleSeconds, transactionSeconds },
        fix: [`select pg_terminate_backend(${pid})`],
        advice:
          'Commit before waiting for anything outside; idle_in_transaction_session_timeout ends such sessions by itself.',
      }),
    ),
})
