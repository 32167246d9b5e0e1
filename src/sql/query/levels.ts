// A query as its levels: each SELECT (and the part of an UPDATE or DELETE that looks for rows) with the tables it reads, what
// it asks of them, and how it wants them sorted. Pure. Views stand for themselves: what they read is not seen. A subquery in FROM, a CTE
// and each branch of a UNION is a level of its own.

import type { AstNode, ParsedStatement } from '../parse.ts'
import { columnsIn, listOf, namesOf, readOperand, visit, type ColumnName, type Operand } from './operands.ts'
import { joinConditions, readConditions, type Conditions } from './predicates.ts'

interface TableReference {
  readonly schema: string | undefined
  readonly name: string
  /** What columns of it are called by: the alias, or the name. */
  readonly alias: string
}

interface OrderItem {
  readonly operand: Operand
  readonly descending: boolean
  readonly nullsFirst: boolean
}

export interface QueryLevel {
  /** Of the level around it; undefined for the outermost. */
  readonly parent: number | undefined
  readonly tables: readonly TableReference[]
  /** Subqueries, CTEs and functions in FROM, by alias: their columns are none of a table. */
  readonly derived: readonly string[]
  readonly conditions: Conditions
  /** Empty where rows are grouped or counted first. */
  readonly orderBy: readonly OrderItem[]
  /** An aggregate min(x) or max(x) that is all there is. */
  readonly extreme: Operand | undefined
  readonly groupBy: readonly Operand[]
  readonly limit: Operand | undefined
  readonly offset: Operand | undefined
  /** Every column that is named anywhere in it. */
  readonly columns: readonly ColumnName[]
  /** `*`, or `alias.*`. */
  readonly hasStar: boolean
  /** It locks or changes the rows it finds. */
  readonly changes: boolean
}

export function readLevels(statement: Pick<ParsedStatement, 'kind' | 'node'>): readonly QueryLevel[] {
  const levels: QueryLevel[] = []
  readStatement(statement.kind, statement.node, { parent: undefined, ctes: new Set(), levels })
  return levels
}

interface Around {
  readonly parent: number | undefined
  readonly ctes: ReadonlySet<string>
  readonly levels: QueryLevel[]
}

function readStatement(kind: string, node: AstNode, around: Around): void {
  const within = readCtes(node, around)
  switch (kind) {
    case 'SelectStmt':
      if (node['op'] !== 'SETOP_NONE') {
        for (const side of ['larg', 'rarg']) readStatement('SelectStmt', (node[side] ?? {}) as AstNode, within)
      } else readLevel(node, listOf(node['fromClause']), within)
      return
    case 'UpdateStmt':
      return readLevel(node, [{ RangeVar: node['relation'] }, ...listOf(node['fromClause'])], within)
    case 'DeleteStmt':
      return readLevel(node, [{ RangeVar: node['relation'] }, ...listOf(node['usingClause'])], within)
    case 'InsertStmt': {
      const [inner] = Object.entries((node['selectStmt'] ?? {}) as AstNode)
      if (inner !== undefined) readStatement(inner[0], inner[1] as AstNode, within)
      return
    }
    default:
  }
}

/** A CTE may be named by those after it; a recursive one by itself. */
function readCtes(node: AstNode, around: Around): Around {
  const ctes = new Set(around.ctes)
  const within = { ...around, ctes }
  for (const item of listOf((node['withClause'] as AstNode | undefined)?.['ctes'])) {
    const cte = (item['CommonTableExpr'] ?? {}) as AstNode
    if ((node['withClause'] as AstNode)['recursive'] === true) ctes.add(String(cte['ctename']))
    const [inner] = Object.entries((cte['ctequery'] ?? {}) as AstNode)
    if (inner !== undefined) readStatement(inner[0], inner[1] as AstNode, within)
    ctes.add(String(cte['ctename']))
  }
  return within
}

interface Sources {
  readonly tables: TableReference[]
  readonly derived: string[]
  readonly conditions: Conditions[]
}

function readLevel(node: AstNode, from: readonly AstNode[], around: Around): void {
  const own = around.levels.length
  const sources: Sources = { tables: [], derived: [], conditions: [] }
  // Its place is taken first: what stands below names it as its parent.
  around.levels.push(emptyLevel(around.parent))
  const below = { ...around, parent: own }
  for (const item of from) readSource(item, sources, below)
  const targets = listOf(node['targetList']).map((item) => (item['ResTarget'] ?? {}) as AstNode)
  const gathered = isGathered(node, targets)
  const { fromClause: _from, usingClause: _using, withClause: _with, ...rest } = node
  const conditions = joinConditions(...sources.conditions, readConditions(node['whereClause'] as AstNode | undefined))
  around.levels[own] = {
    parent: around.parent,
    tables: sources.tables,
    derived: sources.derived,
    conditions,
    orderBy: gathered ? [] : listOf(node['sortClause']).flatMap((item) => readOrder(item, targets)),
    extreme: readExtreme(node, targets),
    groupBy: listOf(node['groupClause']).map(readOperand),
    limit: optionalOperand(node['limitCount']),
    offset: optionalOperand(node['limitOffset']),
    columns: [...columnsIn(rest), ...conditions.all.flatMap(({ columns }) => columns)],
    hasStar: hasStar(node),
    changes: node['relation'] !== undefined || node['lockingClause'] !== undefined,
  }
  readSublinks(rest, below)
}

function emptyLevel(parent: number | undefined): QueryLevel {
  return {
    parent,
    tables: [],
    derived: [],
    conditions: joinConditions(),
    orderBy: [],
    extreme: undefined,
    groupBy: [],
    limit: undefined,
    offset: undefined,
    columns: [],
    hasStar: false,
    changes: false,
  }
}

