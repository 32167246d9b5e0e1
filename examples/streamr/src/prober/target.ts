// A node as the prober goes about it, and what it remembers of it. Whoever takes over reads that from the results of the one before
// (roster.ts), so it may be lost at any moment.

import type { CheckedAnswer, PolledAnswer, RuleName } from './fraud/rule.ts'

export interface Target {
  readonly nodeId: string
  readonly streamId: string
  readonly statsUrl: string
  readonly site: string | null
}

export interface Memory {
  /** When it was asked last, whatever came of it. */
  polledMs: number | undefined
  checkedMs: number | undefined
  /** The last answers that count: fraud/rule.ts. */
  poll: PolledAnswer | undefined
  check: CheckedAnswer | undefined
  /** What was found and is not over. */
  readonly open: Set<RuleName>
}

export function createMemory(): Memory {
  return { polledMs: undefined, checkedMs: undefined, poll: undefined, check: undefined, open: new Set() }
}
