// The conditions of a WHERE or an ON, each as one comparison. Pure. AND is taken apart, OR is kept as alternatives, and what
// is not a comparison of something with something is 'other': it may be true of any row.

import type { AstNode } from '../parse.ts'
import { columnsIn, listOf, namesOf, readOperand, type ColumnName, type Operand } from './operands.ts'

type PredicateKind =
  | 'equal'
  | 'in'
  | 'range'
  /** LIKE, ILIKE and the regular expressions. */
  | 'pattern'
  /** @>, <@, &&, ?, ?|, ?&, @@, @?: what GIN or GiST are for. */
  | 'contains'
  | 'null'
  | 'not-null'
  | 'true'
  | 'false'
  | 'not-in-subquery'
  | 'other'

export interface Predicate {
  readonly kind: PredicateKind
  /** As written, so that the column or expression stands left of it: '=', '<', '~~', '@>'. */
  readonly operator: string
  readonly left: Operand
  readonly right: readonly Operand[]
  /** Every column in it. */
  readonly columns: readonly ColumnName[]
}

export interface Conditions {
  readonly all: readonly Predicate[]
  /** Of each OR: what each of its branches asks for. */
  readonly either: readonly (readonly (readonly Predicate[])[])[]
}

const none: Conditions = { all: [], either: [] }

export function joinConditions(...parts: readonly Conditions[]): Conditions {
  return { all: parts.flatMap(({ all }) => all), either: parts.flatMap(({ either }) => either) }
}

export function readConditions(node: AstNode | undefined): Conditions {
  if (node === undefined) return none
  const bool = node['BoolExpr'] as AstNode | undefined
  if (bool === undefined) return { all: [readPredicate(node)], either: [] }
  const parts = listOf(bool['args'])
  switch (bool['boolop']) {
    case 'AND_EXPR':
      return joinConditions(...parts.map(readConditions))
    case 'OR_EXPR':
      return { all: [], either: [parts.map((part) => readConditions(part).all)] }
    default:
      return { all: [readNegation(node, parts[0] ?? {})], either: [] }
  }
}

function readNegation(whole: AstNode, negated: AstNode): Predicate {
  const columns = columnsIn(whole)
  const left = readOperand(negated)
  if (left.kind === 'column') return { kind: 'false', operator: 'is not true', left, right: [], columns }
  const link = negated['SubLink'] as AstNode | undefined
  const kind = link?.['subLinkType'] === 'ANY_SUBLINK' ? 'not-in-subquery' : 'other'
  const tested = link?.['testexpr'] as AstNode | undefined
  return { kind, operator: 'not', left: tested === undefined ? left : readOperand(tested), right: [], columns }
}

function readPredicate(node: AstNode): Predicate {
  const columns = columnsIn(node)
  const [kind, value] = Object.entries(node)[0] ?? ['', {}]
  const body = value as AstNode
  const of = (found: PredicateKind, operator: string, argument: unknown): Predicate => ({
    kind: found,
    operator,
    left: readOperand(argument as AstNode),
    right: [],
    columns,
  })
  switch (kind) {
    case 'A_Expr':
      return readComparison(body, columns)
    case 'ColumnRef':
      return of('true', 'is true', node)
    case 'NullTest':
      return body['nulltesttype'] === 'IS_NULL'
        ? of('null', 'is null', body['arg'])
        : of('not-null', 'is not null', body['arg'])
    case 'BooleanTest':
      if (body['booltesttype'] === 'IS_TRUE') return of('true', 'is true', body['arg'])
      return of(body['booltesttype'] === 'IS_FALSE' ? 'false' : 'other', 'is', body['arg'])
    case 'SubLink':
      if (body['subLinkType'] !== 'ANY_SUBLINK' || body['testexpr'] === undefined) return other(columns)
      return { ...of('in', '=', body['testexpr']), right: [{ kind: 'other', columns: [] }] }
    default:
      return other(columns)
  }
}

function other(columns: readonly ColumnName[]): Predicate {
  return { kind: 'other', operator: '', left: { kind: 'other', columns }, right: [], columns }
}

const commuted: Readonly<Record<string, string>> = {
  '=': '=',
  '<': '>',
  '>': '<',
  '<=': '>=',
  '>=': '<=',
  '@>': '<@',
  '<@': '@>',
  '&&': '&&',
}

const kindOf: Readonly<Record<string, PredicateKind>> = {
  '=': 'equal',
  '<': 'range',
  '<=': 'range',
  '>': 'range',
  '>=': 'range',
  '~~': 'pattern',
  '~~*': 'pattern',
  '~': 'pattern',
  '~*': 'pattern',
  '^@': 'pattern',
  '@>': 'contains',
  '<@': 'contains',
  '&&': 'contains',
  '?': 'contains',
  '?|': 'contains',
  '?&': 'contains',
  '@@': 'contains',
  '@?': 'contains',
}

function readComparison(body: AstNode, columns: readonly ColumnName[]): Predicate {
  const operator = namesOf(body['name']).at(-1) ?? ''
  const left = readOperand((body['lexpr'] ?? {}) as AstNode)
  const items = ((body['rexpr'] as AstNode | undefined)?.['List'] as AstNode | undefined)?.['items']
  const right = items === undefined ? [readOperand((body['rexpr'] ?? {}) as AstNode)] : listOf(items).map(readOperand)
  switch (body['kind']) {
    case 'AEXPR_IN':
      // NOT IN is the operator <>.
      return operator === '=' ? { kind: 'in', operator, left, right, columns } : other(columns)
    case 'AEXPR_OP_ANY':
      return operator === '=' ? { kind: 'in', operator, left, right, columns } : other(columns)
    case 'AEXPR_BETWEEN':
      return { kind: 'range', operator: 'between', left, right, columns }
    case 'AEXPR_OP':
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE': {
      const kind = kindOf[operator]
      if (kind === undefined) return other(columns)
      const turned = commuted[operator]
      const [first] = right
      return turned !== undefined && first !== undefined && isFixed(left) && !isFixed(first)
        ? { kind, operator: turned, left: first, right: [left], columns }
        : { kind, operator, left, right, columns }
    }
    default:
      return other(columns)
  }
}

/** The same for every row. */
export function isFixed(operand: Operand): boolean {
  return (
    operand.kind === 'parameter' ||
    operand.kind === 'constant' ||
    (operand.kind === 'other' && operand.columns.length === 0)
  )
}
