// Partitions are read that have none of the rows.

import { listNodes, type PlanNode } from '../../plan/node.ts'
import { count, type Found, type InsightRule } from '../insight.ts'

const partsAtLeast = 8
const emptyShare = 0.75

export const unprunedPartitions: InsightRule = {
  name: 'unpruned-partitions',
  summary: 'Most partitions are read for nothing',
  speaks: 'an Append of at least 8 scans that were run, of which three quarters gave no row',
  why: 'Partitions are ruled out by conditions on the partition key itself, with values that are known when the plan begins.',
  needsRun: true,
  look: ({ nodes }) => nodes.filter(({ type }) => /(?:^|Parallel |Merge )Append$/.test(type)).flatMap(look),
}

function look(node: PlanNode): Found[] {
  const ran = node.children.filter(({ actual }) => (actual?.loops ?? 0) > 0)
  const empty = ran.filter(({ actual }) => actual?.rows === 0)
  if (ran.length < partsAtLeast || empty.length / ran.length < emptyShare) return []
  const scanned = listNodes(node).find(({ relation }) => relation !== undefined)
  const savesMs = empty.reduce((sum, { actual }) => sum + (actual?.totalMs ?? 0), 0)
  return [
    {
      node,
      subject: `${node.type} of ${count(node.children.length)} parts`,
      what: `${count(empty.length)} of ${count(ran.length)} parts (${scanned?.relation ?? ''} among them) were read and gave nothing`,
      advice:
        'Ask for the partition key directly: as a constant, a parameter or a stable expression, without a function around it, and not only by way of a join.',
      ...(node.actual?.totalMs === undefined ? {} : { savesMs }),
    },
  ]
}
