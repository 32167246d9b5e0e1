// Safe access to the AST of libpg-query, which is plain JSON: enums are strings, and whatever is false, 0 or empty is left out.

import type { AstNode, ParsedStatement } from '../../sql/parse.ts'
import type { TableName } from './names.ts'

/** { ColumnRef: { fields } } taken apart. */
export interface Tagged {
  readonly kind: string
  readonly node: AstNode
}

export function child(node: AstNode | undefined, key: string): AstNode | undefined {
  const value = node?.[key]
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as AstNode) : undefined
}

export function text(node: AstNode | undefined, key: string): string | undefined {
  const value = node?.[key]
  return typeof value === 'string' ? value : undefined
}

export function flag(node: AstNode | undefined, key: string): boolean {
  return node?.[key] === true
}

export function list(node: AstNode | undefined, key: string): readonly AstNode[] {
  const value = node?.[key]
  return Array.isArray(value) ? (value as AstNode[]) : []
}

function untag(node: AstNode | undefined): Tagged | undefined {
  const [kind] = Object.keys(node ?? {})
  const below = kind === undefined ? undefined : child(node, kind)
  return kind === undefined || below === undefined ? undefined : { kind, node: below }
}

export function tagged(node: AstNode | undefined, key: string): Tagged | undefined {
  return untag(child(node, key))
}

/** The members of a list, taken apart, of one kind. */
export function members(node: AstNode | undefined, key: string, kind: string): readonly AstNode[] {
  return list(node, key)
    .map((item) => child(item, kind))
    .filter((item) => item !== undefined)
}

/** A list of String nodes. */
export function strings(node: AstNode | undefined, key: string): readonly string[] {
  return members(node, key, 'String').map((item) => text(item, 'sval') ?? '')
}

export function tableOf(range: AstNode | undefined): TableName | undefined {
  const name = text(range, 'relname')
  return name === undefined ? undefined : { schema: text(range, 'schemaname'), name }
}

/** Names as DROP, COMMENT and others list them: one to three parts, the last two count. */
export function nameOfParts(parts: readonly string[]): TableName | undefined {
  const name = parts.at(-1)
  return name === undefined ? undefined : { schema: parts.at(-2), name }
}

/** The objects of a DropStmt. */
export function droppedNames(statement: ParsedStatement): readonly TableName[] {
  return list(statement.node, 'objects').flatMap((object) => {
    const { kind, node } = untag(object) ?? { kind: '', node: {} }
    if (kind === 'String') return nameOfParts([text(node, 'sval') ?? '']) ?? []
    if (kind === 'TypeName') return nameOfParts(strings(node, 'names')) ?? []
    return nameOfParts(strings(node, 'items')) ?? []
  })
}

export function isDrop(statement: ParsedStatement, ...types: readonly string[]): boolean {
  return statement.kind === 'DropStmt' && types.includes(text(statement.node, 'removeType') ?? '')
}

/** Whether an option list names `option` and does not switch it off. */
export function hasOption(node: AstNode, key: string, option: string): boolean {
  return members(node, key, 'DefElem').some((element) => {
    if (text(element, 'defname') !== option) return false
    const { kind, node: argument } = tagged(element, 'arg') ?? { kind: '', node: {} }
    if (kind === 'Boolean') return flag(argument, 'boolval')
    if (kind === 'Integer') return argument['ival'] !== undefined
    return kind !== 'String' || !/^(off|false|0|no)$/i.test(text(argument, 'sval') ?? '')
  })
}

/** Calls `visit` for every tagged node at and below `root`, in order. Without recursion: a tree may be deeper than the stack. */
export function walk(root: unknown, visit: (found: Tagged) => void): void {
  const open: [key: string, value: unknown][] = [['', root]]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [key, value] = next
    if (typeof value !== 'object' || value === null) continue
    if (/^[A-Z]/.test(key)) visit({ kind: key, node: value as AstNode })
    const below = Object.entries(value)
    // What is put in last comes out first.
    for (let index = below.length - 1; index >= 0; index--) open.push(below[index] as [string, unknown])
  }
}

/** The columns an expression mentions, without their qualifiers. */
export function columnsIn(expression: unknown): readonly string[] {
  const columns = new Set<string>()
  walk(expression, ({ kind, node }) => {
    const last = kind === 'ColumnRef' ? strings(node, 'fields').at(-1) : undefined
    if (last !== undefined) columns.add(last)
  })
  return [...columns]
}

/** The columns that cannot be null where the expression holds: `c is not null`, alone or under AND. */
export function notNullColumnsIn(expression: Tagged | undefined): readonly string[] {
  if (expression === undefined) return []
  const { kind, node } = expression
  if (kind === 'NullTest' && text(node, 'nulltesttype') === 'IS_NOT_NULL') {
    const argument = tagged(node, 'arg')
    return argument?.kind === 'ColumnRef' ? strings(argument.node, 'fields').slice(-1) : []
  }
  if (kind === 'BoolExpr' && text(node, 'boolop') === 'AND_EXPR') {
    return list(node, 'args').flatMap((argument) => notNullColumnsIn(untag(argument)))
  }
  return []
}

/** RENAME of a table, or of a column or constraint of a table (not of a view or a type). */
export function renamesInTable({ kind, node }: ParsedStatement): boolean {
  if (kind !== 'RenameStmt') return false
  const what = text(node, 'renameType')
  return (
    what === 'OBJECT_TABLE' ||
    what === 'OBJECT_TABCONSTRAINT' ||
    (what === 'OBJECT_COLUMN' && text(node, 'relationType') === 'OBJECT_TABLE')
  )
}

/** ALTER TABLE … SET SCHEMA. */
export function movesTable({ kind, node }: ParsedStatement): boolean {
  return kind === 'AlterObjectSchemaStmt' && text(node, 'objectType') === 'OBJECT_TABLE'
}
