// EXPLAIN's JSON → a Plan. Promises: of what a version does not say it knows nothing (undefined), never a zero; it refuses what is no
// plan. It is asked with VERBOSE, so that schemas and each worker are named.

import { StrataError } from '../../base/errors.ts'
import { assignSelf } from './self.ts'
import {
  conditionNames,
  type Buffers,
  type ConditionName,
  type Plan,
  type PlanNode,
  type Spill,
  type TriggerTime,
} from './node.ts'

/** As EXPLAIN writes it. */
type Raw = Readonly<Record<string, unknown>>

/** `answer`: what EXPLAIN gave, as text or already parsed. */
export function readPlan(answer: unknown): Plan {
  const parsed: unknown = typeof answer === 'string' ? parseJson(answer) : answer
  const whole = (Array.isArray(parsed) ? parsed[0] : parsed) as Raw | undefined
  const root = whole?.['Plan'] as Raw | undefined
  if (whole === undefined || root === undefined || typeof root['Node Type'] !== 'string') throw noPlan()
  const counter = { next: 0 }
  const tree = assignSelf(readNode(root, { depth: 0, processes: 1, counter }))
  const executionMs = numberOf(whole, 'Execution Time')
  return {
    root: tree,
    isAnalyzed: tree.actual !== undefined,
    planningMs: numberOf(whole, 'Planning Time'),
    executionMs,
    triggers: listOf(whole['Triggers']).map(readTrigger),
    jit: readJit(whole['JIT'] as Raw | undefined),
    serialization: readSerialization(whole['Serialization'] as Raw | undefined),
    settings: (whole['Settings'] ?? {}) as Record<string, string>,
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw noPlan()
  }
}

function noPlan(): StrataError {
  return new StrataError('VALUE_INVALID', {
    message: 'Not a plan',
    expected: 'what EXPLAIN (FORMAT JSON) answers',
    advice: 'Give it whole: a list with one object, whose "Plan" is the tree.',
  })
}

interface Place {
  readonly depth: number
  /** That run it side by side: 1 outside of a Gather. */
  readonly processes: number
  readonly counter: { next: number }
}

function readNode(raw: Raw, place: Place): PlanNode {
  const id = place.counter.next++
  const workers = readWorkers(raw)
  const launched = workers?.launched
  const processes = launched === undefined ? place.processes : processesBelow(raw, launched)
  const children = listOf(raw['Plans']).map((child) =>
    readNode(child, { ...place, depth: place.depth + 1, processes: Math.max(1, processes) }),
  )
  const type = String(raw['Node Type'])
  return {
    id,
    depth: place.depth,
    type: raw['Parallel Aware'] === true ? `Parallel ${type}` : type,
    relationship: textOf(raw, 'Parent Relationship'),
    subplanName: textOf(raw, 'Subplan Name'),
    schema: textOf(raw, 'Schema'),
    relation: textOf(raw, 'Relation Name'),
    alias: textOf(raw, 'Alias'),
    index: textOf(raw, 'Index Name'),
    cte: textOf(raw, 'CTE Name'),
    functionName: textOf(raw, 'Function Name'),
    joinType: textOf(raw, 'Join Type'),
    strategy: textOf(raw, 'Strategy'),
    operation: textOf(raw, 'Operation'),
    isBackward: raw['Scan Direction'] === 'Backward',
    isDisabled: raw['Disabled'] === true || Number(raw['Total Cost']) >= disabledCost,
    conditions: readConditions(raw),
    sortKey: textsOf(raw, 'Sort Key'),
    groupKey: textsOf(raw, 'Group Key'),
    output: textsOf(raw, 'Output'),
    cost: { startup: Number(raw['Startup Cost'] ?? 0), total: Number(raw['Total Cost'] ?? 0), self: 0 },
    planRows: Number(raw['Plan Rows'] ?? 0),
    planWidthBytes: Number(raw['Plan Width'] ?? 0),
    actual: readActual(raw, place.processes),
    buffers: readBuffers(raw),
    workers,
    sort: readSort(raw),
    hash: readHash(raw),
    bitmap: readBitmap(raw),
    heapFetches: numberOf(raw, 'Heap Fetches'),
    memoize: readMemoize(raw),
    subplansRemoved: numberOf(raw, 'Subplans Removed'),
    indexSearches: numberOf(raw, 'Index Searches'),
    children,
  }
}

