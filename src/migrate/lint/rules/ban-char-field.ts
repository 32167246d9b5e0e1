import { typedColumns } from '../alter.ts'
import { showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const banCharField: Rule = {
  name: 'ban-char-field',
  harm: 'style',
  summary: 'A char(n) column.',
  why: 'Values are padded with blanks, which count in some comparisons and not in others.',
  bad: 'create table users (country char(2));',
  good: 'create table users (country text check (length(country) = 2));',
  check: ({ statement }) =>
    typedColumns(statement)
      .filter(({ type }) => type.name === 'bpchar' || type.name === 'char')
      .map(({ table, name }) => ({
        message: `Column ${showIdent(name)} of ${showTable(table)} is padded with blanks`,
        fix: `${showIdent(name)} text`,
        table,
      })),
}
