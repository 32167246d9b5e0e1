import { droppedNames, flag, isDrop } from '../ast.ts'
import { showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const dropIndexNotConcurrent: Rule = {
  name: 'drop-index-not-concurrent',
  harm: 'lock-brief',
  summary: 'DROP INDEX without CONCURRENTLY.',
  why: 'DROP INDEX takes ACCESS EXCLUSIVE on the table: while it waits behind a long query, every new query waits behind it.',
  bad: 'drop index plays_track_idx;',
  good: 'drop index concurrently if exists plays_track_idx;',
  check: ({ statement, tableOfIndex }) => {
    if (!isDrop(statement, 'OBJECT_INDEX') || flag(statement.node, 'concurrent')) return []
    return droppedNames(statement).map((index) => ({
      message: `Dropping index ${showTable(index)} locks its table against everything`,
      fix: `drop index concurrently if exists ${showTable(index)};`,
      table: tableOfIndex(index),
      lock: 'ACCESS EXCLUSIVE' as const,
    }))
  },
}
