import { adviseBackfill } from '../backfill-advice.ts'
import { child, tableOf, text } from '../ast.ts'
import { showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const renameColumn: Rule = {
  name: 'rename-column',
  harm: 'breaks-clients',
  summary: 'RENAME COLUMN.',
  why: 'Code that runs while the migration does still asks for the old name.',
  bad: 'alter table plays rename column ms to duration_ms;',
  good: `alter table plays add column duration_ms int;
-- 1. write both (a trigger), fill the old rows in a batched backfill  2. deploy code that reads the new one
-- 3. drop the old column in a later migration`,
  check: ({ statement: { kind, node } }) => {
    const table = tableOf(child(node, 'relation'))
    if (kind !== 'RenameStmt' || text(node, 'renameType') !== 'OBJECT_COLUMN' || table === undefined) return []
    const [from, to] = [showIdent(text(node, 'subname') ?? ''), showIdent(text(node, 'newname') ?? '')]
    return [
      {
        message: `Code that asks for ${from} of ${showTable(table)} fails as soon as it is called ${to}`,
        fix: [
          `alter table ${showTable(table)} add column ${to} …;`,
          `-- write both (a trigger), deploy code that uses ${to} when the old rows are filled, drop ${from} later`,
          adviseBackfill(table),
        ].join('\n'),
        table,
        lock: 'ACCESS EXCLUSIVE',
      },
    ]
  },
}
