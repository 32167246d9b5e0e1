// What earlier statements have made true: tables that are new, constraints that are validated.

import type { ParsedStatement } from '../../sql/parse.ts'
import { actionsOf, addedConstraints, createdTable, findConstraint, addedColumns, type Constraint } from './alter.ts'
import { child, columnsIn, isDrop, droppedNames, notNullColumnsIn, tableOf, text } from './ast.ts'
import { sameTable, tableKey, type TableName } from './names.ts'
import type { LintContext } from './types.ts'

/** For each statement, the keys of the tables that the ones before it have made (and renamed). */
export function planCreated(statements: readonly ParsedStatement[]): readonly ReadonlySet<string>[] {
  let created: ReadonlySet<string> = new Set()
  return statements.map((statement) => {
    const before = created
    const made = createdTable(statement)
    if (made !== undefined) created = new Set([...created, tableKey(made)])
    const renamed = renamedTable(statement)
    if (renamed !== undefined && created.has(tableKey(renamed.from)))
      created = new Set([...created, tableKey(renamed.to)])
    if (isDrop(statement, 'OBJECT_TABLE', 'OBJECT_MATVIEW')) {
      const gone = new Set(droppedNames(statement).map(tableKey))
      created = new Set([...created].filter((key) => !gone.has(key)))
    }
    return before
  })
}

/** For each statement, the tables that an ALTER TABLE before it in the same transaction has locked. */
export function planAltered(
  statements: readonly ParsedStatement[],
  groups: readonly (number | undefined)[],
): readonly (readonly TableName[])[] {
  let altered: readonly TableName[] = []
  return statements.map((statement, index) => {
    if (groups[index] === undefined || groups[index] !== groups[index - 1]) altered = []
    const before = altered
    const added = actionsOf(statement).map(({ table }) => table)
    const fresh = added.filter((table) => !before.some((known) => sameTable(known, table)))
    if (fresh.length > 0) altered = [...before, ...fresh]
    return before
  })
}

function renamedTable({ kind, node }: ParsedStatement): { from: TableName; to: TableName } | undefined {
  const from = tableOf(child(node, 'relation'))
  if (from === undefined) return undefined
  if (kind === 'RenameStmt' && ['OBJECT_TABLE', 'OBJECT_MATVIEW'].includes(text(node, 'renameType') ?? '')) {
    return { from, to: { schema: from.schema, name: text(node, 'newname') ?? '' } }
  }
  if (kind === 'AlterObjectSchemaStmt') return { from, to: { schema: text(node, 'newschema'), name: from.name } }
  return undefined
}

/** A constraint as it stands before the current statement. */
export interface KnownConstraint {
  readonly name: string | undefined
  readonly validated: boolean
  /** Columns it mentions. */
  readonly columns: readonly string[]
  readonly notNullColumns: readonly string[]
}

/** CHECK and NOT NULL constraints of a table: those of the live one, with what earlier statements did to them. */
export function knownChecks(context: LintContext, table: TableName): readonly KnownConstraint[] {
  let known: readonly KnownConstraint[] = context.table(table)?.checks ?? []
  for (const statement of context.before()) {
    for (const added of addedConstraints(statement, 'CONSTR_CHECK', 'CONSTR_NOTNULL')) {
      if (sameTable(added.table, table) && added.column === undefined) known = [...known, toKnown(added.constraint)]
    }
    for (const action of actionsOf(statement, 'AT_ValidateConstraint', 'AT_DropConstraint')) {
      if (!sameTable(action.table, table)) continue
      known =
        action.kind === 'AT_DropConstraint'
          ? known.filter(({ name }) => name !== action.name)
          : known.map((check) => (check.name === action.name ? { ...check, validated: true } : check))
    }
  }
  return known
}

function toKnown(constraint: Constraint): KnownConstraint {
  const { kind, name, notValid, columns, expression } = constraint
  const validated = !notValid && constraint.enforced
  return kind === 'CONSTR_NOTNULL'
    ? { name, validated, columns, notNullColumns: columns }
    : { name, validated, columns: columnsIn(expression), notNullColumns: notNullColumnsIn(expression) }
}

/** SET NOT NULL on the column needs no scan: it is so already, or a validated constraint proves it (since PostgreSQL 12). */
export function isProvenNotNull(context: LintContext, table: TableName, column: string): boolean {
  const live = context.table(table)?.columns.find(({ name }) => name === column)
  const dropped = context
    .before()
    .some((statement) =>
      actionsOf(statement, 'AT_DropNotNull').some((action) => sameTable(action.table, table) && action.name === column),
    )
  if (live?.notNull === true && !dropped) return true
  return knownChecks(context, table).some((check) => check.validated && check.notNullColumns.includes(column))
}

/** A new column whose rows are all null or all equal: nothing can violate a constraint that nulls pass. */
export function isNewColumn(context: LintContext, table: TableName, column: string): boolean {
  return context
    .before()
    .some((statement) =>
      addedColumns(statement).some(
        (added) =>
          sameTable(added.table, table) &&
          added.column.name === column &&
          findConstraint(added.column, 'CONSTR_DEFAULT') === undefined,
      ),
    )
}

/** The table of an index that one of `statements` creates. */
export function tableOfIndex(statements: readonly ParsedStatement[], index: TableName): TableName | undefined {
  const creation = statements.findLast(({ kind, node }) => kind === 'IndexStmt' && text(node, 'idxname') === index.name)
  return tableOf(child(creation?.node, 'relation'))
}
