import { addedColumns, defaultOf, findConstraint, isNotNull } from '../alter.ts'
import { showIdent, showTable } from '../names.ts'
import { showType } from '../sql-types.ts'
import type { Rule } from '../types.ts'

const serials: ReadonlySet<string> = new Set(['serial', 'bigserial', 'smallserial', 'serial2', 'serial4', 'serial8'])

export const addRequiredColumn: Rule = {
  name: 'add-required-column',
  harm: 'fails',
  summary: 'ADD COLUMN … NOT NULL without a default.',
  why: 'It fails on a table that has rows; and on one that has none, the code that runs today inserts rows without the column.',
  bad: 'alter table users add column country text not null;',
  good: "alter table users add column country text not null default 'unknown';",
  check: ({ statement, table: factsOf, createdHere }) =>
    addedColumns(statement).flatMap(({ table, column }) => {
      const filled =
        defaultOf(column) !== undefined ||
        serials.has(column.type.name) ||
        ['CONSTR_GENERATED', 'CONSTR_IDENTITY'].some((kind) => findConstraint(column, kind) !== undefined)
      if (!isNotNull(column) || filled || createdHere(table) || factsOf(table)?.sizeBytes === 0) return []
      const name = showIdent(column.name)
      return {
        message: `Column ${name} cannot be added to ${showTable(table)} as NOT NULL: the rows that are there have no value for it`,
        fix: [
          `alter table ${showTable(table)} add column ${name} ${showType(column.type)} not null default …; -- instant with a constant`,
          '-- or add it without NOT NULL, backfill it, and go on as rule set-not-null says',
        ].join('\n'),
        table,
        lock: 'ACCESS EXCLUSIVE' as const,
      }
    }),
}
