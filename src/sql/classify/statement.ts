// What one statement is, besides a read or not: what it does to the transaction, to the session, and where it can stand.
// Pure; judged by kind and options in the syntax tree. What a function, a procedure or an EXECUTEd statement does inside
// cannot be seen; only a DO block shows its body.

import type { AstNode } from '../parse.ts'
import { listOf } from './functions.ts'
import type { RawStatement } from './parser.ts'

export type TransactionEffect = 'none' | 'begin' | 'begin-read-only' | 'commit' | 'rollback' | 'other'

const transactionSettings: ReadonlySet<string> = new Set([
  'TRANSACTION',
  'TRANSACTION SNAPSHOT',
  'transaction_isolation',
  'transaction_read_only',
  'transaction_deferrable',
])

export function transactionEffect({ kind, node }: RawStatement): TransactionEffect {
  if (kind === 'ConstraintsSetStmt') return 'other'
  if (kind === 'VariableSetStmt') return transactionSettings.has(String(node['name'])) ? 'other' : 'none'
  if (kind !== 'TransactionStmt') return 'none'
  if (node['chain'] === true) return 'other'
  switch (node['kind']) {
    case 'TRANS_STMT_BEGIN':
    case 'TRANS_STMT_START':
      return startsReadOnly(node) ? 'begin-read-only' : 'begin'
    case 'TRANS_STMT_COMMIT':
      return 'commit'
    case 'TRANS_STMT_ROLLBACK':
      return 'rollback'
    default:
      return 'other'
  }
}

/** READ ONLY without a READ WRITE beside it. A replica knows no serializable transactions, so such a one is no help. */
function startsReadOnly(node: AstNode): boolean {
  const options = listOf(node['options']).map((option) => option['DefElem'] as AstNode)
  const valuesOf = (name: string): readonly AstNode[] =>
    options
      .filter((option) => option['defname'] === name)
      .map((option) => ((option['arg'] as AstNode | undefined)?.['A_Const'] ?? {}) as AstNode)
  const accesses = valuesOf('transaction_read_only').map((value) => (value['ival'] as AstNode | undefined)?.['ival'])
  const levels = valuesOf('transaction_isolation').map((value) => (value['sval'] as AstNode | undefined)?.['sval'])
  return accesses.length > 0 && accesses.every((access) => access === 1) && !levels.includes('serializable')
}

const keepingKinds: ReadonlySet<string> = new Set([
  'PrepareStmt',
  'ExecuteStmt',
  'DeallocateStmt',
  'ListenStmt',
  'UnlistenStmt',
  'DiscardStmt',
  'LoadStmt',
])

/** CURSOR_OPT_HOLD of the server's parsenodes.h. */
const holdOption = 0x20

/** Words by which the body of a DO block leaves something behind. SET may be that of an UPDATE: then for nothing. */
const keepingWords =
  /\b(?:set|reset|set_config|setseed|set_limit|listen|unlisten|prepare|deallocate|discard|load|temp|temporary|pg_temp|pg_(?:try_)?advisory_lock(?:_shared)?|dblink_connect(?:_u)?|execute)\b/i

/** Whether a statement leaves something on the session by its kind; calls and temporary names are the survey's. */
export function keepsStateByKind({ kind, node }: RawStatement): boolean {
  switch (kind) {
    case 'VariableSetStmt':
      return node['is_local'] !== true && node['name'] !== 'TRANSACTION' && node['name'] !== 'TRANSACTION SNAPSHOT'
    case 'DeclareCursorStmt':
      return (Number(node['options'] ?? 0) & holdOption) !== 0
    case 'DoStmt':
      return keepingWords.test(bodyOf(node))
    default:
      return keepingKinds.has(kind)
  }
}

function bodyOf(block: AstNode): string {
  return listOf(block['args'])
    .map((item) => (item['DefElem'] as AstNode | undefined)?.['arg'] as AstNode | undefined)
    .map((argument) => ((argument?.['String'] as AstNode | undefined)?.['sval'] as string | undefined) ?? '')
    .join('\n')
}

