// The shape that all rules have. A rule looks at one answer of a node, and at what is known of it from before, and says one of three
// things: found, with evidence; clear, which ends what it found before; or that it cannot tell.
//
// | rule            | what it finds                                          | effect on payouts                         |
// |-----------------|--------------------------------------------------------|-------------------------------------------|
// | contradiction   | poll and spot check cannot both be true                | the probe counts as failed; may suspend   |
// | replay          | an answer that was given before                        | the probe counts as failed; may suspend   |
// | impossible      | numbers or times that cannot be                        | the probe counts as failed; may suspend   |
// | stale-heartbeat | polls are answered, but nothing carries the stream     | polls count until it is suspended         |
// | crowded-address | more nodes at one address than allowed                 | none: a person looks at it                |
//
// A failed poll earns nothing, a failed spot check takes a share of what the others earned. A suspended node earns nothing at all.

import type { NodeStats, SegmentAnswer } from '../response.ts'
import type { ProberSettings } from '../settings.ts'

export const ruleNames = ['contradiction', 'stale-heartbeat', 'replay', 'impossible', 'crowded-address'] as const
export type RuleName = (typeof ruleNames)[number]

/** Numbers, and words of our own: never text that a node chose. */
export type Evidence = Readonly<Record<string, string | number | boolean>>

export interface PolledAnswer {
  readonly type: 'stats_poll'
  readonly nodeId: string
  /** When it was asked. */
  readonly atMs: number
  readonly stats: NodeStats
  /** Of the answer's bytes. */
  readonly digest: string
}

export interface CheckedAnswer {
  readonly type: 'spot_check'
  readonly nodeId: string
  readonly atMs: number
  readonly answer: SegmentAnswer
  /** Whether the nonce is the one that was sent, and the digest the right one. */
  readonly isOurs: boolean
  readonly isContent: boolean
}

export type Answered = PolledAnswer | CheckedAnswer

/** The last answers of a node that count: a poll that was not refused by a rule, a spot check with our nonce. */
export interface Known {
  readonly poll: PolledAnswer | undefined
  readonly check: CheckedAnswer | undefined
}

export type Verdict =
  | { readonly state: 'found'; readonly message: string; readonly evidence: Evidence }
  | { readonly state: 'clear' }
  | { readonly state: 'unknown' }

export interface Rule {
  readonly name: RuleName
  /** Whether a probe that it finds is kept as a failed one. */
  readonly fails: boolean
  readonly judge: (answered: Answered, known: Known, settings: ProberSettings) => Verdict
}

export const clear: Verdict = { state: 'clear' }
export const unknown: Verdict = { state: 'unknown' }

export function found(message: string, evidence: Evidence): Verdict {
  return { state: 'found', message, evidence }
}
