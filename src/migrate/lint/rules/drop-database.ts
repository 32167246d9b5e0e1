import { text } from '../ast.ts'
import { showIdent } from '../names.ts'
import type { Rule } from '../types.ts'

export const dropDatabase: Rule = {
  name: 'drop-database',
  harm: 'data-loss',
  summary: 'DROP DATABASE.',
  why: 'Everything in it is gone, and no migration of another database has business doing it.',
  bad: 'drop database app;',
  good: '-- by hand, not in a migration',
  check: ({ statement: { kind, node } }) =>
    kind === 'DropdbStmt'
      ? [
          {
            message: `Dropping database ${showIdent(text(node, 'dbname') ?? '')} throws everything in it away`,
            fix: 'Do it by hand, not in a migration.',
          },
        ]
      : [],
}
