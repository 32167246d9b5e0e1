// The rules over one answer, in their order. An answer that a rule refuses says nothing more: the rules after it are not asked.

import type { ProberSettings } from '../settings.ts'
import { contradiction } from './contradiction.ts'
import { impossible } from './impossible.ts'
import { replay } from './replay.ts'
import { staleHeartbeat } from './stale-heartbeat.ts'
import type { Answered, Evidence, Known, Rule, RuleName } from './rule.ts'

const probeRules: readonly Rule[] = [impossible, replay, contradiction, staleHeartbeat]

export interface Found {
  readonly rule: RuleName
  readonly evidence: Evidence
}

export interface Judgement {
  /** Why the probe counts as failed; undefined: no rule says that it does. */
  readonly failure: string | undefined
  readonly found: readonly Found[]
  readonly cleared: readonly RuleName[]
}

export function judge(answered: Answered, known: Known, settings: ProberSettings): Judgement {
  const found: Found[] = []
  const cleared: RuleName[] = []
  for (const { name, fails, judge } of probeRules) {
    const verdict = judge(answered, known, settings)
    if (verdict.state === 'clear') cleared.push(name)
    if (verdict.state !== 'found') continue
    found.push({ rule: name, evidence: verdict.evidence })
    if (fails) return { failure: `${name}: ${verdict.message}`, found, cleared }
  }
  return { failure: undefined, found, cleared }
}
