import { addedConstraints } from '../alter.ts'
import { isProvenNotNull } from '../history.ts'
import { derivedName, showColumns, showIdent, showTable } from '../names.ts'
import type { LintContext, Rule, Violation } from '../types.ts'
import type { AddedConstraint } from '../alter.ts'

export const addPrimaryKey: Rule = {
  name: 'add-primary-key',
  harm: 'scan-blocking-all',
  summary: 'A primary key added without USING INDEX, or by an index whose columns can still be null.',
  why: 'Its index is built, and its columns are checked for nulls, under ACCESS EXCLUSIVE: nobody reads or writes the table meanwhile.',
  bad: 'alter table plays add primary key (id);',
  good: `create unique index concurrently plays_pkey on plays (id);
-- id is already "not null" (see set-not-null)
alter table plays add constraint plays_pkey primary key using index plays_pkey;`,
  check: (context) =>
    addedConstraints(context.statement, 'CONSTR_PRIMARY').flatMap((added) =>
      added.constraint.usingIndex === undefined
        ? withoutIndex(added)
        : withIndex(context, added, added.constraint.usingIndex),
    ),
}

function withoutIndex({ table, constraint, column }: AddedConstraint): Violation {
  const columns = column === undefined ? constraint.columns : [column.name]
  const name = constraint.name === undefined ? derivedName(table.name, 'pkey') : showIdent(constraint.name)
  const shown = showTable(table)
  return {
    message: `Adding a primary key to ${shown} builds its index while nobody may use the table`,
    fix: [
      `create unique index concurrently ${name} on ${shown} (${showColumns(columns)});`,
      `alter table ${shown} add constraint ${name} primary key using index ${name};`,
    ].join('\n'),
    table,
    lock: 'ACCESS EXCLUSIVE',
  }
}

function withIndex(context: LintContext, { table }: AddedConstraint, index: string): readonly Violation[] {
  const columns = context.table(table)?.indexes.find(({ name }) => name === index)?.columns ?? []
  const nullable = columns.filter((column) => !isProvenNotNull(context, table, column))
  if (nullable.length === 0) return []
  return [
    {
      message: `Making ${showIdent(index)} the primary key reads all of ${showTable(table)}, for ${showColumns(nullable)} can be null`,
      fix: nullable
        .map(
          (column) =>
            `-- first, as rule set-not-null says: alter table ${showTable(table)} alter column ${showIdent(column)} set not null;`,
        )
        .join('\n'),
      table,
      lock: 'ACCESS EXCLUSIVE',
    },
  ]
}
