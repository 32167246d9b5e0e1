import { typedColumns } from '../alter.ts'
import { showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const preferTextField: Rule = {
  name: 'prefer-text-field',
  harm: 'style',
  summary: 'A varchar column with a length.',
  why: 'A limit is part of the type, and making it smaller rewrites the table; a CHECK can be replaced without.',
  bad: 'create table tracks (title varchar(200));',
  good: 'create table tracks (title text check (length(title) <= 200));',
  check: ({ statement }) =>
    typedColumns(statement)
      .filter(({ type }) => type.name === 'varchar' && type.modifiers.length > 0)
      .map(({ table, name }) => ({
        message: `Column ${showIdent(name)} of ${showTable(table)} has its limit in the type`,
        fix: `${showIdent(name)} text check (length(…) <= …)`,
        table,
      })),
}
