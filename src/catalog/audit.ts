// Who asked to do what over HTTP, and what came of it: pgstrata.audit.
//
// Promises: a call is written down, and committed, before it is carried out, so what cannot be written down is not done. A row
// whose outcome is still 'begun' is of a call that is under way, or of a process that ended. Rows older than 90 days go, up
// to a hundred with each call, so there is no more to clear than was written.

import { onlyRow, type Queryable } from '../db/db.ts'
import { sql } from '../sql/sql.ts'

export interface AuditedCall {
  /** The name of the token, never the token. */
  readonly actor: string
  readonly address: string | undefined
  /** 'POST /database/optimize' */
  readonly action: string
  /** What of the call tells it from others; no values of a statement. */
  readonly details: Readonly<Record<string, unknown>>
}

export interface Audit {
  begin(call: AuditedCall): Promise<string>
  end(id: string, outcome: string): Promise<void>
}

const mostForgotten = 100

export function createAudit(on: Queryable): Audit {
  return {
    begin: async ({ actor, address, action, details }) => {
      const written = await on.query<{ id: string }>(sql`
        with forgotten as (
          delete from pgstrata.audit
          where id in (
            select id from pgstrata.audit
            where at < now() - interval '90 days'
            order by at
            limit ${mostForgotten}
            for update skip locked
          )
        )
        insert into pgstrata.audit (actor, address, action, outcome, details)
        values (${actor}, ${address ?? null}, ${action}, 'begun', ${JSON.stringify(details)}::jsonb)
        returning id::text`)
      return onlyRow(written).id
    },
    end: async (id, outcome) => {
      await on.query(sql`update pgstrata.audit set outcome = ${outcome} where id = ${id}::bigint`)
    },
  }
}
