import { members, tableOf, text } from '../ast.ts'
import { showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const truncateTable: Rule = {
  name: 'truncate-table',
  harm: 'data-loss',
  summary: 'TRUNCATE without CASCADE.',
  why: 'All rows are gone, under ACCESS EXCLUSIVE.',
  bad: 'truncate plays;',
  good: '-- lint: allow truncate-table because import_stage holds nothing between imports\ntruncate import_stage;',
  check: ({ statement: { kind, node } }) =>
    kind === 'TruncateStmt' && text(node, 'behavior') !== 'DROP_CASCADE'
      ? members(node, 'relations', 'RangeVar').flatMap((range) => {
          const table = tableOf(range)
          if (table === undefined) return []
          return {
            message: `TRUNCATE throws all rows of ${showTable(table)} away`,
            fix: 'If that is meant, say so: -- lint: allow truncate-table because …',
            table,
            lock: 'ACCESS EXCLUSIVE' as const,
          }
        })
      : [],
}
