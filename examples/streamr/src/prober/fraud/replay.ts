// An answer that was given before, by this node or to somebody else: the bytes of the last poll, a time or a sequence that does not
// go on, a nonce that was not ours.

import { isSameRun } from './same-run.ts'
import { clear, found, type CheckedAnswer, type Known, type PolledAnswer, type Rule, type Verdict } from './rule.ts'

export const replay: Rule = {
  name: 'replay',
  fails: true,
  judge: (answered, known, { fraud }) =>
    answered.type === 'stats_poll' ? judgePoll(answered, known, fraud.clockSkewMs) : judgeCheck(answered),
}

function judgeCheck({ isOurs }: CheckedAnswer): Verdict {
  return isOurs ? clear : found('a spot check answered with a nonce that was not asked', { sign: 'nonce' })
}

function judgePoll({ atMs, stats, digest }: PolledAnswer, { poll: last }: Known, clockSkewMs: number): Verdict {
  const message = 'a poll answered with an earlier answer'
  if (last !== undefined && last.digest === digest) return found(message, { sign: 'digest', digest })
  if (last !== undefined && stats.timestampMs <= last.stats.timestampMs)
    return found(message, { sign: 'timestamp', backMs: last.stats.timestampMs - stats.timestampMs })
  if (last !== undefined && isSameRun(stats, last.stats) && stats.sequence <= last.stats.sequence)
    return found(message, { sign: 'sequence', sequence: stats.sequence, lastSequence: last.stats.sequence })
  if (atMs - stats.timestampMs > clockSkewMs)
    return found(message, { sign: 'age', ageMs: atMs - stats.timestampMs, clockSkewMs })
  return clear
}
