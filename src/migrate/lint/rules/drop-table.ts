import { droppedNames, isDrop } from '../ast.ts'
import { showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const dropTable: Rule = {
  name: 'drop-table',
  harm: 'data-loss',
  summary: 'DROP TABLE.',
  why: 'The rows are gone, and code that still runs fails.',
  bad: 'drop table plays;',
  good: `-- when no code uses it (watch pg_stat_user_tables for a week), and a backup is there:
-- lint: allow drop-table because unused since the release of March, archived
drop table plays;`,
  check: ({ statement }) =>
    isDrop(statement, 'OBJECT_TABLE')
      ? droppedNames(statement).map((table) => ({
          message: `Dropping ${showTable(table)} throws its rows away`,
          fix: 'Make sure that no code uses it and that a backup is there; then say so: -- lint: allow drop-table because …',
          table,
          lock: 'ACCESS EXCLUSIVE' as const,
        }))
      : [],
}
