import { droppedNames, isDrop, text } from '../ast.ts'
import { showIdent } from '../names.ts'
import type { Rule } from '../types.ts'

export const dropSchema: Rule = {
  name: 'drop-schema',
  harm: 'data-loss',
  summary: 'DROP SCHEMA … CASCADE.',
  why: 'All tables in it are gone, with whatever refers to them elsewhere. (Without CASCADE only an empty schema goes.)',
  bad: 'drop schema app cascade;',
  good: 'drop table app.plays; -- one by one, each with its reason\ndrop schema app;',
  check: ({ statement }) =>
    isDrop(statement, 'OBJECT_SCHEMA') && text(statement.node, 'behavior') === 'DROP_CASCADE'
      ? droppedNames(statement).map(({ name }) => ({
          message: `Dropping schema ${showIdent(name)} with CASCADE throws everything in it away`,
          fix: `Drop what is in it one by one, each with its reason; then: drop schema ${showIdent(name)};`,
          lock: 'ACCESS EXCLUSIVE' as const,
        }))
      : [],
}
