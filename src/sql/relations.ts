// What a cached answer depends on: which relations a statement names, by the server's own grammar. Promises: every name that is written as a relation is listed
// but those of its own CTEs. A view stands for itself: what it reads is not seen. Names without a schema are given as they are.

import { nameParts } from './classify/functions.ts'
import { tryParse } from './classify/parser.ts'
import { isHarmlessFunction } from './classify/particular.ts'
import type { AstNode } from './parse.ts'

export interface NamedRelation {
  /** undefined: it is found by search_path. */
  readonly schema: string | undefined
  readonly name: string
}

/** After loadParser(). undefined: the text does not parse, or holds several statements. */
export function findRelations(text: string): readonly NamedRelation[] | undefined {
  const parsed = tryParse(text)
  if ('failure' in parsed || parsed.statements.length !== 1) return undefined
  const found = new Map<string, NamedRelation>()
  const ctes = new Set<string>()
  const open: unknown[] = [parsed.statements[0]?.node]
  while (open.length > 0) {
    const value = open.pop()
    if (typeof value !== 'object' || value === null) continue
    if (!Array.isArray(value)) note(value as AstNode, found, ctes)
    for (const below of Object.values(value)) open.push(below)
  }
  // A CTE hides a table of its name only where it is in scope; the table too is listed then if it is named with its schema.
  return [...found.values()].filter(({ schema, name }) => schema !== undefined || !ctes.has(name))
}

/** Whether the same statement on the same rows gives another answer each time, though it only reads: random(), a sample. */
export function isFickle(text: string): boolean {
  const parsed = tryParse(text)
  if ('failure' in parsed) return true
  const open: unknown[] = parsed.statements.map(({ node }) => node)
  while (open.length > 0) {
    const value = open.pop()
    if (typeof value !== 'object' || value === null) continue
    const { RangeTableSample: sample, FuncCall: call } = value as AstNode
    if (sample !== undefined) return true
    if (call !== undefined && isHarmlessFunction(nameParts((call as AstNode)['funcname']).at(-1) ?? '')) return true
    for (const below of Object.values(value)) open.push(below)
  }
  return false
}

function note(node: AstNode, found: Map<string, NamedRelation>, ctes: Set<string>): void {
  const { relname, schemaname, ctename } = node
  if (typeof ctename === 'string') ctes.add(ctename)
  if (typeof relname !== 'string') return
  const schema = typeof schemaname === 'string' ? schemaname : undefined
  found.set(JSON.stringify([schema, relname]), { schema, name: relname })
}
