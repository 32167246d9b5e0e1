// The promotions that were followed, and what each of them means for a token of before: whether the history that it speaks of
// is still part of the cluster's.
// Invariant: 'kept' is only said where every step from the token's timeline to today's is known to begin behind it.

import { formatLsn, type Lsn } from '../../lsn.ts'
import type { Token } from '../../token.ts'

export interface TimelineChange {
  readonly from: number
  readonly to: number
  /** Commits up to here are in the new timeline; undefined where the new primary no longer knows. */
  readonly survivedUpTo: string | undefined
  /** The node that takes writes now. */
  readonly node: string
}

export interface TokenVerdict {
  /** 'doubtful': it may lie on a timeline that was left behind. */
  readonly verdict: 'kept' | 'doubtful'
  readonly why: string
}

interface Switch {
  readonly from: number
  readonly to: number
  readonly survivedUpTo: Lsn | undefined
}

const maxSwitches = 64

export class TimelineHistory {
  readonly #switches: Switch[] = []

  note(change: Switch): void {
    this.#switches.push(change)
    if (this.#switches.length > maxSwitches) this.#switches.shift()
  }

  verdictOf(token: Token, timeline: number | undefined): TokenVerdict {
    if (timeline === undefined) return { verdict: 'doubtful', why: 'no server has answered yet' }
    if (token.timeline === timeline) return { verdict: 'kept', why: 'it is of the current timeline' }
    let reached = token.timeline
    for (const { from, to, survivedUpTo } of this.#switches) {
      if (to <= reached) continue
      if (from > reached || survivedUpTo === undefined) break
      if (token.lsn > survivedUpTo) {
        return { verdict: 'doubtful', why: `timeline ${to} began at ${formatLsn(survivedUpTo)}, before it` }
      }
      reached = to
    }
    return reached === timeline
      ? { verdict: 'kept', why: 'the timelines since then began after it' }
      : { verdict: 'doubtful', why: `where timeline ${timeline} began is not known` }
  }
}
