import { typedColumns } from '../alter.ts'
import { showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const preferBigintOverInt: Rule = {
  name: 'prefer-bigint-over-int',
  harm: 'style',
  summary: 'A column of 32-bit integers.',
  why: 'It ends at 2,147,483,647, and changing it later rewrites the table. On disk alignment often eats what it saves.',
  bad: 'create table plays (id int primary key);',
  good: 'create table plays (id bigint primary key);',
  check: ({ statement }) =>
    typedColumns(statement)
      .filter(({ type }) => ['int4', 'serial', 'serial4', 'int', 'integer'].includes(type.name))
      .map(({ table, name }) => ({
        message: `Column ${showIdent(name)} of ${showTable(table)} is a 32-bit integer`,
        fix: `${showIdent(name)} bigint`,
        table,
      })),
}
