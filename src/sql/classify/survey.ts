// One walk through the tree of a statement: what in it keeps it from being a read, what it leaves on the session and which
// parameters it has. Fails safe: a node that is not in the list of those known to be harmless is an obstacle.
// What a name hides is not seen: a view that calls nextval, an operator or a column-like call (row.f) of a function that
// writes, a constraint of a domain. A replica refuses what writes, and the classifier learns from that; what only asks
// about the server is answered by the replica.
// The grammar is that of PostgreSQL 18; on an older server json_value(…) may be a function of one's own, for which the same
// holds.

import type { AstNode } from '../parse.ts'
import { keepsStateByCall, nameParts, refuseCall } from './functions.ts'
import { isParticularRelation, isTemporarySchema } from './particular.ts'

export interface Survey {
  /** The first thing found that no read has. */
  readonly obstacle: string | undefined
  readonly keepsState: boolean
  /** The highest $n; 0 for none. */
  readonly parameterCount: number
}

/** Nodes of a query that do nothing by themselves; what stands below them is looked at all the same. */
const harmlessNodes: ReadonlySet<string> = new Set(
  `A_ArrayExpr A_Const A_Expr A_Indices A_Indirection A_Star Alias BitString BoolExpr Boolean BooleanTest CaseExpr CaseWhen
  CoalesceExpr CollateClause ColumnDef ColumnRef CommonTableExpr Float GroupingFunc GroupingSet Integer JoinExpr
  JsonAggConstructor JsonArgument JsonArrayAgg JsonArrayConstructor JsonArrayQueryConstructor JsonBehavior JsonFormat
  JsonFuncExpr JsonIsPredicate JsonKeyValue JsonObjectAgg JsonObjectConstructor JsonOutput JsonParseExpr JsonReturning
  JsonScalarExpr JsonSerializeExpr JsonTable JsonTableColumn JsonTablePathSpec JsonValueExpr List MinMaxExpr NamedArgExpr
  NullTest RangeFunction RangeSubselect RangeTableFunc RangeTableFuncCol ResTarget RowExpr SelectStmt SortBy SQLValueFunction
  SubLink TypeCast TypeName WindowDef XmlExpr XmlSerialize`.split(/\s+/),
)

const dataChanges: ReadonlySet<string> = new Set(['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'])

const temporaryName = 'names what belongs to a session (pg_temp)'

const lockNames: Readonly<Record<string, string>> = {
  LCS_FORKEYSHARE: 'FOR KEY SHARE',
  LCS_FORSHARE: 'FOR SHARE',
  LCS_FORNOKEYUPDATE: 'FOR NO KEY UPDATE',
  LCS_FORUPDATE: 'FOR UPDATE',
}

/** Looks at what stands below `root`. Without recursion: a tree may be deeper than the stack. */
export function surveyTree(root: AstNode, readFunctions: ReadonlySet<string>): Survey {
  let obstacle: string | undefined
  let keepsState = false
  let parameterCount = 0
  const open: unknown[] = [root]
  while (open.length > 0) {
    const value = open.pop()
    if (Array.isArray(value)) {
      // Loops rather than spreads: a list may have more items than a call may have arguments.
      for (let index = value.length - 1; index >= 0; index--) open.push(value[index])
      continue
    }
    if (typeof value !== 'object' || value === null) continue
    for (const key in value) {
      const below = (value as AstNode)[key]
      if (typeof below === 'object' && below !== null) {
        open.push(below)
        const node = below as AstNode
        obstacle ??= isTag(key) ? refuseNode(key, node, readFunctions) : refuseField(key)
        if (key === 'String' && isTemporarySchema(node['sval'])) keepsState = true
        else if (key === 'ParamRef') parameterCount = Math.max(parameterCount, Number(node['number'] ?? 0))
        else if (key === 'FuncCall') keepsState ||= keepsStateByCall(node)
      } else if (isTemporary(key, below)) {
        obstacle ??= temporaryName
        keepsState = true
      } else if (key === 'relname') obstacle ??= refuseRelation(below)
    }
  }
  return { obstacle, keepsState, parameterCount }
}

/** Kinds of nodes are written like this, fields like that. */
function isTag(key: string): boolean {
  const first = key.charCodeAt(0)
  return first >= 65 && first <= 90
}

function refuseNode(kind: string, node: AstNode, readFunctions: ReadonlySet<string>): string | undefined {
  if (harmlessNodes.has(kind)) return undefined
  switch (kind) {
    case 'FuncCall':
      return refuseCall(node, readFunctions)
    case 'String':
      return isTemporarySchema(node['sval']) ? temporaryName : undefined
    case 'ParamRef':
    case 'RangeVar':
      return undefined
    case 'LockingClause':
      return `locks rows (${lockNames[String(node['strength'])] ?? 'FOR …'})`
    case 'RangeTableSample':
      return refuseSample(node)
    default:
      return dataChanges.has(kind) ? 'changes data in a CTE' : `holds ${kind}, which is not known`
  }
}

function refuseField(key: string): string | undefined {
  return key === 'intoClause' ? 'creates a table (SELECT INTO)' : undefined
}

function refuseSample(node: AstNode): string | undefined {
  const method = nameParts(node['method']).join('.')
  return /^(?:pg_catalog\.)?(?:system|bernoulli)$/.test(method)
    ? undefined
    : `samples with ${method}(), which is not known`
}

function refuseRelation(name: unknown): string | undefined {
  return typeof name === 'string' && isParticularRelation(name)
    ? `reads ${name}, which is particular to a server`
    : undefined
}

/** A relation made with TEMP, or one qualified by pg_temp. The parts of other names are String nodes. */
function isTemporary(key: string, value: unknown): boolean {
  if (key === 'relpersistence') return value === 't'
  return (key === 'schemaname' || key === 'newschema') && isTemporarySchema(value)
}
