// Live events: what cannot be subscribed to, and by whom.

import { environment, usage, type ErrorEntry } from './entry.ts'

export type LiveErrorCode = 'LIVE_TOPIC_INVALID' | 'LIVE_REFUSED' | 'LIVE_FULL' | 'LIVE_CLOSED'

export const liveErrors: Readonly<Record<LiveErrorCode, ErrorEntry>> = {
  LIVE_TOPIC_INVALID: {
    ...usage,
    title: 'There is no such topic of live events.',
    advice: 'Declare the table, its filters, the rollup or the list under `live`, and name them as they are declared.',
  },
  LIVE_REFUSED: {
    ...usage,
    status: 403,
    title: 'Somebody may not have the live events they asked for.',
    advice: 'It is what `authorize` answered.',
  },
  LIVE_FULL: {
    ...environment,
    status: 503,
    title: 'There are as many connections for live events as there may be.',
    advice: 'Raise `live.connections` or `live.connectionsPerAddress`, or run more processes.',
  },
  LIVE_CLOSED: {
    ...environment,
    status: 503,
    title: 'Live events are not served any more.',
    advice: 'Stop the server before what it serves.',
  },
}
