import { child, tableOf, text } from '../ast.ts'
import { showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

const renamed: ReadonlySet<string> = new Set(['OBJECT_TABLE', 'OBJECT_VIEW', 'OBJECT_MATVIEW', 'OBJECT_FOREIGN_TABLE'])

export const renameTable: Rule = {
  name: 'rename-table',
  harm: 'breaks-clients',
  summary: 'RENAME of a table, view or materialized view.',
  why: 'Code that runs while the migration does still asks for the old name.',
  bad: 'alter table plays rename to listens;',
  good: `begin;
alter table plays rename to listens;
create view plays as select * from listens; -- a simple view takes writes too
commit;
-- drop the view when no code uses the old name any more`,
  check: ({ statement, statements, index }) => {
    const { kind, node } = statement
    const table = tableOf(child(node, 'relation'))
    if (kind !== 'RenameStmt' || !renamed.has(text(node, 'renameType') ?? '') || table === undefined) return []
    const to = showIdent(text(node, 'newname') ?? '')
    // Renamed with a view left under the old name, as `good` shows.
    const covered = statements
      .slice(index + 1)
      .some((later) => later.kind === 'ViewStmt' && tableOf(child(later.node, 'view'))?.name === table.name)
    if (covered) return []
    const old = showTable(table)
    return [
      {
        message: `Code that asks for ${old} fails as soon as it is called ${to}`,
        fix: `In the same transaction: create view ${old} as select * from ${to}; and drop the view when no code uses ${old} any more`,
        table,
        lock: 'ACCESS EXCLUSIVE',
      },
    ]
  },
}
