// Pages were not in shared_buffers.

import { formatSize } from '../../../base/units.ts'
import { describeNode, type PlanNode } from '../../plan/node.ts'
import { milliseconds, percent, type Found, type Given, type InsightRule } from '../insight.ts'

const readsAtLeast = 1_000
const share = 0.5

export const coldReads: InsightRule = {
  name: 'cold-reads',
  summary: 'Most pages were not in the server\u2019s cache',
  speaks: 'a node that read at least 1,000 pages from outside of shared_buffers, and more than half of its pages',
  why: 'What is read from outside costs ten to a thousand times as much. The second run may tell another story.',
  needsRun: true,
  look: (given) => given.nodes.flatMap((node) => look(node, given)),
}

function look(node: PlanNode, { work }: Given): Found[] {
  const own = node.buffers?.self
  if (own === undefined || own.read < readsAtLeast) return []
  const part = own.read / (own.read + own.hit)
  if (part <= share) return []
  const took = own.ioMs > 0 ? `, which took ${milliseconds(own.ioMs)}` : ''
  return [
    {
      node,
      what: `${describeNode(node)} read ${formatSize(own.read * work.blockBytes)} from outside of shared_buffers (${percent(part)} of its pages)${took}`,
      advice:
        'Run it again: if it stays, read less (an index, fewer columns in an index that has them all), or give the server more shared_buffers. track_io_timing shows how long it takes.',
      ...(own.ioMs > 0 ? { savesMs: own.ioMs } : { saves: part / 2 }),
    },
  ]
}
