// Triggers take the time, foreign keys among them.

import { count, milliseconds, percent, type InsightRule } from '../insight.ts'

const share = 0.1
const atLeastMs = 1

export const triggerTime: InsightRule = {
  name: 'trigger-time',
  summary: 'Triggers or foreign keys take a good part of the time',
  speaks: 'a trigger that took more than a tenth of the run, and at least 1 ms',
  why: 'A foreign key looks for the rows that refer to each deleted or updated one: without an index on their side, by reading all.',
  needsRun: true,
  look: ({ plan }) =>
    plan.triggers
      .filter(({ timeMs }) => timeMs >= atLeastMs && timeMs / Math.max(plan.executionMs ?? 0, atLeastMs) > share)
      .map(({ name, constraint, relation, timeMs, calls }) => ({
        subject: constraint === undefined ? `trigger ${name}` : `constraint ${constraint}`,
        what: `${constraint === undefined ? `Trigger ${name}` : `Foreign key ${constraint}`} of ${relation} took ${milliseconds(timeMs)} for ${count(calls)} calls (${percent(Math.min(1, timeMs / Math.max(plan.executionMs ?? 0, atLeastMs)))})`,
        advice:
          constraint === undefined
            ? 'Do in one statement trigger, with transition tables, what a row trigger does row by row.'
            : 'Make an index on the referring columns of the foreign key.',
        savesMs: timeMs,
      })),
}
