// What a statement wants of each table: the conditions that an index of that table could serve, the joins, the order. Names are
// resolved as the server does, as far as it is safe: a column that could be of two tables, or of a subquery, is left out. Pure.

import { isFixed, type ColumnName, type Operand, type Predicate, type QueryLevel } from '../../sql/query/index.ts'
import { quoteIdent } from '../../sql/quote.ts'
import type { ColumnFacts, TableFacts } from '../plan/tables.ts'

/** A part of an index: a column, or an expression of some. */
export interface Key {
  /** As it stands in CREATE INDEX: '"genre"', 'lower("email")', '(("data" ->> \'a\'))'. */
  readonly text: string
  readonly column: ColumnFacts | undefined
  readonly columns: readonly string[]
  readonly calls: readonly string[]
  readonly casts: readonly string[]
}

export interface Want {
  readonly key: Key
  readonly predicate: Predicate
  /** The other table, by alias; undefined: the value is known when the scan begins. */
  readonly joins: string | undefined
}

export interface OrderWant {
  readonly key: Key
  readonly descending: boolean
  readonly nullsFirst: boolean
}

export interface TableWants {
  readonly level: number
  readonly alias: string
  readonly table: TableFacts
  readonly wants: readonly Want[]
  /** Of each OR that asks this table alone: what its branches want; every branch has something. */
  readonly either: readonly (readonly (readonly Want[])[])[]
  /** Where all of it is of this table, and the rows are not grouped first. */
  readonly order: readonly OrderWant[]
  readonly limit: Operand | undefined
  readonly extreme: Key | undefined
  /** Every column of it that is named; undefined: all of them. */
  readonly columns: ReadonlySet<string> | undefined
  readonly changes: boolean
}

export interface ResolvedLevel {
  readonly level: QueryLevel
  /** In the order of level.tables; undefined: a view, or no table that could be found. */
  readonly tables: readonly (TableFacts | undefined)[]
}

export function readWants(levels: readonly ResolvedLevel[]): readonly TableWants[] {
  return levels.flatMap(({ level, tables }, index) =>
    level.tables.flatMap(({ alias }, place) => {
      const table = tables[place]
      return table === undefined ? [] : [wantsOf({ levels, index, alias, table })]
    }),
  )
}

interface Place {
  readonly levels: readonly ResolvedLevel[]
  readonly index: number
  readonly alias: string
  readonly table: TableFacts
}

function wantsOf(place: Place): TableWants {
  const { levels, index, alias, table } = place
  const { level } = levels[index] as ResolvedLevel
  const order = level.orderBy.map(({ operand, descending, nullsFirst }) => {
    const key = keyOf(operand, place)
    return key === undefined ? undefined : { key, descending, nullsFirst }
  })
  const either = level.conditions.either.map((branches) =>
    branches.map((branch) => branch.flatMap((one) => wantOf(one, place))),
  )
  return {
    level: index,
    alias,
    table,
    wants: level.conditions.all.flatMap((one) => wantOf(one, place)),
    either: either.filter((branches) => branches.every((wants) => wants.length > 0)),
    order: order.includes(undefined) ? [] : order.flatMap((one) => one ?? []),
    limit: level.limit,
    extreme: level.tables.length > 1 || level.extreme === undefined ? undefined : keyOf(level.extreme, place),
    columns: level.hasStar ? undefined : columnsOf(level.columns, place),
    changes: level.changes,
  }
}

function columnsOf(columns: readonly ColumnName[], place: Place): ReadonlySet<string> {
  return new Set(columns.filter((column) => ownerOf(column, place) === place.alias).map(({ name }) => name))
}

/** Both sides are tried: of a join each table wants the other's. */
function wantOf(predicate: Predicate, place: Place): Want[] {
  const [right] = predicate.right
  const turned: Predicate[] =
    predicate.kind === 'equal' && right !== undefined && !isFixed(right)
      ? [predicate, { ...predicate, left: right, right: [predicate.left] }]
      : [predicate]
  for (const one of turned) {
    const key = keyOf(one.left, place)
    const others = key === undefined ? undefined : othersOf(one.right, place)
    if (key === undefined || others === undefined || others.length > 1) continue
    return [{ key, predicate: one, joins: others[0] }]
  }
  return []
}

/** Aliases of this level that the right side needs; undefined: it needs the table itself, or nobody knows what. */
function othersOf(right: readonly Operand[], place: Place): readonly string[] | undefined {
  const found = new Set<string>()
  for (const operand of right) {
    if (isFixed(operand)) continue
    const columns =
      operand.kind === 'column'
        ? [operand.column]
        : operand.kind === 'expression' || operand.kind === 'other'
          ? operand.columns
          : []
    for (const column of columns) {
      const owner = ownerOf(column, place)
      if (owner === undefined || owner === place.alias) return undefined
      if (owner !== outer) found.add(owner)
    }
  }
  return [...found]
}

function keyOf(operand: Operand, place: Place): Key | undefined {
  if (operand.kind === 'column') {
    if (ownerOf(operand.column, place) !== place.alias) return undefined
    const { name } = operand.column
    const column = place.table.columns.find((one) => one.name === name)
    return column === undefined ? undefined : { text: quoteIdent(name), column, columns: [name], calls: [], casts: [] }
  }
  if (operand.kind !== 'expression') return undefined
  if (!operand.columns.every((column) => ownerOf(column, place) === place.alias)) return undefined
  const { calls, casts } = operand
  const columns = operand.columns.map(({ name }) => name)
  // A call needs no brackets of its own in CREATE INDEX, anything else does.
  const text = /^\w+\(/.test(operand.text) ? operand.text : `(${operand.text})`
  return { text, column: undefined, columns, calls, casts }
}

/** A name that no alias can be: the column is of a level further out. */
const outer = '\0outer'

function ownerOf({ qualifier, name }: ColumnName, { levels, index }: Place): string | undefined {
  for (let at: number | undefined = index; at !== undefined; at = levels[at]?.level.parent) {
    const { level, tables } = levels[at] as ResolvedLevel
    const called = qualifier.at(-1)
    const having = level.tables.filter(({ alias }, place) =>
      called === undefined ? tables[place]?.columns.some((column) => column.name === name) : alias === called,
    )
    const hidden =
      called === undefined ? level.derived.length > 0 || tables.includes(undefined) : level.derived.includes(called)
    const [only, ...more] = having
    if (only !== undefined && more.length === 0) {
      return at === index ? only.alias : outer
    }
    // Of a subquery in FROM that is named: whatever it is, it is none of the table.
    if (called !== undefined && hidden && at === index) return called
    if (having.length > 1 || hidden) return undefined
  }
  return undefined
}
