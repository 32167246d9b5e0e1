import { text } from '../ast.ts'
import { showIdent } from '../names.ts'
import type { Rule } from '../types.ts'

export const renameSchema: Rule = {
  name: 'rename-schema',
  harm: 'breaks-clients',
  summary: 'ALTER SCHEMA … RENAME.',
  why: 'Every query that names the schema, and every search_path that holds it, fails at once.',
  bad: 'alter schema app rename to core;',
  good: `create schema core;
-- create views in core over the tables of app, deploy code that uses core, then move the tables one by one`,
  check: ({ statement: { kind, node } }) => {
    if (kind !== 'RenameStmt' || text(node, 'renameType') !== 'OBJECT_SCHEMA') return []
    const [from, to] = [showIdent(text(node, 'subname') ?? ''), showIdent(text(node, 'newname') ?? '')]
    return [
      {
        message: `Code that asks for anything in schema ${from} fails as soon as it is called ${to}`,
        fix: `create schema ${to};\n-- with views over what is in ${from}; deploy code that uses ${to}; then move the tables one by one`,
      },
    ]
  },
}
