// Who keeps vacuum from clearing what is dead: sessions, replication slots, prepared transactions, and replicas that say what
// they still read. The horizon is the oldest of them; each is said by itself, because each is mended in its own way.

import { quoteLiteral } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach, gravityOf } from './tools/define.ts'
import { withoutSight } from './tools/sessions.ts'

interface Holder {
  readonly kind: 'session' | 'slot' | 'prepared transaction' | 'replica'
  readonly name: string
  readonly pid: number | null
  readonly transactions: number
  readonly detail: string
}

export const xminHorizon: Check = defineCheck({
  name: 'xmin-horizon',
  category: 'vacuum',
  question: 'Does somebody keep vacuum from clearing dead rows?',
  why: 'What was deleted or updated since stays in every table of the server, however often it is vacuumed.',
  threshold: 'warn from 1,000,000, critical from 100,000,000 transactions',
  mends: 'ends the session, rolls back the prepared transaction; advice for slots and replicas',
  limits: { warn: 1_000_000, critical: 100_000_000, least: 0 },
  unavailable: withoutSight,
  find: ({ on, limits }) =>
    findEach<Holder>(
      on,
      sql`
        with holder as (
          select 'session' as kind, pid::text as name, pid,
            greatest(age(backend_xmin), age(backend_xid)) as transactions, coalesce(state, '?') as detail
          from pg_stat_activity
          where backend_type = 'client backend'
            and pid <> pg_backend_pid()
            -- VACUUM has a horizon that holds nobody back.
            and pid not in (select v.pid from pg_stat_progress_vacuum v)
          union all
          select 'slot', slot_name::text, active_pid, greatest(age(xmin), age(catalog_xmin)), slot_type
          from pg_replication_slots
          union all
          select 'prepared transaction', gid, null, age(transaction), database::text
          from pg_prepared_xacts
          union all
          select 'replica', application_name, pid, age(backend_xmin), coalesce(state, '?')
          from pg_stat_replication
        )
        select kind, name, pid, transactions::float8 as transactions, detail
        from holder
        where transactions >= ${limits.warn}::float8
        order by transactions desc`,
      ({ kind, name, pid, transactions, detail }) => ({
        gravity: gravityOf(transactions, limits) ?? 'warn',
        subject: `${kind} ${name}`,
        what: `${kind} ${name} holds back vacuum by ${transactions.toLocaleString('en-US')} transactions`,
        evidence: { kind, transactions, detail },
        ...remedyOf(kind, name, pid),
      }),
    ),
})

function remedyOf(kind: Holder['kind'], name: string, pid: number | null): { fix?: string[]; advice?: string } {
  if (kind === 'session')
    return {
      fix: [`select pg_terminate_backend(${pid ?? 0})`],
      advice: 'See first what it is: a dump, or a schema change, has to begin anew then.',
    }
  if (kind === 'prepared transaction')
    return {
      fix: [`rollback prepared ${quoteLiteral(name)}`],
      advice: 'Ask its coordinator first: if the other side committed, it must be committed here too.',
    }
  if (kind === 'slot')
    return {
      advice: `Let its consumer catch up. If there is none any more: select pg_drop_replication_slot(${quoteLiteral(name)})`,
    }
  return {
    advice:
      'A long read there holds it (hot_standby_feedback): end it on the replica, or switch the feedback off for it.',
  }
}
