// How rows are changed without harm, in the words of a .ts migration, for the fixes that rules give.

import type { TableName } from './names.ts'

/** Two lines of comment: the call of m.backfill that changes `table` in small committed batches. */
export function adviseBackfill(table: TableName): string {
  const parts = [...(table.schema === undefined ? [] : [table.schema]), table.name]
  const shown = parts.map((part) => `'${part.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`).join(', ')
  return [
    '-- the old rows in a .ts migration of its own that says `export const transaction = false`:',
    `--   await m.backfill({ table: [${shown}], set: m.sql\`…\`, where: m.sql\`…\` })`,
  ].join('\n')
}