/** Up to 17 a node that was switched off costs so much more (disable_cost). */
const disabledCost = 1e10

/** The leader works too, if a node below counts more processes than were launched. */
function processesBelow(raw: Raw, launched: number): number {
  const [below] = listOf(raw['Plans'])
  const loops = Number(below?.['Actual Loops'] ?? launched + 1)
  const reported = listOf(below?.['Workers']).reduce((sum, worker) => sum + Number(worker['Actual Loops'] ?? 0), 0)
  if (listOf(below?.['Workers']).length === 0) return launched + 1
  return launched + (loops > reported ? 1 : 0)
}

function readActual(raw: Raw, processes: number): PlanNode['actual'] {
  const loops = numberOf(raw, 'Actual Loops')
  if (loops === undefined) return undefined
  const perLoopMs = numberOf(raw, 'Actual Total Time')
  const totalMs = perLoopMs === undefined ? undefined : (perLoopMs * loops) / processes
  // What EXPLAIN says of rows removed is by loop, and rounded.
  const removed = (name: string): number => Number(raw[name] ?? 0) * loops
  return {
    rows: Number(raw['Actual Rows'] ?? 0) * loops,
    loops,
    totalMs,
    selfMs: totalMs,
    removed: {
      filter: removed('Rows Removed by Filter'),
      joinFilter: removed('Rows Removed by Join Filter'),
      recheck: removed('Rows Removed by Index Recheck'),
    },
  }
}

function readConditions(raw: Raw): PlanNode['conditions'] {
  const found: Partial<Record<ConditionName, string>> = {}
  for (const name of conditionNames) {
    const text = raw[name]
    if (typeof text === 'string') found[name] = text
  }
  return found
}

function readBuffers(raw: Raw): PlanNode['buffers'] {
  if (raw['Shared Hit Blocks'] === undefined) return undefined
  const sum = (...names: readonly string[]): number => names.reduce((total, name) => total + Number(raw[name] ?? 0), 0)
  const total: Buffers = {
    hit: sum('Shared Hit Blocks', 'Local Hit Blocks'),
    read: sum('Shared Read Blocks', 'Local Read Blocks'),
    dirtied: sum('Shared Dirtied Blocks', 'Local Dirtied Blocks'),
    written: sum('Shared Written Blocks', 'Local Written Blocks'),
    tempRead: sum('Temp Read Blocks'),
    tempWritten: sum('Temp Written Blocks'),
    // The first two are the names of 15 and 16.
    ioMs: sum(
      'I/O Read Time',
      'I/O Write Time',
      'Shared I/O Read Time',
      'Shared I/O Write Time',
      'Local I/O Read Time',
      'Local I/O Write Time',
    ),
  }
  return { total, self: total }
}

function readWorkers(raw: Raw): PlanNode['workers'] {
  const planned = numberOf(raw, 'Workers Planned')
  return planned === undefined ? undefined : { planned, launched: numberOf(raw, 'Workers Launched') }
}

const kB = 1_024

