// Statements about telemetry. Each says from when on it looks, so that months before that are left out.

import type { Statement } from './statement.ts'

export const eventColumns = 'event_id, created_at, session_id, address, kind, payload'

/** Of everybody, since $1, the newest first; $2 how many. */
export const newestEvents: Statement = {
  name: 'newest_events',
  text: `
    select ${eventColumns}
    from telemetry_events
    where created_at >= $1
    order by created_at desc
    limit $2`,
}

/** Of session $1, since $2, in order; $3 how many. */
export const eventsOfSession: Statement = {
  name: 'events_of_session',
  text: `
    select ${eventColumns}
    from telemetry_events
    where session_id = $1
      and created_at >= $2
    order by created_at
    limit $3`,
}

/** Of wallet $1, since $2, the newest first; $3 how many. */
export const eventsOfWallet: Statement = {
  name: 'events_of_wallet',
  text: `
    select ${eventColumns}
    from telemetry_events
    where address = $1
      and created_at >= $2
    order by created_at desc
    limit $3`,
}

/** Of kind $1, since $2, the newest first; $3 how many. */
export const eventsOfKind: Statement = {
  name: 'events_of_kind',
  text: `
    select ${eventColumns}
    from telemetry_events
    where kind = $1
      and created_at >= $2
    order by created_at desc
    limit $3`,
}

/** Whose payload contains $1, such as {"code": "ICE_FAILED"}, since $2; $3 how many. */
export const eventsContaining: Statement = {
  name: 'events_containing',
  text: `
    select ${eventColumns}
    from telemetry_events
    where payload @> $1::jsonb
      and created_at >= $2
    order by created_at desc
    limit $3`,
}

/** That have all of the tags $1 in their payload, since $2; $3 how many. */
export const eventsTagged: Statement = {
  name: 'events_tagged',
  text: `
    select ${eventColumns}
    from telemetry_events
    where payload -> 'tags' ?& $1::text[]
      and created_at >= $2
    order by created_at desc
    limit $3`,
}