function readSource(item: AstNode, sources: Sources, around: Around): void {
  const [kind, value] = Object.entries(item)[0] ?? ['', {}]
  const body = (value ?? {}) as AstNode
  const alias = (body['alias'] as AstNode | undefined)?.['aliasname']
  if (kind === 'RangeVar') {
    const name = String(body['relname'])
    const schema = typeof body['schemaname'] === 'string' ? body['schemaname'] : undefined
    const called = typeof alias === 'string' ? alias : name
    if (schema === undefined && around.ctes.has(name)) sources.derived.push(called)
    else sources.tables.push({ schema, name, alias: called })
  } else if (kind === 'JoinExpr') {
    readSource(body['larg'] as AstNode, sources, around)
    readSource(body['rarg'] as AstNode, sources, around)
    sources.conditions.push(readConditions(body['quals'] as AstNode | undefined), readUsing(body))
    readSublinks(body['quals'], around)
  } else {
    if (typeof alias === 'string') sources.derived.push(alias)
    const inner = body['subquery'] as AstNode | undefined
    if (inner !== undefined) readStatement('SelectStmt', (inner['SelectStmt'] ?? {}) as AstNode, around)
  }
}

/** USING (a): both sides have it. Of more than two tables only those next to each other are seen. */
function readUsing(join: AstNode): Conditions {
  const [left, right] = [aliasIn(join['larg'] as AstNode), aliasIn(join['rarg'] as AstNode)]
  if (left === undefined || right === undefined) return joinConditions()
  return {
    all: namesOf(join['usingClause']).map((name) => {
      const columns = [left, right].map((alias): ColumnName => ({ qualifier: [alias], name }))
      const [first, second] = columns.map((column): Operand => ({ kind: 'column', column }))
      const nothing: Operand = { kind: 'other', columns: [] }
      return { kind: 'equal', operator: '=', left: first ?? nothing, right: [second ?? nothing], columns }
    }),
    either: [],
  }
}

function aliasIn(item: AstNode): string | undefined {
  const source = (Object.values(item)[0] ?? {}) as AstNode
  const alias = (source['alias'] as AstNode | undefined)?.['aliasname'] ?? source['relname']
  return typeof alias === 'string' ? alias : undefined
}

function readSublinks(root: unknown, around: Around): void {
  const open: unknown[] = [root]
  while (open.length > 0) {
    const value = open.pop()
    if (typeof value !== 'object' || value === null) continue
    const link = (value as AstNode)['SubLink'] as AstNode | undefined
    if (link === undefined) {
      open.push(...Object.values(value))
      continue
    }
    readStatement('SelectStmt', (((link['subselect'] ?? {}) as AstNode)['SelectStmt'] ?? {}) as AstNode, around)
    open.push(link['testexpr'])
  }
}

function optionalOperand(node: unknown): Operand | undefined {
  return node === undefined || node === null ? undefined : readOperand(node as AstNode)
}

/** By a number or a name of the list it is that item; anything else is itself. */
function readOrder(item: AstNode, targets: readonly AstNode[]): OrderItem[] {
  const by = (item['SortBy'] ?? {}) as AstNode
  const operand = readOperand((by['node'] ?? {}) as AstNode)
  const descending = by['sortby_dir'] === 'SORTBY_DESC'
  const nulls = by['sortby_nulls']
  const nullsFirst = nulls === 'SORTBY_NULLS_FIRST' || (nulls !== 'SORTBY_NULLS_LAST' && descending)
  return [{ operand: fromList(operand, targets), descending, nullsFirst }]
}

function fromList(operand: Operand, targets: readonly AstNode[]): Operand {
  const named =
    operand.kind === 'constant'
      ? targets[Number(operand.value) - 1]
      : operand.kind === 'column' && operand.column.qualifier.length === 0
        ? targets.find((target) => target['name'] === operand.column.name)
        : undefined
  return named === undefined ? operand : readOperand((named['val'] ?? {}) as AstNode)
}

const aggregates: ReadonlySet<string> = new Set(
  `array_agg avg bool_and bool_or count every json_agg jsonb_agg json_object_agg jsonb_object_agg max min mode percentile_cont
  percentile_disc string_agg stddev sum variance`.split(/\s+/),
)

/** Rows are put together before they are sorted. */
function isGathered(node: AstNode, targets: readonly AstNode[]): boolean {
  if (listOf(node['groupClause']).length > 0 || node['havingClause'] !== undefined) return true
  let found = false
  for (const target of targets) {
    visit(target['val'], (below) => {
      const call = below['FuncCall'] as AstNode | undefined
      if (call === undefined) return
      found ||= call['over'] !== undefined || aggregates.has(namesOf(call['funcname']).at(-1) ?? '')
    })
  }
  return found
}

function readExtreme(node: AstNode, targets: readonly AstNode[]): Operand | undefined {
  const [only, ...others] = targets
  if (only === undefined || others.length > 0 || listOf(node['groupClause']).length > 0) return undefined
  const call = ((only['val'] ?? {}) as AstNode)['FuncCall'] as AstNode | undefined
  const [argument, ...more] = listOf(call?.['args'])
  const name = namesOf(call?.['funcname']).at(-1) ?? ''
  if (argument === undefined || more.length > 0 || !['min', 'max'].includes(name)) return undefined
  return call?.['over'] === undefined && call?.['agg_filter'] === undefined ? readOperand(argument) : undefined
}

function hasStar(node: AstNode): boolean {
  let found = false
  const returned = [node['targetList'], node['returningClause'], node['returningList']]
  visit(returned, (below) => {
    const fields = listOf((below['ColumnRef'] as AstNode | undefined)?.['fields'])
    found ||= fields.some((field) => field['A_Star'] !== undefined)
  })
  return found
}
