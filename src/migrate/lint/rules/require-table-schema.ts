import { actionsOf, createdTable } from '../alter.ts'
import { child, droppedNames, isDrop, movesTable, renamesInTable, tableOf } from '../ast.ts'
import { showTable, tableKey } from '../names.ts'
import type { Rule } from '../types.ts'

export const requireTableSchema: Rule = {
  name: 'require-table-schema',
  harm: 'style',
  optIn: true,
  summary: 'CREATE, ALTER or DROP TABLE without the name of the schema. Off unless switched on.',
  why: 'Which table is meant depends on the search_path of whoever runs the migration.',
  bad: 'create table plays (id bigint);',
  good: 'create table app.plays (id bigint);',
  check: ({ statement }) => {
    const { kind, node } = statement
    const isTemporary = child(node, 'relation')?.['relpersistence'] === 't'
    const named = [
      ...(kind === 'CreateTableAsStmt' || (kind === 'CreateStmt' && !isTemporary) ? [createdTable(statement)] : []),
      ...actionsOf(statement).map(({ table }) => table),
      ...(isDrop(statement, 'OBJECT_TABLE') ? droppedNames(statement) : []),
      ...(renamesInTable(statement) || movesTable(statement) ? [tableOf(child(node, 'relation'))] : []),
    ].flatMap((table) => (table === undefined || table.schema !== undefined ? [] : table))
    return [...new Map(named.map((table) => [tableKey(table), table])).values()].map((table) => ({
      message: `Table ${showTable(table)} is named without its schema`,
      fix: `public.${showTable(table)}`,
      table,
    }))
  },
}
