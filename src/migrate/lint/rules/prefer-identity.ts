import { typedColumns } from '../alter.ts'
import { showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const preferIdentity: Rule = {
  name: 'prefer-identity',
  harm: 'style',
  summary: 'A serial column.',
  why: 'A serial is a default on a sequence with an owner and privileges of its own; an identity column is the standard form and cannot be written to by accident.',
  bad: 'create table plays (id bigserial primary key);',
  good: 'create table plays (id bigint generated always as identity primary key);',
  check: ({ statement }) =>
    typedColumns(statement)
      .filter(({ type }) => /^(small|big)?serial[248]?$/.test(type.name))
      .map(({ table, name }) => ({
        message: `Column ${showIdent(name)} of ${showTable(table)} is a serial`,
        fix: `${showIdent(name)} bigint generated always as identity`,
        table,
      })),
}
