// Everything the rules have to say of a plan, the most that could be saved first. Promises: no rule speaks of a plan that is too
// small to matter, none more than a few times; a rule that needs a run is silent without one.

import { describeNode, type PlanNode } from '../plan/node.ts'
import type { Found, Given, Insight, InsightRule } from './insight.ts'
import { insightRules } from './rules/index.ts'

/** Below both of them nothing is said: a plan of ten pages is as good as any. */
const leastCost = 10
const leastBlocks = 10

/** Of one rule; the largest are kept. */
const mostOfRule = 5

export function findInsights(given: Given, rules: readonly InsightRule[] = insightRules): readonly Insight[] {
  if (isSmall(given)) return []
  return rules
    .filter(({ needsRun }) => given.plan.isAnalyzed || !needsRun)
    .flatMap((rule) =>
      rule
        .look(given)
        .map((found) => toInsight(rule, found, given))
        .toSorted((left, right) => right.share - left.share)
        .slice(0, mostOfRule),
    )
    .toSorted((left, right) => right.share - left.share)
}

function isSmall({ plan: { root, planningMs = 0 }, costs }: Given): boolean {
  const blocks = root.buffers === undefined ? 0 : root.buffers.total.hit + root.buffers.total.read
  return Math.max(root.cost.total, costs?.generic ?? 0) < leastCost && blocks < leastBlocks && planningMs < leastCost
}

function toInsight({ name, why }: InsightRule, found: Found, { plan }: Given): Insight {
  const { node, what, advice, fix = [], undo = [] } = found
  const savesMs = plan.isAnalyzed ? (found.savesMs ?? savedMs(node, found.saves)) : undefined
  const wholeMs = (plan.executionMs ?? plan.root.actual?.totalMs ?? 0) + (plan.planningMs ?? 0)
  const costShare = node === undefined ? 0 : (node.cost.self * (found.saves ?? 0)) / Math.max(plan.root.cost.total, 1)
  const share = savesMs === undefined ? costShare : savesMs / Math.max(wholeMs, 0.001)
  return {
    rule: name,
    node: node?.id,
    subject: found.subject ?? (node === undefined ? 'plan' : describeNode(node)),
    what,
    why,
    advice,
    fix,
    undo,
    savesMs,
    share: Math.min(1, Math.max(0, share)),
  }
}

function savedMs(node: PlanNode | undefined, saves: number | undefined): number | undefined {
  const selfMs = node?.actual?.selfMs
  return selfMs === undefined || saves === undefined ? undefined : selfMs * saves
}
