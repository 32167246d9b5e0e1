// VACUUM that nobody waits for: slowed down as autovacuum is, passing over what is locked, and without truncating, which takes
// ACCESS EXCLUSIVE. Needs a connection to the server itself: settings of a session are lost behind a pooler.

import type { Session } from '../../db/db.ts'
import { prepareSession } from '../../plan/index.ts'
import { sql } from '../../sql/sql.ts'

export async function vacuumGently(
  session: Session,
  { schema, name }: { readonly schema: string; readonly name: string },
  { freeze }: { readonly freeze: boolean },
): Promise<void> {
  await prepareSession(session)
  await session.query(sql.raw(`set vacuum_cost_delay = '2ms'; set vacuum_cost_limit = 400`))
  const how = sql.raw(freeze ? 'freeze, skip_locked, truncate false' : 'skip_locked, truncate false')
  await session.query(sql`vacuum (${how}) ${sql.ident(schema, name)}`)
}
