import { typedColumns } from '../alter.ts'
import { showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const preferTimestampTz: Rule = {
  name: 'prefer-timestamp-tz',
  harm: 'style',
  summary: 'A timestamp column without time zone.',
  why: 'It says what a clock showed, not when: the moment depends on who reads it.',
  bad: 'create table plays (at timestamp);',
  good: 'create table plays (at timestamptz);',
  check: ({ statement }) =>
    typedColumns(statement)
      .filter(({ type }) => type.name === 'timestamp')
      .map(({ table, name }) => ({
        message: `Column ${showIdent(name)} of ${showTable(table)} has no time zone`,
        fix: `${showIdent(name)} timestamptz`,
        table,
      })),
}
