// The plan for any values is far from the one for these.

import { count, type InsightRule } from '../insight.ts'

const factorAtLeast = 10
const costAtLeast = 100

export const genericPlan: InsightRule = {
  name: 'generic-plan',
  summary: 'The plan for any values is far more expensive than the one for these',
  speaks: 'a generic plan that costs at least 100, and 10 times as much as the plan for the values given',
  why: 'A statement that is prepared by name may go over to its generic plan after five runs: the sixth is then suddenly slow.',
  needsRun: false,
  look: ({ costs, plan }) => {
    if (costs === undefined || costs.generic < costAtLeast || costs.generic < costs.custom * factorAtLeast) return []
    return [
      {
        node: plan.root,
        subject: 'prepared statement',
        what: `Planned without its values it costs ${count(costs.generic)}, with them ${count(costs.custom)}`,
        advice:
          'Do not prepare this statement by name, or set plan_cache_mode to force_custom_plan for it. Values that are always the same belong into its text.',
        fix: ["set local plan_cache_mode = 'force_custom_plan'"],
        saves: 0,
      },
    ]
  },
}
