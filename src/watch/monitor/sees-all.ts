// Whether the role of the pool sees what the sessions of other roles do. Of those that it may not see the server shows a row
// without anything in it, so an empty answer would say that there is nothing.

import type { Ask } from '../../db/own-questions.ts'
import { sql } from '../../sql/sql.ts'

/** Undefined: it does. */
export async function whyNotAll(ask: Ask): Promise<string | undefined> {
  const [row] = await ask<{ readonly role: string; readonly sees: boolean }>(sql`
    select current_user::text as role, pg_has_role('pg_read_all_stats', 'usage') as sees`)
  if (row === undefined || row.sees) return undefined
  return `not available because role "${row.role}" may not see the sessions of others: grant pg_monitor to it`
}
