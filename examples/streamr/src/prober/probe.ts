// What both kinds of probe need.

import type { Clock } from 'pgstrata'
import type { Fetcher } from './fetcher.ts'
import type { Observation } from './observation.ts'
import type { ProberSettings } from './settings.ts'
import type { Memory, Target } from './target.ts'
import type { ProbeType } from '../database.ts'

export interface ProbeCall {
  readonly target: Target
  readonly memory: Memory
  readonly settings: ProberSettings
  readonly fetcher: Fetcher
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** A probe that brought no answer to judge. */
export function failed({ target }: ProbeCall, probe: { type: ProbeType; atMs: number; error: string }): Observation {
  const { streamId, nodeId } = target
  const { type, atMs, error } = probe
  const result = { type, success: false, data: null, error }
  return { streamId, nodeId, atMs, result, heartbeat: undefined, found: [], cleared: [] }
}

/** Clears what is open, so that the database is not asked to end what never began; keeps what is open now. */
export function noteRules(memory: Memory, judged: Pick<Observation, 'found' | 'cleared'>): Observation['cleared'] {
  const cleared = judged.cleared.filter((rule) => memory.open.delete(rule))
  for (const { rule } of judged.found) memory.open.add(rule)
  return cleared
}
