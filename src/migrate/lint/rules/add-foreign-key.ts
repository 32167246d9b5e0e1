import { addedConstraints, defaultOf, isSingleAction } from '../alter.ts'
import { derivedName, sameTable, showColumns, showIdent, showTable } from '../names.ts'
import type { Rule, Violation } from '../types.ts'

export const addForeignKey: Rule = {
  name: 'add-foreign-key',
  harm: 'scan-blocking-writes',
  summary: 'A foreign key added without NOT VALID, or together with its column.',
  why: 'SHARE ROW EXCLUSIVE is held on both tables while every row is looked up in the other: writes to both wait.',
  bad: 'alter table plays add constraint plays_track_fk foreign key (track_id) references tracks (id);',
  good: `alter table plays add constraint plays_track_fk foreign key (track_id) references tracks (id) not valid;
-- in a transaction of its own:
alter table plays validate constraint plays_track_fk;`,
  check: (context) =>
    addedConstraints(context.statement, 'CONSTR_FOREIGN').flatMap(
      ({ table, constraint, column }): readonly Violation[] => {
        if (constraint.notValid || !constraint.enforced) return []
        const columns = column === undefined ? constraint.columns : [column.name]
        const other = constraint.references ?? { name: '?' }
        const name =
          constraint.name === undefined ? derivedName(table.name, ...columns, 'fkey') : showIdent(constraint.name)
        const add =
          column === undefined && constraint.name !== undefined && isSingleAction(context.statement)
            ? `${context.statement.text} not valid;`
            : `alter table ${showTable(table)} add constraint ${name} foreign key (${showColumns(columns)}) references ${showTable(other)} not valid;`
        const fix = `${add}\n-- in a transaction of its own:\nalter table ${showTable(table)} validate constraint ${name};`
        // A new column without a default is all null: the server skips the look-up, and only the locks remain.
        const scans = column === undefined || defaultOf(column) !== undefined
        const both = `${showTable(table)} and ${showTable(other)}`
        const found: Violation = {
          message: scans
            ? `Adding foreign key ${name} looks up every row of ${showTable(table)} while ${both} take no writes`
            : `Column ${showIdent(column.name)} with its foreign key locks ${both} in one go`,
          fix,
          table,
          lock: 'SHARE ROW EXCLUSIVE',
          ...(scans ? {} : { harm: 'lock-brief' as const }),
        }
        // Where the referencing table is new, the referenced one is still locked for an instant.
        if (!context.createdHere(table) || sameTable(table, other)) return [found]
        return [
          {
            ...found,
            message: `Adding foreign key ${name} locks ${showTable(other)} against writes`,
            table: other,
            harm: 'lock-brief',
          },
        ]
      },
    ),
}
