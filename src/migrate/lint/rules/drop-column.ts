import { actionsOf } from '../alter.ts'
import { showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const dropColumn: Rule = {
  name: 'drop-column',
  harm: 'data-loss',
  summary: 'DROP COLUMN.',
  why: 'Its values are gone; and code that runs (an ORM lists all columns it knew when it started) still names it.',
  bad: 'alter table plays drop column context;',
  good: `-- 1. deploy code that does not name the column  2. then, in a migration of its own:
-- lint: allow drop-column because no code names it since the release of March
alter table plays drop column context;`,
  check: ({ statement }) =>
    actionsOf(statement, 'AT_DropColumn').map(({ table, name = '' }) => ({
      message: `Dropping ${showIdent(name)} of ${showTable(table)} throws its values away and breaks code that names it`,
      fix: 'First deploy code that does not name it; then say so: -- lint: allow drop-column because …',
      table,
      lock: 'ACCESS EXCLUSIVE' as const,
    })),
}
