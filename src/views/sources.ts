// Which table of a query is counted: the one that the others only describe, each joined to it by the whole of its primary key,
// so that every row of it finds one row there at the most. Pure.

import type { AstNode } from '../sql/parse.ts'
import { listOf, stringOf } from './ast.ts'

export interface RelationFacts {
  readonly schema: string
  readonly name: string
  readonly kind: string
  /** Empty: it has none. */
  readonly primaryKey: readonly string[]
  /** Found by its name alone. */
  readonly visible: boolean
  readonly columns: Readonly<Record<string, string>>
}

export interface Source {
  readonly table: RelationFacts
  readonly alias: string
  readonly dimensions: readonly {
    readonly table: RelationFacts
    readonly alias: string
    /** Columns of the counted table that lead there. */
    readonly keys: readonly string[]
    /** Rows that lead nowhere are in the view, too. */
    readonly isOuter: boolean
  }[]
}

interface Named {
  readonly table: RelationFacts
  readonly alias: string
  readonly isOuter: boolean
}

interface Equality {
  readonly alias: string
  readonly column: string
  readonly other: string
  readonly otherColumn: string
}

export function findSource(
  node: AstNode,
  relations: readonly RelationFacts[],
): Source | { readonly obstacles: readonly string[] } {
  const named: Named[] = []
  const equalities: Equality[] = []
  const obstacles: string[] = []
  const walk = (item: AstNode, isOuter: boolean): void => {
    const [kind = '', inner] = Object.entries(item)[0] ?? []
    const from = inner as AstNode
    if (kind === 'RangeVar') {
      const table = findRelation(from, relations)
      const name = String(from['relname'])
      const alias = (from['alias'] as AstNode | undefined)?.['aliasname']
      if (table === undefined) obstacles.push(`it reads ${name}, which is no table`)
      else named.push({ table, alias: typeof alias === 'string' ? alias : name, isOuter })
      return
    }
    if (kind !== 'JoinExpr' || (from['jointype'] !== 'JOIN_INNER' && from['jointype'] !== 'JOIN_LEFT')) {
      obstacles.push(kind === 'JoinExpr' ? 'it has a right or full join' : 'it reads something else than tables')
      return
    }
    walk(from['larg'] as AstNode, isOuter)
    walk(from['rarg'] as AstNode, from['jointype'] === 'JOIN_LEFT')
    const found = equalitiesIn(from['quals'])
    if (found === undefined) obstacles.push('it joins by more than equal columns')
    else equalities.push(...found)
  }
  const items = listOf(node['fromClause'])
  if (items.length !== 1) return { obstacles: ['it reads no table, or several that it does not join'] }
  for (const item of items) walk(item, false)
  if (obstacles.length > 0) return { obstacles }
  return chooseSource(named, equalities)
}

function chooseSource(
  named: readonly Named[],
  equalities: readonly Equality[],
): Source | { readonly obstacles: readonly string[] } {
  const leading = (to: Named, from: Named): readonly string[] | undefined => {
    const keys = to.table.primaryKey.map(
      (key) =>
        equalities.find(({ alias, column, other }) => alias === to.alias && column === key && other === from.alias)
          ?.otherColumn,
    )
    return keys.length > 0 && keys.every((key) => key !== undefined) ? keys : undefined
  }
  for (const candidate of named) {
    if (candidate.table.kind !== 'r' && candidate.table.kind !== 'p') continue
    const dimensions = named
      .filter((other) => other !== candidate)
      .map((other) => ({
        table: other.table,
        alias: other.alias,
        isOuter: other.isOuter,
        keys: leading(other, candidate),
      }))
    if (candidate.isOuter || !dimensions.every(({ keys }) => keys !== undefined)) continue
    return {
      table: candidate.table,
      alias: candidate.alias,
      dimensions: dimensions.map(({ keys, ...rest }) => ({ ...rest, keys: keys ?? [] })),
    }
  }
  const view = named.find(({ table }) => table.kind !== 'r' && table.kind !== 'p')
  return {
    obstacles: [
      named.length === 1
        ? `it reads ${view?.table.name ?? 'nothing'}, which is not a table`
        : 'it joins tables of which none is only described by the others, each joined to it by its primary key',
    ],
  }
}

function findRelation(from: AstNode, relations: readonly RelationFacts[]): RelationFacts | undefined {
  return relations.find(
    ({ schema, name, visible }) =>
      name === from['relname'] && (from['schemaname'] === undefined ? visible : schema === from['schemaname']),
  )
}

/** Both ways round; undefined: there is something else. */
function equalitiesIn(quals: unknown): readonly Equality[] | undefined {
  const node = (quals ?? {}) as AstNode
  const both = node['BoolExpr'] as AstNode | undefined
  if (both?.['boolop'] === 'AND_EXPR') {
    const inner = listOf(both['args']).map(equalitiesIn)
    return inner.every((one) => one !== undefined) ? inner.flat() : undefined
  }
  const expression = node['A_Expr'] as AstNode | undefined
  const operator = listOf(expression?.['name']).map(stringOf)
  const [left, right] = [partsOf(expression?.['lexpr']), partsOf(expression?.['rexpr'])]
  if (operator?.join('') !== '=' || left === undefined || right === undefined) return undefined
  return [
    { alias: left[0], column: left[1], other: right[0], otherColumn: right[1] },
    { alias: right[0], column: right[1], other: left[0], otherColumn: left[1] },
  ]
}

function partsOf(value: unknown): readonly [string, string] | undefined {
  const reference = (value as AstNode | undefined)?.['ColumnRef'] as AstNode | undefined
  const [alias, column, ...rest] = listOf(reference?.['fields']).map(stringOf)
  return alias !== undefined && column !== undefined && rest.length === 0 ? [alias, column] : undefined
}
