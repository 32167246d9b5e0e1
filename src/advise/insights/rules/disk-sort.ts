// A sort did not fit into work_mem and went through files.

import { formatSize } from '../../../base/units.ts'
import { describeNode, type PlanNode } from '../../plan/node.ts'
import { memoryFix, type Found, type Given, type InsightRule } from '../insight.ts'

/** In memory a row takes about this much more than in the file. */
const memoryPerDisk = 2.5

export const diskSort: InsightRule = {
  name: 'disk-sort',
  summary: 'A sort went to disk',
  speaks: 'a sort that wrote temporary files',
  why: 'A sort that fits into work_mem needs no files, and with a LIMIT it keeps only the rows that are asked for.',
  needsRun: true,
  look: (given) => given.nodes.flatMap((node) => look(node, given)),
}

function look(node: PlanNode, given: Given): Found[] {
  const { sort } = node
  if (sort === undefined || sort.diskBytes === 0) return []
  const needed = sort.diskBytes * memoryPerDisk
  return [
    {
      node,
      what: `${describeNode(node)} by ${node.sortKey.join(', ')} wrote ${formatSize(sort.diskBytes)} to disk; work_mem is ${formatSize(given.work.workMemBytes)}`,
      ...memoryFix(needed, given, 'An index in that order saves the sort itself.'),
      saves: 0.5,
    },
  ]
}
