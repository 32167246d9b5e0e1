// The part of a node that answers polls is alive, the part that carries the stream is not, or has not been for long.

import { clear, found, unknown, type Rule } from './rule.ts'

export const staleHeartbeat: Rule = {
  name: 'stale-heartbeat',
  fails: false,
  judge: (answered, _known, { staleAfterMs }) => {
    if (answered.type !== 'stats_poll') return unknown
    const ageMs = answered.atMs - answered.stats.heartbeatMs
    return ageMs > staleAfterMs
      ? found('answers polls, but its last heartbeat is long ago', { heartbeatAgeMs: ageMs, staleAfterMs })
      : clear
  },
}
