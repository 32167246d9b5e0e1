// Compiling took longer than it could save.

import { count, milliseconds, percent, type InsightRule } from '../insight.ts'

const share = 0.1
const atLeastMs = 5

export const jit: InsightRule = {
  name: 'jit',
  summary: 'JIT compilation takes a good part of the time',
  speaks: 'JIT that took more than a tenth of the run, and at least 5 ms',
  why: 'It pays for statements of seconds. Its threshold is a cost, and costs that are wrong switch it on for short ones.',
  needsRun: true,
  look: ({ plan }) => {
    const { jit: used, executionMs } = plan
    if (used === undefined || executionMs === undefined || executionMs === 0) return []
    if (used.totalMs < atLeastMs || used.totalMs / executionMs <= share) return []
    return [
      {
        subject: 'JIT',
        what: `Compiling ${count(used.functions)} functions took ${milliseconds(used.totalMs)} of ${milliseconds(executionMs)} (${percent(used.totalMs / executionMs)})`,
        advice: 'Switch JIT off for this statement or role, or raise jit_above_cost.',
        fix: ['set local jit = off'],
        savesMs: used.totalMs,
      },
    ]
  },
}
