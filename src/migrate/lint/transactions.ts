// Which statements share a transaction, as the runner cuts a script (src/plan/blocks.ts), but for any script at all:
// BEGIN … COMMIT of the file, and otherwise every run of statements between those that cannot be in a transaction block.

import type { ParsedStatement } from '../../sql/parse.ts'
import { actionsOf } from './alter.ts'
import { child, flag, hasOption, text } from './ast.ts'

export interface TransactionPlan {
  /** By index; undefined: by itself, outside. */
  readonly groups: readonly (number | undefined)[]
  /** By index: between BEGIN and COMMIT of the file. */
  readonly explicit: readonly boolean[]
}

export function planTransactions(statements: readonly ParsedStatement[]): TransactionPlan {
  const groups: (number | undefined)[] = []
  const explicit: boolean[] = []
  let group = 0
  let open = false
  for (const statement of statements) {
    const control = controlOf(statement)
    if (control === 'begin' && !open) {
      group++
      open = true
    }
    const outside = !open && runsOutsideTransaction(statement)
    groups.push(outside ? undefined : group)
    explicit.push(open)
    if (outside || (!open && endsBlock(statement))) group++
    if (control === 'end' && open) {
      group++
      open = false
    }
  }
  return { groups, explicit }
}

/** Whether a statement opens or ends a transaction; savepoints do neither. */
export function controlOf(statement: ParsedStatement): 'begin' | 'end' | undefined {
  if (statement.kind !== 'TransactionStmt') return undefined
  switch (text(statement.node, 'kind')) {
    case 'TRANS_STMT_BEGIN':
    case 'TRANS_STMT_START':
      return 'begin'
    case 'TRANS_STMT_COMMIT':
    case 'TRANS_STMT_ROLLBACK':
    case 'TRANS_STMT_PREPARE':
      return 'end'
    default:
      return undefined
  }
}

/** A new enum value must be committed before it is used, so the runner ends the transaction after it. */
function endsBlock({ kind, node }: ParsedStatement): boolean {
  return kind === 'AlterEnumStmt' && text(node, 'newVal') !== undefined && text(node, 'oldVal') === undefined
}

const alwaysOutside: ReadonlySet<string> = new Set([
  'CreatedbStmt',
  'DropdbStmt',
  'CreateTableSpaceStmt',
  'DropTableSpaceStmt',
  'AlterSystemStmt',
])

export function runsOutsideTransaction(statement: ParsedStatement): boolean {
  const { kind, node } = statement
  if (alwaysOutside.has(kind)) return true
  if (kind === 'VacuumStmt') return flag(node, 'is_vacuumcmd')
  if (kind === 'ClusterStmt') return child(node, 'relation') === undefined
  if (kind === 'ReindexStmt') return child(node, 'relation') === undefined || hasOption(node, 'params', 'concurrently')
  return isConcurrent(statement)
}

/** CREATE INDEX, DROP INDEX, REINDEX or DETACH PARTITION with CONCURRENTLY. */
function isConcurrent(statement: ParsedStatement): boolean {
  const { kind, node } = statement
  if (kind === 'IndexStmt' || kind === 'DropStmt') return flag(node, 'concurrent')
  if (kind === 'ReindexStmt') return hasOption(node, 'params', 'concurrently')
  return actionsOf(statement, 'AT_DetachPartition').some(({ definition }) => flag(definition?.node, 'concurrent'))
}
