// Statements by which events come in.

import type { Statement } from './statement.ts'

/** $1 ids, $2 times, $3 sessions, $4 kinds, $5 payloads, of wallet $6. An event that is there already stays as it is. */
export const insertEvents: Statement = {
  name: 'insert_events',
  text: `
    insert into telemetry_events (event_id, created_at, session_id, address, kind, payload)
    select event_id, created_at, session_id, $6::text, kind, payload
    from unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $4::text[], $5::jsonb[])
      as given (event_id, created_at, session_id, kind, payload)
    order by event_id, created_at
    on conflict do nothing`,
}

/** Of sessions $1, those in which wallet $2 takes part. */
export const sessionsWith: Statement = {
  name: 'sessions_with',
  text: `
    select session_id
    from sessions
    where session_id = any ($1::bigint[])
      and $2 in (a_addr, b_addr)`,
}
