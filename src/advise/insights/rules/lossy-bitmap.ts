// A bitmap did not fit into work_mem, so it kept whole pages in place of rows.

import { describeNode, type PlanNode } from '../../plan/node.ts'
import { count, memoryFix, percent, type Found, type Given, type InsightRule } from '../insight.ts'

const lossyAtLeast = 100
/** A page in a bitmap takes about this much. */
const bytesPerPage = 64

export const lossyBitmap: InsightRule = {
  name: 'lossy-bitmap',
  summary: 'A bitmap was too large to keep its rows',
  speaks: 'a Bitmap Heap Scan of which at least 100 pages, and a tenth, were lossy',
  why: 'Of a lossy page every row is looked at again: the index was read for less than it knows.',
  needsRun: true,
  look: (given) => given.nodes.flatMap((node) => look(node, given)),
}

function look(node: PlanNode, given: Given): Found[] {
  const { bitmap, actual } = node
  if (bitmap === undefined || actual === undefined || bitmap.lossy < lossyAtLeast) return []
  const pages = bitmap.lossy + bitmap.exact
  if (bitmap.lossy / pages < 0.1) return []
  const removed = actual.removed.recheck
  return [
    {
      node,
      what: `${describeNode(node)} kept ${count(bitmap.lossy)} of ${count(pages)} pages without their rows, and looked through ${count(removed)} rows for nothing`,
      ...memoryFix(pages * bytesPerPage * 2, given, 'A condition that finds fewer rows needs a smaller bitmap.'),
      saves: removed / Math.max(1, removed + actual.rows),
    },
  ].map((found) => ({
    ...found,
    advice: `${found.advice} (${percent(bitmap.lossy / pages)} of the pages were lossy.)`,
  }))
}
