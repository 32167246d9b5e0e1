// Step 4: tables that are read from end to end again and again, and foreign keys without an index; with indexes for the worst
// statements, where somebody here knows how to find them.

import { foreignKeyIndex } from '../checks/foreign-key-index.ts'
import { missingIndex } from '../checks/missing-index.ts'
import { slowStatements } from '../checks/slow-statements.ts'
import { judge, type SlowStep, type SlowTools } from './step.ts'

/** Statements that indexes are looked for. */
const mostStatements = 3

export const missingIndexes: SlowStep = {
  name: 'missing-indexes',
  question: 'Are indexes missing?',
  look: async (tools) => {
    const answer = await tools.check(missingIndex, foreignKeyIndex)
    const judged = judge(answer, { well: 'No large table is read from end to end again and again', weight: 1 })
    const indexes = await suggestions(tools)
    if (indexes.length === 0) return judged
    const next = [...indexes, ...judged.next]
    if (judged.verdict === 'likely') return { ...judged, suspicion: Math.max(judged.suspicion, 0.9), next }
    return {
      ...judged,
      verdict: 'likely',
      suspicion: 0.6,
      found: 'An index would serve a slow statement',
      evidence: { indexes: indexes.length },
      next,
    }
  },
}

async function suggestions({ handed: { suggestIndexes }, check }: SlowTools): Promise<readonly string[]> {
  if (suggestIndexes === undefined) return []
  const { findings } = await check(slowStatements)
  const found: string[] = []
  for (const { evidence } of findings.slice(0, mostStatements)) {
    // What one statement is refused for says nothing of the next.
    const indexes = await suggestIndexes(String(evidence['queryid'])).catch((): readonly string[] => [])
    found.push(...indexes)
  }
  return [...new Set(found)]
}
