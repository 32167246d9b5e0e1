// What one statement needs around it, read from its syntax tree: whether it can stand in a transaction block, whether
// the block must end after it, and, where it runs outside, how to tell afterwards if it was carried out (recovery.ts).
// What the tree cannot tell (REINDEX of a partitioned table, CALL of a procedure that commits) is learned from the
// server's refusal: script.ts then moves the statement outside.

import { StrataError } from '../base/errors.ts'
import { endsTransactions, type AstNode, type ParsedStatement } from '../sql/parse.ts'

export type Placement =
  /** In a transaction block together with its neighbours. */
  | { readonly where: 'inside'; readonly endsBlock: boolean }
  /** Alone, in no transaction block. */
  | { readonly where: 'outside'; readonly effect: OutsideEffect }
  /** BEGIN, COMMIT: not run, they only mark a block the author wants. */
  | { readonly where: 'mark'; readonly mark: 'begin' | 'commit' }

/** How to find out, after a crash, what became of a statement that ran outside a transaction. */
export type OutsideEffect =
  | { readonly kind: 'create-index'; readonly schema: string | null; readonly table: string; readonly index: string }
  | { readonly kind: 'drop-index'; readonly indexes: readonly (readonly string[])[]; readonly missingOk: boolean }
  | { readonly kind: 'reindex' }
  | { readonly kind: 'detach'; readonly parent: readonly string[]; readonly partition: readonly string[] }
  /** A database, tablespace or subscription that is to come or to go. */
  | { readonly kind: 'presence'; readonly catalog: SharedCatalog; readonly name: string; readonly comes: boolean }
  /** It commits by itself (DO, CALL): how far an interrupted one came, only a person can find out. */
  | { readonly kind: 'unknown' }
  /** Running it again does no harm: VACUUM, CLUSTER, ALTER SYSTEM, … */
  | { readonly kind: 'repeatable' }

type SharedCatalog = 'pg_database' | 'pg_tablespace' | 'pg_subscription'

const inside: Placement = { where: 'inside', endsBlock: false }
const repeatable: Placement = { where: 'outside', effect: { kind: 'repeatable' } }

const refusedKinds: Readonly<Record<string, string>> = {
  DiscardStmt: 'DISCARD ALL would release the lock that keeps two runners apart; use RESET or DISCARD TEMP',
  PrepareStmt: 'a prepared statement lives in one session only, and a restart is another session',
}

export async function classify(statement: ParsedStatement): Promise<Placement> {
  const { kind, node } = statement
  switch (kind) {
    case 'IndexStmt':
      return node['concurrent'] === true ? concurrentIndex(statement) : inside
    case 'DropStmt':
      return node['concurrent'] === true ? dropIndex(node) : inside
    case 'ReindexStmt':
      return reindex(node)
    case 'AlterTableStmt':
      return detach(node) ?? inside
    case 'AlterEnumStmt':
      // The new value must not be used before it is committed.
      return { where: 'inside', endsBlock: node['newVal'] !== undefined && node['oldVal'] === undefined }
    case 'VacuumStmt':
      return node['is_vacuumcmd'] === true ? repeatable : inside
    case 'ClusterStmt':
      return node['relation'] === undefined ? repeatable : inside
    case 'CreatedbStmt':
      return presence('pg_database', node['dbname'], true)
    case 'DropdbStmt':
      return presence('pg_database', node['dbname'], false)
    case 'CreateTableSpaceStmt':
      return presence('pg_tablespace', node['tablespacename'], true)
    case 'DropTableSpaceStmt':
      return presence('pg_tablespace', node['tablespacename'], false)
    case 'CreateSubscriptionStmt':
      return presence('pg_subscription', node['subname'], true)
    case 'DropSubscriptionStmt':
      return presence('pg_subscription', node['subname'], false)
    case 'AlterSystemStmt':
    case 'AlterSubscriptionStmt':
      return repeatable
    case 'DoStmt':
      return (await endsTransactions(statement.text)) ? { where: 'outside', effect: { kind: 'unknown' } } : inside
    case 'TransactionStmt':
      return transactionMark(statement)
    default:
      return refuse(statement) ?? inside
  }
}

function presence(catalog: SharedCatalog, name: unknown, comes: boolean): Placement {
  return { where: 'outside', effect: { kind: 'presence', catalog, name: String(name), comes } }
}

