// Judges candidates by statistics: what the scan they would replace costs in the plan, against what theirs would. Pure.

import { listNodes, type Plan, type PlanNode } from '../plan/node.ts'
import type { Candidate } from './candidate.ts'
import { estimateScanCost, type CostSettings } from './cost.ts'
import type { Confidence } from './suggestion.ts'
import type { TableWants } from './wants.ts'

export interface Judged {
  readonly candidate: Candidate
  /** Which of the branches of an OR; 0 where there is one. */
  readonly branch: number
  readonly costBefore: number
  readonly costAfter: number
  readonly confidence: Confidence
  /** Where the planner's own is known. */
  readonly sizeBytes: number | undefined
}

/** The scan must become so much cheaper, */
const scanGain = 0.5
/** and the whole statement by so much. */
export const wholeGain = 0.1

export interface StatisticsTools {
  readonly groups: readonly (readonly Candidate[])[]
  readonly plan: Plan
  readonly costs: CostSettings
  readonly limitRowsOf: (of: TableWants) => number | undefined
}

export function judgeByStatistics(tools: StatisticsTools): readonly Judged[] {
  return tools.groups.flatMap((group) => judgeGroup(group, tools))
}

function judgeGroup(group: readonly Candidate[], { plan, costs, limitRowsOf }: StatisticsTools): readonly Judged[] {
  const [first] = group
  const scan = first === undefined ? undefined : scanOf(plan, first.of)
  if (first === undefined || scan === undefined) return []
  const costBefore = plan.root.cost.total
  const isWhole = first.isOrdered && first.of.level === 0
  const times = expectedLoops(plan.root, scan)
  const current = isWhole ? costBefore : scan.cost.total * times
  const others = isWhole ? otherTables(plan, scan) * costs.randomPage * 2 * (limitRowsOf(first.of) ?? 1) : 0
  const own = group.reduce(
    (sum, one) =>
      sum + estimateScanCost(one, costs, demandOf(one, { plan, scan, times, limitRows: limitRowsOf(one.of) })),
    0,
  )
  const cost = own + others
  if (cost > current * scanGain) return []
  const costAfter = Math.max(cost, costBefore - (current - cost))
  if (costBefore - costAfter < costBefore * wholeGain) return []
  const known = group.every(({ keys }) =>
    keys.every(({ key }) => key.columns.every((name) => hasStats(first.of, name))),
  )
  return group.map((candidate, branch) => ({
    candidate,
    branch,
    costBefore,
    costAfter,
    confidence: known ? 'estimated' : 'structural',
    sizeBytes: undefined,
  }))
}

function hasStats({ table }: TableWants, name: string): boolean {
  return table.columns.some((column) => column.name === name && column.stats !== undefined)
}

function demandOf(
  candidate: Candidate,
  { plan, scan, times, limitRows }: { plan: Plan; scan: PlanNode; times: number; limitRows: number | undefined },
): { times: number; fraction: number } {
  if (candidate.joins !== undefined) {
    return { times: drivingRows(candidate.joins, plan, scan) ?? candidate.of.table.rows ?? 1, fraction: 1 }
  }
  if (!candidate.isOrdered) return { times, fraction: 1 }
  const wanted = candidate.of.extreme === undefined ? (limitRows ?? scan.planRows * 0.1) : 1
  return { times, fraction: Math.min(1, wanted / Math.max(1, scan.planRows)) }
}

/** The dearest node that reads the table under that alias; of a partitioned one, what puts its parts together. */
function scanOf(
  plan: Plan,
  { alias, table }: { readonly alias: string; readonly table: TableWants['table'] | undefined },
): PlanNode | undefined {
  const nodes = listNodes(plan.root)
  const own = nodes.filter(
    (node) =>
      node.alias === alias && (table === undefined || node.relation === table.name) && node.type !== 'ModifyTable',
  )
  const parts = new RegExp(`^${alias.replaceAll(/[^\w]/g, String.raw`\$&`)}_\\d+$`)
  const appended = nodes.filter(
    ({ type, children }) => type.endsWith('Append') && children.some((child) => parts.test(child.alias ?? '')),
  )
  const found = [...own, ...(table?.isPartitioned === false ? [] : appended)]
  return found.toSorted((left, right) => right.cost.total - left.cost.total)[0]
}

function otherTables(plan: Plan, scan: PlanNode): number {
  return new Set(
    listNodes(plan.root).flatMap(({ alias }) => (alias === undefined || alias === scan.alias ? [] : [alias])),
  ).size
}

/** Of the other table, or of all that the scan is joined with, whichever is less: those it would be looked up for. */
function drivingRows(alias: string, plan: Plan, scan: PlanNode): number | undefined {
  const path = pathTo(plan.root, scan) ?? []
  const join = path.findLast(({ type }) => type === 'Nested Loop' || type.endsWith('Join'))
  const sibling = join?.children.find((child) => !path.includes(child) && child.relationship !== 'SubPlan')
  const partner = scanOf(plan, { alias, table: undefined })
  const rows = [sibling?.planRows, partner?.planRows].filter((one) => one !== undefined)
  return rows.length === 0 ? undefined : Math.max(1, Math.min(...rows))
}

/** How often the planner expects a node to run: once for each row of what drives it. */
function expectedLoops(root: PlanNode, node: PlanNode): number {
  const path = pathTo(root, node) ?? []
  return path.slice(1).reduce((loops, below, index) => {
    const above = path[index] as PlanNode
    if (below.relationship === 'SubPlan') return loops * Math.max(1, above.planRows)
    const isInner = above.type === 'Nested Loop' && above.children[1] === below
    // What is kept for the next time is read once.
    return isInner && below.type !== 'Materialize' ? loops * Math.max(1, above.children[0]?.planRows ?? 1) : loops
  }, 1)
}

function pathTo(from: PlanNode, node: PlanNode): readonly PlanNode[] | undefined {
  if (from === node) return [from]
  for (const child of from.children) {
    const path = pathTo(child, node)
    if (path !== undefined) return [from, ...path]
  }
  return undefined
}
