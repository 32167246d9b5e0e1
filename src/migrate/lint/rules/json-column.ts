import { typedColumns } from '../alter.ts'
import { showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const jsonColumn: Rule = {
  name: 'json-column',
  harm: 'breaks-clients',
  summary: 'A column of type json.',
  why: 'json has no equality: SELECT DISTINCT, GROUP BY and UNION over the table fail as soon as the column is there. It has no useful index either.',
  bad: 'alter table plays add column context json;',
  good: 'alter table plays add column context jsonb;',
  check: ({ statement, createdHere }) =>
    typedColumns(statement)
      .filter(({ type }) => type.name === 'json' && !type.array)
      .map(({ table, name }) => ({
        message: `Column ${showIdent(name)} of ${showTable(table)} is json: queries with DISTINCT or GROUP BY over it fail`,
        fix: `Use jsonb: ${showIdent(name)} jsonb`,
        table,
        // Nobody queries a new table yet.
        harm: statement.kind === 'CreateStmt' || createdHere(table) ? ('style' as const) : ('breaks-clients' as const),
      })),
}
