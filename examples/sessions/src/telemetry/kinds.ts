// What clients may tell of. A word that is none of these is refused, so a mistake of a client fills no table.

export const kinds = [
  'page_view',
  'sign_in',
  'match_asked',
  'match_found',
  'session_opened',
  'session_closed',
  'message_sent',
  'message_delivered',
  'latency',
  'error',
] as const

export type TelemetryKind = (typeof kinds)[number]
