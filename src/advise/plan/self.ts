// What each node took by itself: its own without that of what it called. Invariant: over all nodes the self times add up to
// the root's total, but for rounding and for what workers did at different speeds; none is below zero.
//
// Who called what is not always the parent: a CTE runs when a scan asks for its rows, and an InitPlan when the first condition
// that names it is evaluated, both inside of some other node; the node that EXPLAIN draws them under merely declares them.

import { listNodes, type Buffers, type PlanNode } from './node.ts'

interface Charge {
  readonly ms: number
  readonly buffers: Buffers
}

export function assignSelf(root: PlanNode): PlanNode {
  const nodes = listNodes(root)
  const charged = new Map<number, Charge>()
  const charge = (to: PlanNode, part: Charge): void => {
    const so = charged.get(to.id) ?? nothing
    charged.set(to.id, { ms: so.ms + part.ms, buffers: combine(so.buffers, part.buffers, 1) })
  }
  const ctes: PlanNode[] = []
  for (const node of nodes) {
    for (const child of node.children) {
      if (cteOf(child) === undefined) charge(callerOf(child, node, nodes), wholeOf(child))
      else ctes.push(child)
    }
  }
  for (const cte of ctes) {
    for (const { scan, part } of shareOut(cte, nodes, charged)) charge(scan, part)
  }
  return rebuild(root, charged)
}

function callerOf(child: PlanNode, parent: PlanNode, nodes: readonly PlanNode[]): PlanNode {
  if (child.relationship !== 'InitPlan') return parent
  const names = namesOfInitPlan(child.subplanName ?? '')
  const user = nodes.find(
    (node) =>
      node.id !== child.id && Object.values(node.conditions).some((text) => names.some((name) => text.includes(name))),
  )
  return user ?? parent
}

function cteOf({ relationship, subplanName = '' }: PlanNode): string | undefined {
  return relationship === 'InitPlan' ? /^CTE (.*)$/s.exec(subplanName)?.[1] : undefined
}

/**
 * Of several scans the one that came first made most of it, and has the most time that nothing else explains; what it cannot have
 * taken, the next one did. One that changes data and is named by nobody runs at the end, outside of the tree.
 */
function shareOut(
  cte: PlanNode,
  nodes: readonly PlanNode[],
  charged: ReadonlyMap<number, Charge>,
): readonly { readonly scan: PlanNode; readonly part: Charge }[] {
  const openOf = (node: PlanNode): Charge => {
    const [whole, taken] = [wholeOf(node), charged.get(node.id) ?? nothing]
    return { ms: Math.max(0, whole.ms - taken.ms), buffers: combine(whole.buffers, taken.buffers, -1) }
  }
  let left = wholeOf(cte)
  return nodes
    .filter((node) => node.type === 'CTE Scan' && node.cte === cteOf(cte))
    .map((scan) => ({ scan, open: openOf(scan) }))
    .toSorted((one, other) => other.open.ms - one.open.ms)
    .map(({ scan, open }) => {
      const part = { ms: Math.min(left.ms, open.ms), buffers: least(left.buffers, open.buffers) }
      left = { ms: left.ms - part.ms, buffers: combine(left.buffers, part.buffers, -1) }
      return { scan, part }
    })
}

function wholeOf({ actual, buffers }: PlanNode): Charge {
  return { ms: actual?.totalMs ?? 0, buffers: buffers?.total ?? noBuffers }
}

/** 'InitPlan 1 (returns $0,$1)' up to 16; 'InitPlan 1', named as '(InitPlan 1).col1', since. */
function namesOfInitPlan(name: string): readonly string[] {
  const returned = /\(returns ([^)]*)\)$/.exec(name)?.[1]
  return returned === undefined ? [`(${name}).`] : returned.split(',').map((one) => one.trim())
}

function rebuild(node: PlanNode, charged: ReadonlyMap<number, Charge>): PlanNode {
  const charge = charged.get(node.id)
  const { actual, buffers } = node
  const called = node.children.filter((child) => child.relationship !== 'InitPlan')
  const costBelow = called.reduce((sum, child) => sum + child.cost.total, 0)
  return {
    ...node,
    cost: { ...node.cost, self: Math.max(0, node.cost.total - costBelow) },
    actual:
      actual === undefined || actual.totalMs === undefined
        ? actual
        : { ...actual, selfMs: Math.max(0, actual.totalMs - (charge?.ms ?? 0)) },
    buffers:
      buffers === undefined
        ? undefined
        : { ...buffers, self: combine(buffers.total, charge?.buffers ?? noBuffers, -1) },
    children: node.children.map((child) => rebuild(child, charged)),
  }
}

const noBuffers: Buffers = { hit: 0, read: 0, dirtied: 0, written: 0, tempRead: 0, tempWritten: 0, ioMs: 0 }
const nothing: Charge = { ms: 0, buffers: noBuffers }

function combine(left: Buffers, right: Buffers, factor: number): Buffers {
  return eachOf((name) => Math.max(0, left[name] + right[name] * factor))
}

function least(left: Buffers, right: Buffers): Buffers {
  return eachOf((name) => Math.min(left[name], right[name]))
}

function eachOf(of: (name: keyof Buffers) => number): Buffers {
  return {
    hit: of('hit'),
    read: of('read'),
    dirtied: of('dirtied'),
    written: of('written'),
    tempRead: of('tempRead'),
    tempWritten: of('tempWritten'),
    ioMs: of('ioMs'),
  }
}