const neverInBlock: ReadonlySet<string> = new Set([
  'TransactionStmt',
  'CallStmt',
  'DoStmt',
  'DiscardStmt',
  'CreatedbStmt',
  'DropdbStmt',
  'AlterDatabaseStmt',
  'CreateTableSpaceStmt',
  'DropTableSpaceStmt',
  'AlterSystemStmt',
  'CreateSubscriptionStmt',
  'AlterSubscriptionStmt',
  'DropSubscriptionStmt',
  // Of a partitioned table these two refuse a block as well, and that cannot be seen.
  'ReindexStmt',
  'ClusterStmt',
])

/** Whether it may stand in a transaction block beside another statement. */
export function isBlockable(statement: RawStatement): boolean {
  const { kind, node } = statement
  if (neverInBlock.has(kind)) return false
  switch (kind) {
    case '':
      return false
    case 'VariableSetStmt':
      return transactionEffect(statement) === 'none'
    case 'VacuumStmt':
      return node['is_vacuumcmd'] !== true
    case 'IndexStmt':
    case 'DropStmt':
      return node['concurrent'] !== true
    case 'AlterTableStmt':
      return !detachesConcurrently(node)
    default:
      return true
  }
}

function detachesConcurrently(node: AstNode): boolean {
  return listOf(node['cmds']).some((item) => {
    const definition = (item['AlterTableCmd'] as AstNode | undefined)?.['def'] as AstNode | undefined
    return (definition?.['PartitionCmd'] as AstNode | undefined)?.['concurrent'] === true
  })
}

const preparableKinds: ReadonlySet<string> = new Set([
  'SelectStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
])

/** SELECT INTO is CREATE TABLE AS by another name. */
export function isPreparable({ kind, node }: RawStatement): boolean {
  return preparableKinds.has(kind) && !makesTable(node)
}

function makesTable(select: AstNode): boolean {
  for (let query: AstNode | undefined = select; query !== undefined; query = query['larg'] as AstNode | undefined) {
    if (query['intoClause'] !== undefined) return true
  }
  return false
}

const deeds: Readonly<Record<string, string>> = {
  InsertStmt: 'inserts rows',
  UpdateStmt: 'updates rows',
  DeleteStmt: 'deletes rows',
  MergeStmt: 'merges rows',
  TransactionStmt: 'controls the transaction',
  ConstraintsSetStmt: 'controls the transaction',
  VariableSetStmt: 'changes a setting',
  VariableShowStmt: 'reads a setting of the server',
  PrepareStmt: 'belongs to a session (PREPARE)',
  ExecuteStmt: 'belongs to a session (EXECUTE)',
  DeallocateStmt: 'belongs to a session (DEALLOCATE)',
  ListenStmt: 'belongs to a session (LISTEN)',
  UnlistenStmt: 'belongs to a session (UNLISTEN)',
  DiscardStmt: 'belongs to a session (DISCARD)',
  DeclareCursorStmt: 'belongs to a session (DECLARE)',
  FetchStmt: 'belongs to a session (FETCH)',
  ClosePortalStmt: 'belongs to a session (CLOSE)',
  CopyStmt: 'copies rows (COPY)',
  CallStmt: 'runs a procedure (CALL)',
  DoStmt: 'runs a block of code (DO)',
  LockStmt: 'locks a table (LOCK)',
  NotifyStmt: 'notifies (NOTIFY)',
}

/** Why it is no read; undefined if that depends on what is in it: on `query`. */
export function judgeKind({ kind, node }: RawStatement): { readonly refusal: string } | { readonly query: AstNode } {
  if (kind === 'SelectStmt') return { query: node }
  if (kind !== 'ExplainStmt') return { refusal: deeds[kind] ?? `is no query (${kind.replace(/Stmt$/, '')})` }
  if (runsStatement(node)) return { refusal: 'runs the statement (EXPLAIN ANALYZE)' }
  const query = (node['query'] as AstNode | undefined)?.['SelectStmt'] as AstNode | undefined
  return query === undefined ? { refusal: 'explains a write' } : { query }
}

/** ANALYZE, even where it is switched off: the values that do so are many. */
function runsStatement(node: AstNode): boolean {
  return listOf(node['options']).some((option) => {
    const name = (option['DefElem'] as AstNode | undefined)?.['defname']
    return name === 'analyze' || name === 'analyse'
  })
}
