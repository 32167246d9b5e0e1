// Something other than a sort or a hash went through files.

import { formatSize } from '../../../base/units.ts'
import { describeNode, type PlanNode } from '../../plan/node.ts'
import { memoryFix, type Found, type Given, type InsightRule } from '../insight.ts'

const pagesAtLeast = 500

export const tempFiles: InsightRule = {
  name: 'temp-files',
  summary: 'Rows that were set aside went to disk',
  speaks: 'a CTE, Materialize, window or function scan that wrote at least 500 pages of temporary files',
  why: 'Rows that are kept for later go to files where they do not fit into work_mem.',
  needsRun: true,
  look: (given) => given.nodes.flatMap((node) => look(node, given)),
}

function look(node: PlanNode, given: Given): Found[] {
  const own = node.buffers?.self
  // Those two have rules of their own; a join writes what its Hash does.
  if (own === undefined || node.sort !== undefined || node.hash !== undefined || /Join/.test(node.type)) return []
  if (own.tempWritten < pagesAtLeast) return []
  const sizeBytes = own.tempWritten * given.work.blockBytes
  return [
    {
      node,
      what: `${describeNode(node)} wrote ${formatSize(sizeBytes)} to temporary files; work_mem is ${formatSize(given.work.workMemBytes)}`,
      ...memoryFix(sizeBytes * 2, given, 'Fewer columns or rows in what is set aside make it smaller.'),
      saves: 0.5,
    },
  ]
}
