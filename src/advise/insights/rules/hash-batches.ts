// A hash table did not fit into memory and went through files, in parts.

import { formatSize } from '../../../base/units.ts'
import { describeNode, type PlanNode } from '../../plan/node.ts'
import { count, memoryFix, type Found, type Given, type InsightRule } from '../insight.ts'

export const hashBatches: InsightRule = {
  name: 'hash-batches',
  summary: 'A hash did not fit into memory',
  speaks: 'a Hash of more than one batch, or a HashAggregate that wrote temporary files',
  why: 'What does not fit is written to files and read again, batch by batch.',
  needsRun: true,
  look: (given) => given.nodes.flatMap((node) => look(node, given)),
}

function look(node: PlanNode, given: Given): Found[] {
  const { hash } = node
  if (hash === undefined || hash.batches <= 1) return []
  const needed = Math.max(hash.memoryBytes * hash.batches, hash.diskBytes * 2)
  const multiplier = Math.max(1, given.work.hashMemBytes / given.work.workMemBytes)
  const grown = hash.batches > hash.batchesPlanned ? `, ${count(hash.batchesPlanned)} of them expected` : ''
  const wrote = hash.diskBytes > 0 ? ` and wrote ${formatSize(hash.diskBytes)} to disk` : ''
  return [
    {
      node,
      what: `${describeNode(node)} took ${count(hash.batches)} batches${grown}${wrote}; a hash may have ${formatSize(given.work.hashMemBytes)}`,
      ...memoryFix(needed / multiplier, given, 'Fewer or narrower columns in the query make it smaller.'),
      saves: 0.5,
    },
  ]
}
