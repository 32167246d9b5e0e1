// A poll says what the node claims; a spot check what it can show. Where the claim is much more than what is shown, or the node has
// not even the stream, both cannot be true. Claiming less is nobody's harm.

import type { FraudSettings, ProberSettings } from '../settings.ts'
import { clear, found, unknown, type CheckedAnswer, type PolledAnswer, type Rule, type Verdict } from './rule.ts'

export const contradiction: Rule = {
  name: 'contradiction',
  fails: true,
  judge: (answered, known, settings) => {
    const poll = answered.type === 'stats_poll' ? answered : known.poll
    const check = answered.type === 'spot_check' ? answered : known.check
    if (poll === undefined || check === undefined || !check.isOurs) return unknown
    const apartMs = Math.abs(poll.atMs - check.atMs)
    return apartMs > settings.fraud.comparedWithinMs ? unknown : compare(poll, check, settings)
  },
}

function compare(poll: PolledAnswer, check: CheckedAnswer, settings: ProberSettings): Verdict {
  const { fraud } = settings
  const { stats } = poll
  const { answer } = check
  if (!check.isContent)
    return stats.viewers > 0
      ? found('claims viewers of a stream that it does not have', { claimedViewers: stats.viewers, content: false })
      : unknown
  if (isMuchMore(stats.viewers, answer.viewers, fraud))
    return found('claims more viewers than a spot check shows', {
      claimedViewers: stats.viewers,
      shownViewers: answer.viewers,
    })
  if (canCompareBytes(poll, check, settings) && isMuchMore(stats.bytesSent / 1e6, answer.bytesSent / 1e6, fraud))
    return found('claims more bytes than a spot check shows', {
      claimedBytes: stats.bytesSent,
      shownBytes: answer.bytesSent,
    })
  return clear
}

/** A later check of the same run shows at least what was counted before. Both were answered within `timeoutMs`. */
function canCompareBytes(poll: PolledAnswer, check: CheckedAnswer, { timeoutMs }: ProberSettings): boolean {
  const pollStartedMs = poll.atMs - poll.stats.uptimeS * 1_000
  const checkStartedMs = check.atMs - check.answer.uptimeS * 1_000
  return check.atMs >= poll.atMs && Math.abs(pollStartedMs - checkStartedMs) <= timeoutMs
}

function isMuchMore(claimed: number, shown: number, { claimFactor, claimSlack }: FraudSettings): boolean {
  return claimed > shown * claimFactor + claimSlack
}
