import { addedConstraints, isSingleAction } from '../alter.ts'
import { columnsIn } from '../ast.ts'
import { isNewColumn } from '../history.ts'
import { derivedName, showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const addCheckConstraint: Rule = {
  name: 'add-check-constraint',
  harm: 'scan-blocking-all',
  summary: 'A CHECK constraint added without NOT VALID.',
  why: 'All rows are checked under ACCESS EXCLUSIVE. NOT VALID checks new rows at once, and VALIDATE the old ones under a lock that lets reads and writes pass.',
  bad: 'alter table plays add constraint plays_ms_positive check (ms > 0);',
  good: `alter table plays add constraint plays_ms_positive check (ms > 0) not valid;
-- in a transaction of its own:
alter table plays validate constraint plays_ms_positive;`,
  check: (context) =>
    addedConstraints(context.statement, 'CONSTR_CHECK').flatMap(({ table, constraint, column }) => {
      if (constraint.notValid || !constraint.enforced) return []
      const columns = columnsIn(constraint.expression)
      // On columns added without a default there is nothing to violate it, but the server reads all rows nevertheless.
      const newOnly = columns.length > 0 && columns.every((name) => isNewColumn(context, table, name))
      const name =
        constraint.name === undefined
          ? derivedName(table.name, columns[0] ?? column?.name ?? '', 'check')
          : showIdent(constraint.name)
      const add =
        column === undefined && constraint.name !== undefined && isSingleAction(context.statement)
          ? `${context.statement.text} not valid;`
          : `alter table ${showTable(table)} add constraint ${name} check (…) not valid;`
      return {
        message: `Adding check ${name} reads all of ${showTable(table)} while nobody may use it${newOnly ? ' (even though its columns are new)' : ''}`,
        fix: `${add}\n-- in a transaction of its own:\nalter table ${showTable(table)} validate constraint ${name};`,
        table,
        lock: 'ACCESS EXCLUSIVE' as const,
      }
    }),
}
