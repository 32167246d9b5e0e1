// To plan took longer than to run.

import { count, milliseconds, type InsightRule } from '../insight.ts'

const atLeastMs = 10
const manyScans = 50

export const planningTime: InsightRule = {
  name: 'planning-time',
  summary: 'To plan takes longer than to run',
  speaks: 'planning that took at least 10 ms, and longer than the run',
  why: 'A statement that is prepared is planned once, or a few times; and each partition that cannot be ruled out is planned for.',
  needsRun: true,
  look: ({ plan, nodes }) => {
    const { planningMs, executionMs } = plan
    if (planningMs === undefined || executionMs === undefined) return []
    if (planningMs < atLeastMs || planningMs <= executionMs) return []
    const scans = nodes.filter(({ relation }) => relation !== undefined).length
    return [
      {
        subject: 'planning',
        what: `Planning took ${milliseconds(planningMs)}, the run ${milliseconds(executionMs)}; ${count(scans)} tables or partitions are scanned`,
        advice:
          scans >= manyScans
            ? 'Ask for the partition key as a constant or a parameter, so that other partitions are ruled out first; larger partitions are fewer.'
            : 'Prepare the statement (a name, or `prepare` of the pool): planning is then done once. A catalog that is bloated or cold makes it slow as well.',
        savesMs: planningMs,
      },
    ]
  },
}
