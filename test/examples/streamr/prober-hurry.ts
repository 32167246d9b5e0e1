// Probers that are killed are in a hurry: five polls a second of each node.

import type { ProberChoice } from '../../../examples/streamr/src/prober/index.ts'

export const hurried: ProberChoice = {
  pollEveryMs: 200,
  spotEveryMs: 400,
  spotShare: 0.5,
  lookEveryMs: 20,
  timeoutMs: 500,
  leaseMs: 1_500,
}
