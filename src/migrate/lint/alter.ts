// ALTER TABLE and CREATE TABLE in the words of the rules: actions, columns and constraints.

import type { AstNode, ParsedStatement } from '../../sql/parse.ts'
import { child, flag, list, members, strings, tableOf, tagged, text, type Tagged } from './ast.ts'
import type { TableName } from './names.ts'
import { typeOfNode, type SqlType } from './sql-types.ts'

export interface Constraint {
  /** 'CONSTR_CHECK', 'CONSTR_FOREIGN', … */
  readonly kind: string
  readonly name: string | undefined
  readonly notValid: boolean
  readonly enforced: boolean
  /** Its own columns. */
  readonly columns: readonly string[]
  readonly expression: Tagged | undefined
  readonly usingIndex: string | undefined
  readonly references: TableName | undefined
  readonly node: AstNode
}

export interface Column {
  readonly name: string
  readonly type: SqlType
  readonly constraints: readonly Constraint[]
  readonly node: AstNode
}

/** One action of an ALTER TABLE. */
export interface Action {
  readonly table: TableName
  /** 'AT_AddColumn', … */
  readonly kind: string
  /** The column, constraint or other object it names. */
  readonly name: string | undefined
  readonly definition: Tagged | undefined
}

/** The actions of an ALTER TABLE, of those kinds if any are given; none for every other statement. */
export function actionsOf(statement: ParsedStatement, ...kinds: readonly string[]): readonly Action[] {
  if (statement.kind !== 'AlterTableStmt' || text(statement.node, 'objtype') !== 'OBJECT_TABLE') return []
  const table = tableOf(child(statement.node, 'relation'))
  if (table === undefined) return []
  return members(statement.node, 'cmds', 'AlterTableCmd')
    .map((command) => ({
      table,
      kind: text(command, 'subtype') ?? '',
      name: text(command, 'name'),
      definition: tagged(command, 'def'),
    }))
    .filter((action) => kinds.length === 0 || kinds.includes(action.kind))
}

/** The statement is an ALTER TABLE with a single action, so that its text can be amended. */
export function isSingleAction(statement: ParsedStatement): boolean {
  return list(statement.node, 'cmds').length === 1
}

export function toConstraint(node: AstNode): Constraint {
  const own = [...strings(node, 'fk_attrs'), ...strings(node, 'keys')]
  return {
    kind: text(node, 'contype') ?? '',
    name: text(node, 'conname'),
    notValid: flag(node, 'skip_validation'),
    // Only these two can be NOT ENFORCED; the others carry no such field.
    enforced: !['CONSTR_CHECK', 'CONSTR_FOREIGN'].includes(text(node, 'contype') ?? '') || flag(node, 'is_enforced'),
    columns: own,
    expression: tagged(node, 'raw_expr'),
    usingIndex: text(node, 'indexname'),
    references: tableOf(child(node, 'pktable')),
    node,
  }
}

export function toColumn(node: AstNode): Column {
  return {
    name: text(node, 'colname') ?? '',
    type: typeOfNode(child(node, 'typeName')),
    constraints: members(node, 'constraints', 'Constraint').map(toConstraint),
    node,
  }
}

export interface AddedColumn {
  readonly table: TableName
  readonly column: Column
}

export function addedColumns(statement: ParsedStatement): readonly AddedColumn[] {
  return actionsOf(statement, 'AT_AddColumn').flatMap(({ table, definition }) =>
    definition?.kind === 'ColumnDef' ? { table, column: toColumn(definition.node) } : [],
  )
}

export interface AddedConstraint {
  readonly table: TableName
  readonly constraint: Constraint
  /** The new column it is written at; absent for ADD CONSTRAINT. */
  readonly column?: Column
}

/** Constraints that an ALTER TABLE adds, written by themselves or at a new column. */
export function addedConstraints(statement: ParsedStatement, ...kinds: readonly string[]): readonly AddedConstraint[] {
  const byThemselves = actionsOf(statement, 'AT_AddConstraint').flatMap(({ table, definition }) =>
    definition?.kind === 'Constraint' ? { table, constraint: toConstraint(definition.node) } : [],
  )
  const atColumns = addedColumns(statement).flatMap(({ table, column }) =>
    column.constraints.map((constraint) => ({ table, constraint, column })),
  )
  return [...byThemselves, ...atColumns].filter(
    ({ constraint }) => kinds.length === 0 || kinds.includes(constraint.kind),
  )
}

export function findConstraint(column: Column, kind: string): Constraint | undefined {
  return column.constraints.find((constraint) => constraint.kind === kind)
}

/** `not null` in any of its spellings: PRIMARY KEY and identity imply it. */
export function isNotNull(column: Column): boolean {
  return ['CONSTR_NOTNULL', 'CONSTR_PRIMARY', 'CONSTR_IDENTITY'].some(
    (kind) => findConstraint(column, kind) !== undefined,
  )
}

/** Has a default other than a bare NULL. */
export function defaultOf(column: Column): Tagged | undefined {
  const expression = findConstraint(column, 'CONSTR_DEFAULT')?.expression
  return expression?.kind === 'A_Const' && flag(expression.node, 'isnull') ? undefined : expression
}

export interface TypedColumn {
  readonly table: TableName
  readonly name: string
  readonly type: SqlType
  readonly node: AstNode
}

/** Every column that a statement gives a type: CREATE TABLE, ADD COLUMN, ALTER COLUMN TYPE. */
export function typedColumns(statement: ParsedStatement): readonly TypedColumn[] {
  if (statement.kind === 'CreateStmt') {
    const table = tableOf(child(statement.node, 'relation'))
    if (table === undefined) return []
    return members(statement.node, 'tableElts', 'ColumnDef').map((node) => ({ table, ...toColumn(node) }))
  }
  return actionsOf(statement, 'AT_AddColumn', 'AT_AlterColumnType').flatMap(({ table, name, definition }) => {
    if (definition?.kind !== 'ColumnDef') return []
    const column = toColumn(definition.node)
    return { table, name: name ?? column.name, type: column.type, node: definition.node }
  })
}

/** The table a CREATE TABLE, CREATE TABLE AS, SELECT INTO or CREATE MATERIALIZED VIEW makes. */
export function createdTable(statement: ParsedStatement): TableName | undefined {
  const { kind, node } = statement
  if (kind === 'CreateStmt') return tableOf(child(node, 'relation'))
  if (kind === 'CreateForeignTableStmt') return tableOf(child(child(node, 'base'), 'relation'))
  if (kind === 'CreateTableAsStmt') return tableOf(child(child(node, 'into'), 'rel'))
  if (kind === 'SelectStmt') return tableOf(child(child(node, 'intoClause'), 'rel'))
  return undefined
}