function concurrentIndex(statement: ParsedStatement): Placement {
  const index = statement.node['idxname']
  const relation = statement.node['relation'] as AstNode | undefined
  if (typeof index !== 'string') {
    throw invalid(
      statement,
      'CREATE INDEX CONCURRENTLY needs a name here: after a crash a nameless index cannot be told apart',
    )
  }
  const schema = typeof relation?.['schemaname'] === 'string' ? relation['schemaname'] : null
  return { where: 'outside', effect: { kind: 'create-index', schema, table: String(relation?.['relname']), index } }
}

function dropIndex(node: AstNode): Placement {
  const objects = (node['objects'] ?? []) as readonly AstNode[]
  const indexes = objects.map((object) => stringList((object['List'] as AstNode | undefined)?.['items']))
  return { where: 'outside', effect: { kind: 'drop-index', indexes, missingOk: node['missing_ok'] === true } }
}

function reindex(node: AstNode): Placement {
  const concurrently = ((node['params'] ?? []) as readonly AstNode[]).some(
    (param) => (param['DefElem'] as AstNode | undefined)?.['defname'] === 'concurrently',
  )
  const wide = ['REINDEX_OBJECT_SCHEMA', 'REINDEX_OBJECT_SYSTEM', 'REINDEX_OBJECT_DATABASE']
  if (concurrently) return { where: 'outside', effect: { kind: 'reindex' } }
  return wide.includes(String(node['kind'])) ? repeatable : inside
}

function detach(node: AstNode): Placement | undefined {
  for (const item of (node['cmds'] ?? []) as readonly AstNode[]) {
    const command = item['AlterTableCmd'] as AstNode | undefined
    const definition = (command?.['def'] as AstNode | undefined)?.['PartitionCmd'] as AstNode | undefined
    if (command?.['subtype'] !== 'AT_DetachPartition' || definition?.['concurrent'] !== true) continue
    const parent = relationParts(node['relation'] as AstNode)
    const partition = relationParts(definition['name'] as AstNode)
    return { where: 'outside', effect: { kind: 'detach', parent, partition } }
  }
  return undefined
}

function transactionMark(statement: ParsedStatement): Placement {
  if (statement.node['options'] !== undefined || statement.node['chain'] === true) {
    throw invalid(
      statement,
      'options of BEGIN and COMMIT are not kept; let SET TRANSACTION be the first statement instead',
    )
  }
  switch (statement.node['kind']) {
    case 'TRANS_STMT_BEGIN':
    case 'TRANS_STMT_START':
      return { where: 'mark', mark: 'begin' }
    case 'TRANS_STMT_COMMIT':
      return { where: 'mark', mark: 'commit' }
    case 'TRANS_STMT_SAVEPOINT':
    case 'TRANS_STMT_RELEASE':
    case 'TRANS_STMT_ROLLBACK_TO':
      return inside
    default:
      throw invalid(statement, 'it would undo or hand over the work of this very script')
  }
}

function refuse(statement: ParsedStatement): undefined {
  const { kind, node } = statement
  if (kind === 'DiscardStmt' && node['target'] !== 'DISCARD_ALL') return undefined
  if (kind === 'CopyStmt' && node['filename'] === undefined) {
    throw invalid(statement, 'COPY from or to a client needs a client; use INSERT, or psql')
  }
  const reason = refusedKinds[kind]
  if (reason !== undefined) throw invalid(statement, reason)
  return undefined
}

function invalid(statement: ParsedStatement, reason: string): StrataError {
  return new StrataError('MIGRATION_INVALID', {
    message: `Line ${statement.line}: this statement cannot be used here: ${reason}`,
    notes: [firstLine(statement.text)],
    details: { line: statement.line },
  })
}

/** Enough of a statement to know it by. */
export function firstLine(text: string): string {
  const [line = ''] = text.split('\n')
  return line.length > 120 ? `${line.slice(0, 119)}…` : line
}

export function relationParts(relation: AstNode): readonly string[] {
  const parts = [relation['schemaname'], relation['relname']]
  return parts.filter((part): part is string => typeof part === 'string')
}

function stringList(items: unknown): readonly string[] {
  return ((items ?? []) as readonly AstNode[]).map((item) => String((item['String'] as AstNode | undefined)?.['sval']))
}
