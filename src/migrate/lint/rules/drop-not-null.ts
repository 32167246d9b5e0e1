import { actionsOf } from '../alter.ts'
import { showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const dropNotNull: Rule = {
  name: 'drop-not-null',
  harm: 'breaks-clients',
  summary: 'DROP NOT NULL.',
  why: 'Code that runs does not expect a null in the column.',
  bad: 'alter table plays alter column track_id drop not null;',
  good: `-- deploy code that copes with nulls first; then
-- lint: allow drop-not-null because all readers cope with nulls since the release of March
alter table plays alter column track_id drop not null;`,
  check: ({ statement }) =>
    actionsOf(statement, 'AT_DropNotNull').map(({ table, name = '' }) => ({
      message: `Code that reads ${showIdent(name)} of ${showTable(table)} will meet nulls it does not expect`,
      fix: 'First deploy code that copes with nulls; then say so: -- lint: allow drop-not-null because …',
      table,
      lock: 'ACCESS EXCLUSIVE' as const,
    })),
}
