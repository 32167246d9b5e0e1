import { actionsOf, addedConstraints } from '../alter.ts'
import { isProvenNotNull } from '../history.ts'
import { derivedName, showIdent, showTable, type TableName } from '../names.ts'
import type { LintContext, Rule, Violation } from '../types.ts'

export const setNotNull: Rule = {
  name: 'set-not-null',
  harm: 'scan-blocking-all',
  summary:
    'SET NOT NULL, or a NOT NULL constraint without NOT VALID, on a column that no validated constraint proves to be without nulls.',
  why: 'All rows are read under ACCESS EXCLUSIVE, unless a validated CHECK (column IS NOT NULL) has already shown that there is no null.',
  bad: 'alter table plays alter column track_id set not null;',
  good: `alter table plays add constraint plays_track_id_not_null check (track_id is not null) not valid;
-- in a transaction of its own:
alter table plays validate constraint plays_track_id_not_null;
alter table plays alter column track_id set not null;
alter table plays drop constraint plays_track_id_not_null;`,
  check: (context) => [
    ...actionsOf(context.statement, 'AT_SetNotNull').flatMap(({ table, name }) =>
      judgeColumn(context, table, name ?? ''),
    ),
    ...addedConstraints(context.statement, 'CONSTR_NOTNULL').flatMap(({ table, constraint, column }) =>
      column === undefined && !constraint.notValid ? judgeColumn(context, table, constraint.columns[0] ?? '') : [],
    ),
  ],
}

function judgeColumn(context: LintContext, table: TableName, column: string): readonly Violation[] {
  if (isProvenNotNull(context, table, column)) return []
  return [
    {
      message: `Setting ${showIdent(column)} of ${showTable(table)} to NOT NULL reads the whole table while nobody may use it`,
      fix: context.version >= 18 ? recipe18(table, column) : recipe12(table, column),
      table,
      lock: 'ACCESS EXCLUSIVE',
    },
  ]
}

function recipe12(table: TableName, column: string): string {
  const alter = `alter table ${showTable(table)}`
  const check = derivedName(table.name, column, 'not_null')
  return [
    `${alter} add constraint ${check} check (${showIdent(column)} is not null) not valid;`,
    '-- in a transaction of its own:',
    `${alter} validate constraint ${check};`,
    `${alter} alter column ${showIdent(column)} set not null;`,
    `${alter} drop constraint ${check};`,
  ].join('\n')
}

function recipe18(table: TableName, column: string): string {
  const alter = `alter table ${showTable(table)}`
  const constraint = derivedName(table.name, column, 'not_null')
  return [
    `${alter} add constraint ${constraint} not null ${showIdent(column)} not valid;`,
    '-- in a transaction of its own:',
    `${alter} validate constraint ${constraint};`,
  ].join('\n')
}
