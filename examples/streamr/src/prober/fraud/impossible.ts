// Numbers that no honest node can give: below nothing, from the future, of another node, or more bytes than a line carries in the time.

import { clear, found, type Evidence, type Known, type PolledAnswer, type Rule, type Verdict } from './rule.ts'
import type { FraudSettings } from '../settings.ts'
import { isSameRun } from './same-run.ts'

export const impossible: Rule = {
  name: 'impossible',
  fails: true,
  judge: (answered, known, { fraud }) => {
    const counts = answered.type === 'stats_poll' ? answered.stats : answered.answer
    const { viewers, bytesSent, uptimeS } = counts
    if (viewers < 0 || bytesSent < 0 || uptimeS < 0) return because('a count below 0', { viewers, bytesSent, uptimeS })
    if (!Number.isSafeInteger(viewers) || !Number.isSafeInteger(bytesSent))
      return because('a count that is no whole number', { viewers, bytesSent })
    // Since its start; a second more, for times are rounded.
    if (bytesSent > (uptimeS + 1) * fraud.maxBytesPerSecond)
      return because('more bytes than time allows', { bytesSent, uptimeS })
    return answered.type === 'stats_poll' ? judgePoll(answered, known, fraud) : clear
  },
}

function judgePoll({ nodeId, atMs, stats }: PolledAnswer, { poll: last }: Known, fraud: FraudSettings): Verdict {
  if (stats.nodeId !== nodeId) return because('the answer of another node', {})
  const aheadMs = Math.max(stats.timestampMs, stats.heartbeatMs) - atMs
  if (aheadMs > fraud.clockSkewMs) return because('a time in the future', { aheadMs })
  if (stats.sequence < 1 || !Number.isSafeInteger(stats.sequence))
    return because('a sequence that is no number of an answer', { sequence: stats.sequence })
  if (last === undefined) return clear
  const bytes = stats.bytesSent - last.stats.bytesSent
  const seconds = (stats.timestampMs - last.stats.timestampMs) / 1_000 + 1
  if (bytes > Math.max(0, seconds) * fraud.maxBytesPerSecond)
    return because('more bytes than time allows', { bytes, seconds })
  return bytes < 0 && isSameRun(stats, last.stats) ? because('bytes that were sent before are gone', { bytes }) : clear
}

function because(why: string, evidence: Evidence): Verdict {
  return found(why, { why, ...evidence })
}
