// A session for structural work: the settings it needs, and the same state again between two scripts, so that no
// script sees what an earlier one SET. (DISCARD ALL would drop the advisory lock we work under.)

import type { Session } from '../db/db.ts'
import { sql } from '../sql/sql.ts'

/**
 * client_connection_check_interval: a backend whose client died stops within a second instead of at its end.
 * The timeouts are those of an application's role, and would kill an index build.
 */
const settings = [
  `set statement_timeout = 0`,
  `set idle_in_transaction_session_timeout = 0`,
  `set idle_session_timeout = 0`,
  // From PostgreSQL 17 on.
  `select set_config('transaction_timeout', '0', false) where current_setting('server_version_num')::int >= 170000`,
].join('; ')

/**
 * The same for one transaction of a session that is not ours alone: what waits for files, or moves them, is not a statement of the
 * application. It takes a snapshot.
 */
export const unhurried: string = [
  `set local statement_timeout = 0`,
  `set local idle_in_transaction_session_timeout = 0`,
  `select set_config('transaction_timeout', '0', true) where current_setting('server_version_num')::int >= 170000`,
].join('; ')

/** Where the server's system cannot tell (15 on macOS, Windows), a backend ends when its statement does. */
const checkInterval = `set client_connection_check_interval = '1s'`
const checking = new WeakSet<Session>()

export async function prepareSession(session: Session): Promise<void> {
  await session.query(sql.raw(settings))
  await session.query(sql.raw(checkInterval)).then(
    () => checking.add(session),
    () => undefined,
  )
}

/** Text that puts the session back to what `prepareSession` made of it: to be sent behind a commit. */
export function resetText(session: Session): string {
  const again = checking.has(session) ? `${settings}; ${checkInterval}` : settings
  return `reset session authorization; reset role; reset all; discard temp; ${again}`
}

/**
 * A script may SET ROLE; its progress is written as whoever we are when nobody SETs anything (`default` honours ALTER
 * ROLE … SET role). SET LOCAL gives way to the script's own SET again.
 */
export const asOurselves: string = 'set local session authorization default; set local role to default; '
