import { typedColumns } from '../alter.ts'
import { showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const preferBigintOverSmallint: Rule = {
  name: 'prefer-bigint-over-smallint',
  harm: 'style',
  summary: 'A column of 16-bit integers.',
  why: 'It ends at 32,767, and changing it later rewrites the table.',
  bad: 'create table tracks (plays smallint);',
  good: 'create table tracks (plays bigint);',
  check: ({ statement }) =>
    typedColumns(statement)
      .filter(({ type }) => ['int2', 'smallserial', 'serial2', 'smallint'].includes(type.name))
      .map(({ table, name }) => ({
        message: `Column ${showIdent(name)} of ${showTable(table)} is a 16-bit integer`,
        fix: `${showIdent(name)} bigint`,
        table,
      })),
}
