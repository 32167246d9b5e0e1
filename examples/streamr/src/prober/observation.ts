// What a prober has to write down about a node: at most one result, a heartbeat, what rules found and what is over.

import type { ProbeType } from '../database.ts'
import type { Found } from './fraud/judge.ts'
import type { RuleName } from './fraud/rule.ts'

interface ProbeResult {
  readonly type: ProbeType
  readonly success: boolean
  /** As JSON: numbers and digests, never text that a node chose. */
  readonly data: string | null
  readonly error: string | null
}

export interface Observation {
  readonly streamId: string
  readonly nodeId: string
  readonly atMs: number
  readonly result: ProbeResult | undefined
  readonly heartbeat: { readonly atMs: number; readonly isFresh: boolean } | undefined
  readonly found: readonly Found[]
  readonly cleared: readonly RuleName[]
}
