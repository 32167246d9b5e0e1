import { child, tableOf, text } from '../ast.ts'
import { showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

const moved: ReadonlySet<string> = new Set(['OBJECT_TABLE', 'OBJECT_VIEW', 'OBJECT_MATVIEW'])

export const moveToSchema: Rule = {
  name: 'move-to-schema',
  harm: 'breaks-clients',
  summary: 'ALTER TABLE … SET SCHEMA.',
  why: 'To code that names the old schema, or does not have the new one in its search_path, the table is gone.',
  bad: 'alter table plays set schema archive;',
  good: `begin;
alter table plays set schema archive;
create view plays as select * from archive.plays;
commit;`,
  check: ({ statement, statements, index }) => {
    const { kind, node } = statement
    const table = tableOf(child(node, 'relation'))
    if (kind !== 'AlterObjectSchemaStmt' || !moved.has(text(node, 'objectType') ?? '') || table === undefined) return []
    const covered = statements
      .slice(index + 1)
      .some((later) => later.kind === 'ViewStmt' && tableOf(child(later.node, 'view'))?.name === table.name)
    if (covered) return []
    const [old, schema] = [showTable(table), showIdent(text(node, 'newschema') ?? '')]
    return [
      {
        message: `Code that asks for ${old} fails as soon as it is in schema ${schema}`,
        fix: `In the same transaction: create view ${old} as select * from ${schema}.${showIdent(table.name)};`,
        table,
        lock: 'ACCESS EXCLUSIVE',
      },
    ]
  },
}
