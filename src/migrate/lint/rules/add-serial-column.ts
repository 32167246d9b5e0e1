import { adviseBackfill } from '../backfill-advice.ts'
import { addedColumns, findConstraint } from '../alter.ts'
import { showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const addSerialColumn: Rule = {
  name: 'add-serial-column',
  harm: 'rewrite',
  summary: 'ADD COLUMN of a serial type, or GENERATED … AS IDENTITY, on a table that exists.',
  why: 'Each row that is there gets its own number from the sequence: the table is written anew under ACCESS EXCLUSIVE.',
  bad: 'alter table plays add column id bigserial;',
  good: `create sequence plays_id_seq;
alter table plays add column id bigint;
alter table plays alter column id set default nextval('plays_id_seq');
-- then number the old rows in a batched backfill`,
  check: ({ statement }) =>
    addedColumns(statement).flatMap(({ table, column }) => {
      const serial = /^(small|big)?serial[248]?$/.test(column.type.name)
      if (!serial && findConstraint(column, 'CONSTR_IDENTITY') === undefined) return []
      const [shown, name] = [showTable(table), showIdent(column.name)]
      return {
        message: `Column ${name} numbers every row of ${shown}: the whole table is written anew`,
        fix: [
          `alter table ${shown} add column ${name} bigint;`,
          `-- make a sequence, and set it as the default of ${name}`,
          adviseBackfill(table),
        ].join('\n'),
        table,
        lock: 'ACCESS EXCLUSIVE' as const,
      }
    }),
}
