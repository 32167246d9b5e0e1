// The plan uses what was switched off.

import { describeNode } from '../../plan/node.ts'
import { isScan, type InsightRule } from '../insight.ts'

export const disabledNodes: InsightRule = {
  name: 'disabled-nodes',
  summary: 'The plan uses what was switched off',
  speaks: 'a node of a kind that a setting (enable_seqscan and the like) switches off',
  why: 'Nothing else was possible; costs that are compared with it no longer mean anything.',
  needsRun: false,
  look: ({ plan, nodes }) => {
    const off = Object.entries(plan.settings)
      .filter(([name, value]) => name.startsWith('enable_') && value === 'off')
      .map(([name]) => name)
    // Up to 17 a node above a disabled one costs as much: told is the lowest.
    const lowest = nodes.filter(({ isDisabled, children }) => isDisabled && !children.some((child) => child.isDisabled))
    return lowest.map((node) => ({
      node,
      what: `${describeNode(node)} was switched off${off.length === 0 ? '' : ` (${off.join(', ')})`}, and there was no other way`,
      advice: isScan(node)
        ? 'Take the setting back, or make an index that serves the conditions.'
        : 'Take the setting back: it is for experiments, and for single statements.',
      fix: off.map((name) => `reset ${name}`),
      saves: 0,
    }))
  },
}
