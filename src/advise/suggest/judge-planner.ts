// Judges candidates by the planner, with hypothetical indexes: the best first, then the best beside it, until nothing gains. What the
// plan does not use is not suggested.

import type { Session } from '../../db/db.ts'
import { explainOn, type PlannerSettings } from '../plan/explain.ts'
import { listNodes, type Plan } from '../plan/node.ts'
import { readPlan } from '../plan/read-plan.ts'
import type { CheckedStatement } from '../plan/statement.ts'
import type { Candidate } from './candidate.ts'
import { withHypothetical } from './hypothetical.ts'
import { wholeGain, type Judged } from './judge-statistics.ts'

/** Plans made, at most: each costs what planning the statement costs. */
const mostPlans = 60
const mostRounds = 4

export interface PlannerTools {
  readonly statement: CheckedStatement
  readonly groups: readonly (readonly Candidate[])[]
  readonly plan: Plan
  /** Its schema. */
  readonly hypopg: string
  readonly session: Session
  readonly settings: PlannerSettings
}

export async function judgeByPlanner(tools: PlannerTools): Promise<readonly Judged[]> {
  const costBefore = tools.plan.root.cost.total
  let chosen: readonly Candidate[] = []
  let best: Tried | undefined
  let plans = 0
  for (let round = 0; round < mostRounds; round++) {
    const rest = tools.groups.filter((group) => !group.some((one) => chosen.includes(one)))
    let next: Tried | undefined
    for (const group of rest) {
      if (plans++ >= mostPlans) break
      const tried = await tryOut([...chosen, ...group], tools)
      // In it, each of them is used: a branch of an OR alone helps nobody.
      if (tried === undefined || !tried.used.every(Boolean)) continue
      if (next === undefined || tried.cost < next.cost) next = tried
    }
    const before = best?.cost ?? costBefore
    if (next === undefined || next.cost > before * (1 - wholeGain)) break
    best = next
    chosen = next.candidates
  }
  if (best === undefined) return []
  const { cost, candidates, sizes } = best
  return candidates.map((candidate, index) => ({
    candidate,
    branch: index,
    costBefore,
    costAfter: cost,
    confidence: 'verified',
    sizeBytes: sizes[index],
  }))
}

interface Tried {
  readonly candidates: readonly Candidate[]
  readonly cost: number
  readonly used: readonly boolean[]
  readonly sizes: readonly number[]
}

async function tryOut(
  candidates: readonly Candidate[],
  { statement, hypopg, session, settings }: PlannerTools,
): Promise<Tried | undefined> {
  return await withHypothetical(session, { schema: hypopg, candidates }, async (made) => {
    const { root } = readPlan((await explainOn(session, settings, statement, { analyze: false, format: 'json' }))[0])
    const indexes = new Set(listNodes(root).map(({ index }) => index))
    return {
      candidates,
      cost: root.cost.total,
      used: made.map(({ name }) => indexes.has(name)),
      sizes: made.map(({ sizeBytes }) => sizeBytes),
    }
  })
}
