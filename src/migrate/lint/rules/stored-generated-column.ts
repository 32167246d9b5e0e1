import { adviseBackfill } from '../backfill-advice.ts'
import { actionsOf, addedColumns, findConstraint } from '../alter.ts'
import { text } from '../ast.ts'
import { showIdent, showTable, type TableName } from '../names.ts'
import type { Rule, Violation } from '../types.ts'

export const storedGeneratedColumn: Rule = {
  name: 'stored-generated-column',
  harm: 'rewrite',
  summary: 'ADD COLUMN … GENERATED ALWAYS AS (…) STORED, or SET EXPRESSION on such a column.',
  why: 'The value is computed for every row that is there: the table is written anew under ACCESS EXCLUSIVE.',
  bad: 'alter table plays add column seconds int generated always as (ms / 1000) stored;',
  good: `alter table plays add column seconds int;
-- keep it by a trigger from now on, and fill the old rows in a batched backfill; on PostgreSQL 18 VIRTUAL costs nothing`,
  check: (context) => [
    ...addedColumns(context.statement).flatMap(({ table, column }) => {
      const generated = findConstraint(column, 'CONSTR_GENERATED')
      // Before 18 there is only STORED; since 18 VIRTUAL is the default.
      if (generated === undefined || text(generated.node, 'generated_kind') === 'v') return []
      return describe(table, column.name, context.version)
    }),
    ...actionsOf(context.statement, 'AT_SetExpression').map(({ table, name }) =>
      describe(table, name ?? '', context.version),
    ),
  ],
}

function describe(table: TableName, name: string, version: number): Violation {
  const add = `alter table ${showTable(table)} add column ${showIdent(name)} …`
  const byTrigger = `${add}; -- plain, and kept by a trigger\n${adviseBackfill(table)}`
  return {
    message: `Stored generated column ${showIdent(name)} is computed for every row of ${showTable(table)}: the whole table is written anew`,
    fix: version >= 18 ? `${add} generated always as (…) virtual;\n-- or\n${byTrigger}` : byTrigger,
    lock: 'ACCESS EXCLUSIVE',
    table,
  }
}
