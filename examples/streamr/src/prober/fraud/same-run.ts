// Whether a node was started anew between two of its answers: then what it counts begins at 0 again.

import type { NodeStats } from '../response.ts'

/** Nodes may tell whole seconds. */
const roundedMs = 1_000

export function isSameRun(one: NodeStats, other: NodeStats): boolean {
  const startedMs = ({ timestampMs, uptimeS }: NodeStats): number => timestampMs - uptimeS * 1_000
  return Math.abs(startedMs(one) - startedMs(other)) <= roundedMs
}
