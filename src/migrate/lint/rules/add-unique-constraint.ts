import { addedConstraints } from '../alter.ts'
import { derivedName, showColumns, showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const addUniqueConstraint: Rule = {
  name: 'add-unique-constraint',
  harm: 'scan-blocking-all',
  summary: 'A UNIQUE constraint added without USING INDEX.',
  why: 'Its index is built under ACCESS EXCLUSIVE: nobody reads or writes the table meanwhile.',
  bad: 'alter table users add constraint users_email_key unique (email);',
  good: `create unique index concurrently users_email_key on users (email);
alter table users add constraint users_email_key unique using index users_email_key;`,
  check: ({ statement }) =>
    addedConstraints(statement, 'CONSTR_UNIQUE').flatMap(({ table, constraint, column }) => {
      if (constraint.usingIndex !== undefined) return []
      const columns = column === undefined ? constraint.columns : [column.name]
      const name =
        constraint.name === undefined ? derivedName(table.name, ...columns, 'key') : showIdent(constraint.name)
      const shown = showTable(table)
      return {
        message: `Adding a unique constraint on ${shown} (${showColumns(columns)}) builds its index while nobody may use the table`,
        fix: [
          `create unique index concurrently ${name} on ${shown} (${showColumns(columns)});`,
          `alter table ${shown} add constraint ${name} unique using index ${name};`,
        ].join('\n'),
        table,
        lock: 'ACCESS EXCLUSIVE' as const,
      }
    }),
}
