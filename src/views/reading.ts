// What a declared text is, as the server's grammar reads it: one SELECT, and which relations it names. That serves to order
// views that are not there yet; of those that are, the catalog knows.

import { isStrataError, messageOf } from '../base/errors.ts'
import { parseSql, type AstNode } from '../sql/parse.ts'
import { listOf, stringOf } from './ast.ts'
import type { Awaited, Held } from '../plan/index.ts'
import type { MaterializedView } from './options.ts'

export interface NamedRelation {
  readonly schema: string | undefined
  readonly name: string
}

export type ReadText =
  | {
      readonly text: string
      readonly node: AstNode
      readonly relations: readonly NamedRelation[]
      /** Functions that it calls: what they read is not known here. */
      readonly calls: readonly NamedRelation[]
    }
  | { readonly why: string }

export async function readText({ name, sql }: Pick<MaterializedView, 'name' | 'sql'>): Promise<ReadText> {
  try {
    const [statement, ...others] = await parseSql(sql, { name: `views.${name}.sql` })
    if (statement === undefined || others.length > 0) return { why: 'its sql is not one statement' }
    const { kind, node, text } = statement
    if (kind !== 'SelectStmt' || node['intoClause'] !== undefined) return { why: 'its sql is not a SELECT' }
    const found = collect(node)
    const relations = found.relations.filter((one) => one.schema !== undefined || !found.named.has(one.name))
    return { text, node, relations, calls: found.calls }
  } catch (error) {
    if (!isStrataError(error, 'SQL_SYNTAX')) throw error
    return { why: messageOf(error) }
  }
}

/** Of the names of a query in WITH, one is nowhere a relation: too few here is made up for by the catalog. */
function collect(root: unknown): {
  readonly relations: readonly NamedRelation[]
  readonly calls: readonly NamedRelation[]
  readonly named: Set<string>
} {
  const relations: NamedRelation[] = []
  const calls: NamedRelation[] = []
  const named = new Set<string>()
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) for (const inner of value) walk(inner)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'RangeVar') {
        const { schemaname, relname } = inner as { schemaname?: string; relname?: string }
        if (relname !== undefined) relations.push({ schema: schemaname, name: relname })
      }
      if (key === 'FuncCall') {
        const parts = listOf((inner as AstNode)['funcname']).map(stringOf)
        const name = parts.at(-1)
        if (name !== undefined) calls.push({ schema: parts.at(-2), name })
      }
      if (key === 'ctename' && typeof inner === 'string') named.add(inner)
      walk(inner)
    }
  }
  walk(root)
  return { relations, calls, named }
}

/** The declared views that a text names. */
export function viewsNamed(
  relations: readonly NamedRelation[],
  views: readonly Pick<MaterializedView, 'name' | 'schema'>[],
): ReadonlySet<string> {
  const isNamed = ({ name, schema }: Pick<MaterializedView, 'name' | 'schema'>): boolean =>
    relations.some((one) => one.name === name && (one.schema === undefined || one.schema === schema))
  return new Set(views.filter(isNamed).map(({ name }) => name))
}

/** What a text names and has to wait for. */
export function findAwaited(read: ReadText | undefined, awaited: readonly Awaited[]): Omit<Held, 'what'> | undefined {
  if (read === undefined || 'why' in read) return undefined
  const named = [...read.relations, ...read.calls]
  const found = awaited.find(({ schema, name }) =>
    named.some((one) => one.name === name && (one.schema === undefined || one.schema === schema)),
  )
  return found === undefined ? undefined : { why: found.why, todo: found.todo, waits: found.waits }
}