/** Workers sort on their own; what they used is added up. */
function readSort(raw: Raw): Spill | undefined {
  const sorts = [raw, ...listOf(raw['Workers'])].filter((one) => one['Sort Method'] !== undefined)
  const groups = [raw['Full-sort Groups'], raw['Pre-sorted Groups']].flatMap((one) =>
    one === undefined ? [] : [one as Raw],
  )
  const [first] = sorts
  if (first !== undefined) {
    const used = (type: string): number =>
      sorts
        .filter((one) => one['Sort Space Type'] === type)
        .reduce((sum, one) => sum + Number(one['Sort Space Used']) * kB, 0)
    const worst = sorts.find((one) => one['Sort Space Type'] === 'Disk') ?? first
    return { method: String(worst['Sort Method']), memoryBytes: used('Memory'), diskBytes: used('Disk') }
  }
  if (groups.length === 0) return undefined
  const peak = (name: string): number =>
    Math.max(0, ...groups.map((group) => Number((group[name] as Raw | undefined)?.['Peak Sort Space Used'] ?? 0) * kB))
  const methods = groups.flatMap((group) => (group['Sort Methods Used'] ?? []) as string[])
  return {
    method: methods.find((method) => method.startsWith('external')) ?? methods[0] ?? '',
    memoryBytes: peak('Sort Space Memory'),
    diskBytes: peak('Sort Space Disk'),
  }
}

function readHash(raw: Raw): PlanNode['hash'] {
  const batches = numberOf(raw, 'Hash Batches') ?? numberOf(raw, 'HashAgg Batches')
  if (batches === undefined) return undefined
  const workers = listOf(raw['Workers'])
  const most = (name: string): number =>
    Math.max(Number(raw[name] ?? 0), ...workers.map((worker) => Number(worker[name] ?? 0)))
  return {
    method: 'hash',
    batches: Math.max(batches, most('HashAgg Batches')),
    batchesPlanned: numberOf(raw, 'Original Hash Batches') ?? numberOf(raw, 'Planned Partitions') ?? 1,
    memoryBytes: most('Peak Memory Usage') * kB,
    diskBytes: most('Disk Usage') * kB,
  }
}

function readBitmap(raw: Raw): PlanNode['bitmap'] {
  if (raw['Exact Heap Blocks'] === undefined) return undefined
  // Since 18 each worker counts its own.
  const all = [raw, ...listOf(raw['Workers'])]
  const sum = (name: string): number => all.reduce((total, one) => total + Number(one[name] ?? 0), 0)
  return { exact: sum('Exact Heap Blocks'), lossy: sum('Lossy Heap Blocks') }
}

function readMemoize(raw: Raw): PlanNode['memoize'] {
  const all = [raw, ...listOf(raw['Workers'])].filter((one) => one['Cache Hits'] !== undefined)
  if (all.length === 0) return undefined
  const sum = (name: string): number => all.reduce((total, one) => total + Number(one[name] ?? 0), 0)
  return {
    hits: sum('Cache Hits'),
    misses: sum('Cache Misses'),
    evictions: sum('Cache Evictions'),
    overflows: sum('Cache Overflows'),
  }
}

function readTrigger(raw: Raw): TriggerTime {
  return {
    name: textOf(raw, 'Trigger Name') ?? textOf(raw, 'Constraint Name') ?? '',
    constraint: textOf(raw, 'Constraint Name'),
    relation: textOf(raw, 'Relation') ?? '',
    timeMs: Number(raw['Time'] ?? 0),
    calls: Number(raw['Calls'] ?? 0),
  }
}

function readJit(raw: Raw | undefined): Plan['jit'] {
  if (raw === undefined) return undefined
  const timing = raw['Timing'] as Raw | undefined
  return { functions: Number(raw['Functions'] ?? 0), totalMs: Number(timing?.['Total'] ?? 0) }
}

function readSerialization(raw: Raw | undefined): Plan['serialization'] {
  if (raw === undefined) return undefined
  return { timeMs: Number(raw['Time'] ?? 0), outputBytes: Number(raw['Output Volume'] ?? 0) * kB }
}

function listOf(value: unknown): readonly Raw[] {
  return Array.isArray(value) ? (value as Raw[]) : []
}

function textOf(raw: Raw, name: string): string | undefined {
  const value = raw[name]
  return typeof value === 'string' ? value : undefined
}

function textsOf(raw: Raw, name: string): readonly string[] {
  const value = raw[name]
  return Array.isArray(value) ? value.map(String) : []
}

function numberOf(raw: Raw, name: string): number | undefined {
  const value = raw[name]
  return typeof value === 'number' ? value : undefined
}
