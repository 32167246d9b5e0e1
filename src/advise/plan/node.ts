// A plan as a tree of our own: what EXPLAIN (FORMAT JSON) says of 15 to 18, in one shape. Rows, times and buffers are
// those of the whole run: EXPLAIN prints them by loop, and for workers together.
//
// Times are wall time: what several processes did side by side is divided by their number. `self` is a node without what
// it called: its children, the subplans in its conditions, and of a CTE the scan that made it run (not the node that carries
// its definition, as EXPLAIN draws it). Buffers are the server's own sums, the same way.

/** Blocks of 8 kB. */
export interface Buffers {
  readonly hit: number
  readonly read: number
  readonly dirtied: number
  readonly written: number
  readonly tempRead: number
  readonly tempWritten: number
  /** Where track_io_timing is on; 0 otherwise. */
  readonly ioMs: number
}

interface Actual {
  /** Over all loops and workers. */
  readonly rows: number
  /** As EXPLAIN counts them: over workers too. 0: it was never run. */
  readonly loops: number
  /** undefined: TIMING OFF. */
  readonly totalMs: number | undefined
  readonly selfMs: number | undefined
  /** Removed by each, over all loops. */
  readonly removed: { readonly filter: number; readonly joinFilter: number; readonly recheck: number }
}

export interface Spill {
  /** 'external merge', 'quicksort', … */
  readonly method: string
  readonly memoryBytes: number
  readonly diskBytes: number
}

export interface PlanNode {
  /** By which insights name it; 0 is the root, and they count as they are drawn. */
  readonly id: number
  readonly depth: number
  readonly type: string
  /** 'Outer', 'Inner', 'SubPlan', 'InitPlan', 'Member', 'Subquery'; undefined for the root. */
  readonly relationship: string | undefined
  readonly subplanName: string | undefined
  readonly schema: string | undefined
  readonly relation: string | undefined
  readonly alias: string | undefined
  readonly index: string | undefined
  readonly cte: string | undefined
  readonly functionName: string | undefined
  readonly joinType: string | undefined
  /** Of an Aggregate 'Hashed', 'Sorted', 'Plain'; of a ModifyTable what it does. */
  readonly strategy: string | undefined
  readonly operation: string | undefined
  readonly isBackward: boolean
  readonly isDisabled: boolean
  readonly conditions: Readonly<Partial<Record<ConditionName, string>>>
  readonly sortKey: readonly string[]
  readonly groupKey: readonly string[]
  readonly output: readonly string[]
  readonly cost: { readonly startup: number; readonly total: number; readonly self: number }
  /** Expected, in one loop. */
  readonly planRows: number
  readonly planWidthBytes: number
  readonly actual: Actual | undefined
  readonly buffers: { readonly total: Buffers; readonly self: Buffers } | undefined
  readonly workers: { readonly planned: number; readonly launched: number | undefined } | undefined
  readonly sort: Spill | undefined
  readonly hash: (Spill & { readonly batches: number; readonly batchesPlanned: number }) | undefined
  readonly bitmap: { readonly exact: number; readonly lossy: number } | undefined
  readonly heapFetches: number | undefined
  readonly memoize:
    | { readonly hits: number; readonly misses: number; readonly evictions: number; readonly overflows: number }
    | undefined
  readonly subplansRemoved: number | undefined
  /** How often an index was descended into; since 18. */
  readonly indexSearches: number | undefined
  readonly children: readonly PlanNode[]
}

export const conditionNames = [
  'Index Cond',
  'Recheck Cond',
  'TID Cond',
  'Order By',
  'Hash Cond',
  'Merge Cond',
  'Join Filter',
  'One-Time Filter',
  'Filter',
] as const
export type ConditionName = (typeof conditionNames)[number]

export interface TriggerTime {
  readonly name: string
  /** A foreign key's, among others. */
  readonly constraint: string | undefined
  readonly relation: string
  readonly timeMs: number
  readonly calls: number
}

export interface Plan {
  readonly root: PlanNode
  /** EXPLAIN ANALYZE: the statement was run. */
  readonly isAnalyzed: boolean
  readonly planningMs: number | undefined
  readonly executionMs: number | undefined
  readonly triggers: readonly TriggerTime[]
  readonly jit: { readonly functions: number; readonly totalMs: number } | undefined
  /** Of the rows to be sent; since 17. */
  readonly serialization: { readonly timeMs: number; readonly outputBytes: number } | undefined
  /** Those of the planner that are not at their defaults. */
  readonly settings: Readonly<Record<string, string>>
}

/** The node and what is below it, as they are drawn. */
export function listNodes(root: PlanNode): readonly PlanNode[] {
  return [root, ...root.children.flatMap(listNodes)]
}

/** How the rows that came compare with those expected: 100 is a hundredfold too few expected, 0.01 a hundredfold too many. */
export function estimateFactor({ actual, planRows }: PlanNode): number | undefined {
  if (actual === undefined || actual.loops === 0) return undefined
  return Math.max(1, actual.rows / actual.loops) / Math.max(1, planRows)
}

/** 'Seq Scan on public.songs s'. */
export function describeNode(node: PlanNode): string {
  const place = [node.schema, node.relation].filter((part) => part !== undefined).join('.')
  const on = place !== '' ? ` on ${place}` : node.cte !== undefined ? ` on ${node.cte}` : ''
  const through =
    node.index === undefined ? '' : node.relation === undefined ? ` on ${node.index}` : ` using ${node.index}`
  const alias =
    node.alias === undefined || node.alias === node.relation || node.alias === node.cte ? '' : ` ${node.alias}`
  return `${titleOf(node)}${through}${on}${alias}`
}

function titleOf({ type, strategy, joinType, operation, isBackward }: PlanNode): string {
  if (type === 'ModifyTable') return operation ?? type
  if (type === 'Aggregate') {
    if (strategy === 'Hashed') return 'HashAggregate'
    if (strategy === 'Sorted') return 'GroupAggregate'
    return strategy === 'Mixed' ? 'MixedAggregate' : type
  }
  if (isBackward) return `${type} Backward`
  if (joinType === undefined || joinType === 'Inner') return type
  return type === 'Nested Loop' ? `Nested Loop ${joinType} Join` : type.replace(/ ?Join$/, ` ${joinType} Join`)
}
