import type { ParsedStatement } from '../../../sql/parse.ts'
import { actionsOf } from '../alter.ts'
import { adviseBackfill } from '../backfill-advice.ts'
import { child, tableOf } from '../ast.ts'
import { showTable } from '../names.ts'
import type { Rule } from '../types.ts'

const words: Readonly<Record<string, string>> = {
  UpdateStmt: 'UPDATE',
  DeleteStmt: 'DELETE',
  MergeStmt: 'MERGE',
  InsertStmt: 'INSERT … SELECT',
}

export const writeWithDdl: Rule = {
  name: 'write-with-ddl',
  harm: 'scan-blocking-all',
  summary: 'UPDATE, DELETE, MERGE or INSERT … SELECT in the same transaction as an ALTER TABLE.',
  why: 'The ACCESS EXCLUSIVE lock of ALTER TABLE is held to the end of the transaction: nobody reads or writes the table while the rows are written.',
  bad: `begin;
alter table plays add column country text;
update plays set country = 'unknown' where country is null;
commit;`,
  good: `alter table plays add column country text;
-- and in the next migration a batched backfill of country`,
  check: ({ statement, statements, index, altered, createdHere }) => {
    const locked = altered.find((table) => !createdHere(table))
    if (locked === undefined || !writesMany(statement)) return []
    // One finding for a run of writes: the first one after the ALTER TABLE.
    const previous = statements
      .slice(Math.max(0, index - lookBack), index)
      .findLast((earlier) => writesMany(earlier) || actionsOf(earlier).length > 0)
    if (previous !== undefined && writesMany(previous)) return []
    const written = tableOf(child(statement.node, 'relation')) ?? locked
    return [
      {
        message: `${words[statement.kind] ?? statement.kind} of ${showTable(written)} runs while ALTER TABLE of the same transaction keeps ${showTable(locked)} locked against everything`,
        fix: `Put it into the next migration.\n${adviseBackfill(written)}`,
        table: locked,
        lock: 'ACCESS EXCLUSIVE',
      },
    ]
  },
}

/** Bounds the search in scripts of many thousands of statements; past it, a run gets another finding. */
const lookBack = 100

function writesMany({ kind, node }: ParsedStatement): boolean {
  return kind in words && (kind !== 'InsertStmt' || readsTable(node['selectStmt']))
}

/** SELECT with a FROM, as against VALUES. */
function readsTable(select: unknown): boolean {
  return Array.isArray((select as { SelectStmt?: { fromClause?: unknown } } | undefined)?.SelectStmt?.fromClause)
}
