// What stands on a side of a comparison, and how it would be written in an index. Pure; read from the tree of the server's
// grammar. What is not understood is 'other', with the columns it names: never a guess.

import type { AstNode } from '../parse.ts'
import { quoteIdent, quoteLiteral } from '../quote.ts'

export interface ColumnName {
  /** Before the last dot, by parts: [], ['songs'], ['public', 'songs']. */
  readonly qualifier: readonly string[]
  readonly name: string
}

export type Operand =
  | { readonly kind: 'column'; readonly column: ColumnName }
  /** `text`: with bare column names, as it stands in CREATE INDEX. `calls`: the functions in it; `casts`: the types cast to. */
  | {
      readonly kind: 'expression'
      readonly text: string
      readonly columns: readonly ColumnName[]
      readonly calls: readonly string[]
      readonly casts: readonly string[]
    }
  | { readonly kind: 'parameter'; readonly number: number }
  /** `value` as text; null: NULL. `sql`: as it is written. */
  | { readonly kind: 'constant'; readonly value: string | null; readonly sql: string }
  | { readonly kind: 'other'; readonly columns: readonly ColumnName[] }

export function readOperand(node: AstNode): Operand {
  const reference = node['ColumnRef']
  if (reference !== undefined) {
    const column = columnOf(reference as AstNode)
    return column === undefined ? { kind: 'other', columns: [] } : { kind: 'column', column }
  }
  const parameter = parameterOf(node)
  if (parameter !== undefined) return { kind: 'parameter', number: parameter }
  const columns = columnsIn(node)
  const written: Written = { calls: [], casts: [] }
  const text = printExpression(node, written)
  if (columns.length === 0) {
    const value = constantOf(node)
    return value === undefined || text === undefined
      ? { kind: 'other', columns }
      : { kind: 'constant', value, sql: text }
  }
  return text === undefined ? { kind: 'other', columns } : { kind: 'expression', text, columns, ...written }
}

export function columnsOfOperand(operand: Operand): readonly ColumnName[] {
  switch (operand.kind) {
    case 'column':
      return [operand.column]
    case 'expression':
    case 'other':
      return operand.columns
    default:
      return []
  }
}

/** undefined: a star. */
function columnOf(reference: AstNode): ColumnName | undefined {
  const parts = listOf(reference['fields']).map((field) => (field['String'] as AstNode | undefined)?.['sval'])
  if (!parts.every((part) => typeof part === 'string')) return undefined
  const name = parts.at(-1)
  return name === undefined ? undefined : { qualifier: parts.slice(0, -1), name }
}

/** Of the whole tree below; those of subqueries too. */
export function columnsIn(root: unknown): readonly ColumnName[] {
  const found: ColumnName[] = []
  visit(root, (node) => {
    const reference = node['ColumnRef'] as AstNode | undefined
    const column = reference === undefined ? undefined : columnOf(reference)
    if (column !== undefined) found.push(column)
  })
  return found
}

/** Every object below `root`, outer before inner, left before right. Without recursion: a tree may be deeper than the stack. */
export function visit(root: unknown, look: (node: AstNode) => void): void {
  const open: unknown[] = [root]
  while (open.length > 0) {
    const value = open.pop()
    if (typeof value !== 'object' || value === null) continue
    if (!Array.isArray(value)) look(value as AstNode)
    const below: readonly unknown[] = Object.values(value)
    for (let index = below.length - 1; index >= 0; index--) open.push(below[index])
  }
}

export function listOf(value: unknown): readonly AstNode[] {
  return Array.isArray(value) ? (value as readonly AstNode[]) : []
}

export function namesOf(value: unknown): readonly string[] {
  return listOf(value).map((item) => (item['String'] as { sval?: string } | undefined)?.sval ?? '')
}

/** $1, and $1 with a cast. */
function parameterOf(node: AstNode): number | undefined {
  const cast = node['TypeCast'] as AstNode | undefined
  if (cast !== undefined) return parameterOf(cast['arg'] as AstNode)
  const reference = node['ParamRef'] as AstNode | undefined
  return reference === undefined ? undefined : Number(reference['number'] ?? 0)
}

/** undefined: no constant. */
function constantOf(node: AstNode): string | null | undefined {
  const cast = node['TypeCast'] as AstNode | undefined
  if (cast !== undefined) return constantOf(cast['arg'] as AstNode)
  const constant = node['A_Const'] as AstNode | undefined
  if (constant === undefined) return undefined
  if (constant['isnull'] === true) return null
  const text = (constant['sval'] as AstNode | undefined)?.['sval']
  if (typeof text === 'string') return text
  if (constant['boolval'] !== undefined) return String((constant['boolval'] as AstNode)['boolval'] === true)
  if (constant['ival'] !== undefined) return String((constant['ival'] as { ival?: number }).ival ?? 0)
  const number = (constant['fval'] as AstNode | undefined)?.['fval']
  // A string that is empty has no text in the tree.
  return typeof number === 'string' ? number : constant['sval'] === undefined ? undefined : ''
}

interface Written {
  readonly calls: string[]
  readonly casts: string[]
}

const maxDepth = 12

/** What an index can be made on: columns, constants, calls, casts and operators. undefined: something else is in it. */
function printExpression(node: AstNode, written: Written, depth = 0): string | undefined {
  if (depth > maxDepth) return undefined
  const inner = (below: unknown): string | undefined => printExpression(below as AstNode, written, depth + 1)
  const [kind, value] = Object.entries(node)[0] ?? ['', {}]
  const body = value as AstNode
  switch (kind) {
    case 'ColumnRef': {
      const column = columnOf(body)
      return column === undefined ? undefined : quoteIdent(column.name)
    }
    case 'A_Const': {
      const constant = constantOf(node)
      if (constant === undefined) return undefined
      if (constant === null) return 'null'
      return body['sval'] === undefined ? constant : quoteLiteral(constant)
    }
    case 'TypeCast': {
      const text = inner(body['arg'])
      const type = typeOf(body['typeName'] as AstNode)
      if (text === undefined || type === undefined) return undefined
      written.casts.push(type)
      return `(${text}::${type})`
    }
    case 'FuncCall': {
      if (Object.keys(body).some((key) => !['funcname', 'args', 'funcformat', 'location'].includes(key)))
        return undefined
      const args = listOf(body['args']).map(inner)
      const names = namesOf(body['funcname']).filter((part) => part !== 'pg_catalog')
      if (args.length === 0 || args.includes(undefined)) return undefined
      written.calls.push(names.join('.'))
      return `${names.map((name) => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : quoteIdent(name))).join('.')}(${args.join(', ')})`
    }
    case 'A_Expr': {
      const [operator, ...more] = namesOf(body['name'])
      if (body['kind'] !== 'AEXPR_OP' || more.length > 0 || body['lexpr'] === undefined) return undefined
      const [left, right] = [inner(body['lexpr']), inner(body['rexpr'])]
      return left === undefined || right === undefined ? undefined : `(${left} ${operator ?? ''} ${right})`
    }
    default:
      return undefined
  }
}

function typeOf(name: AstNode | undefined): string | undefined {
  const names = namesOf(name?.['names']).filter((part) => part !== 'pg_catalog')
  if (names.length !== 1 || name?.['typmods'] !== undefined || name?.['arrayBounds'] !== undefined) return undefined
  return /^[a-z_][a-z0-9_]*$/.test(names[0] ?? '') ? names[0] : undefined
}
