// How a table comes by its columns, where it has parents. Which columns are its own, which came down, and their order
// all survive:
//   - INHERITS puts the parents' columns first, in their order. Where the child has them so, that is all.
//   - A child that had all columns itself before it was told of its parent: ALTER TABLE … INHERIT.
//   - A child whose parent got a column later: its columns come from a stand-in parent that has them in the right
//     order, and that is taken away when the real parents are there.

import { renderColumn, renderTypedColumn, type ColumnRow } from './columns.ts'
import type { RelationRow, Relations } from './relations.ts'
import { identityClause } from './sequences.ts'
import { block } from './types.ts'

export interface Shape {
  readonly row: RelationRow
  readonly columns: readonly ColumnRow[]
  /** Parents other than a partitioned table; quoted and qualified. */
  readonly parents: readonly string[]
  readonly way: 'alone' | 'inherits' | 'inherits later' | 'stand-in'
  /** What the parents say of a column, where the table is made with INHERITS. */
  readonly inherited: (name: string) => readonly ColumnRow[]
  readonly identityOf: (column: ColumnRow) => string | undefined
}

export function shapeOf(relations: Relations, row: RelationRow): Shape {
  const columns = relations.columnsOf(row.oid)
  const parents = row.isPartition ? [] : relations.parentsOf(row.oid)
  const fromParents = parents.flatMap(({ parent }) => relations.columnsOf(parent))
  const way = wayOf(columns, parents.length, fromParents)
  const identities = new Map(
    relations
      .sequencesOf(row.oid)
      .filter((sequence) => sequence.isIdentity)
      .map((sequence) => [sequence.column, sequence]),
  )
  return {
    row,
    columns,
    parents: parents.map((parent) => parent.parentName),
    way,
    inherited: (name) => (way === 'inherits' ? fromParents.filter((column) => column.name === name) : []),
    identityOf: (column) => {
      const sequence = identities.get(column.number)
      return sequence === undefined ? undefined : identityClause(column.identity, sequence)
    },
  }
}

function wayOf(columns: readonly ColumnRow[], parents: number, fromParents: readonly ColumnRow[]): Shape['way'] {
  if (parents === 0) return 'alone'
  const names = [...new Set(fromParents.map((column) => column.name))]
  const own = columns.map((column) => column.name).filter((name) => !names.includes(name))
  if ([...names, ...own].every((name, index) => columns[index]?.name === name)) return 'inherits'
  return columns.every((column) => column.local) ? 'inherits later' : 'stand-in'
}

/** What stands behind CREATE TABLE and the name: the columns, or the type that gives them. */
export function renderColumnList(shape: Shape): string {
  if (shape.row.ofType !== null) {
    const typed = shape.columns.map((column) => renderTypedColumn(column, shape.identityOf(column)))
    const written = typed.filter((text) => text !== undefined)
    return ` of ${shape.row.ofType}${written.length === 0 ? '' : ` (${block(written)})`}`
  }
  const comesDown = shape.way === 'inherits' || shape.way === 'stand-in'
  const items = shape.columns.flatMap((column) => {
    const own = { ...column, notNull: column.notNull && (column.notNullLocal || !comesDown) }
    if (isWritten(shape, column)) return [renderColumn(own, shape.identityOf(column))]
    // From 18 on, a column that is inherited may have a NOT NULL constraint of its own.
    return column.notNullName !== null && column.notNullLocal
      ? [`constraint ${column.notNullName} not null ${column.name}`]
      : []
  })
  return ` (${block(items)})`
}

/** Not so where a parent gives the column, just as it is. */
function isWritten(shape: Shape, column: ColumnRow): boolean {
  if (column.local || shape.way === 'alone') return true
  return (
    column.generated !== '' && shape.inherited(column.name).some((parent) => parent.expression !== column.expression)
  )
}

const standIn = 'pgstrata_stand_in'

/** The statement before CREATE TABLE, the parents CREATE TABLE names, and the statements after it. */
export function renderInheritance(shape: Shape): { before: string[]; inherits: readonly string[]; after: string[] } {
  const later = shape.parents.map((parent) => `alter table only ${shape.row.name} inherit ${parent};`)
  if (shape.way === 'alone') return { before: [], inherits: [], after: [] }
  if (shape.way === 'inherits') return { before: [], inherits: shape.parents, after: renderOverrides(shape) }
  if (shape.way === 'inherits later') return { before: [], inherits: [], after: later }
  const name = `${shape.row.schema}.${standIn}`
  const columns = shape.columns.map((column) =>
    renderColumn(
      {
        ...column,
        expression: column.local || column.generated === '' ? null : column.expression,
        foreignOptions: null,
        notNull: column.notNull && (column.notNullName === null ? !column.local : !column.notNullLocal),
        // The name that a constraint gets by itself would be made from that of the stand-in.
        notNullPlain: column.notNullPlain && column.notNullName === null,
      },
      undefined,
    ),
  )
  return {
    before: [`create table ${name} (${block(columns)});`],
    inherits: [name],
    after: [
      ...later,
      `alter table only ${shape.row.name} no inherit ${name};`,
      `drop table ${name};`,
      ...renderOverrides(shape),
    ],
  }
}

/** Where an inherited column that is not written differs from its parent's. */
function renderOverrides(shape: Shape): string[] {
  return shape.columns
    .filter((column) => !isWritten(shape, column))
    .flatMap((column) => {
      const alter = `alter table only ${shape.row.name} alter column ${column.name}`
      const parents = shape.inherited(column.name)
      const given = parents.length === 0 ? [null] : parents.map((parent) => parent.expression)
      const sameDefault = column.generated !== '' || given.every((expression) => expression === column.expression)
      const value = column.expression === null ? 'drop default' : `set default ${column.expression}`
      const mayBeNull =
        shape.way === 'inherits' && column.notNullName === null && !parents.some((parent) => parent.notNull)
      return [
        ...(sameDefault ? [] : [`${alter} ${value};`]),
        ...(column.notNull && mayBeNull ? [`${alter} set not null;`] : []),
      ]
    })
}
