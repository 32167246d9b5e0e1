// Reading a tree of the parser. Pure.

import type { AstNode } from '../sql/parse.ts'

export function listOf(value: unknown): readonly AstNode[] {
  return Array.isArray(value) ? (value as readonly AstNode[]) : []
}

/** { String: { sval } } */
export function stringOf(node: AstNode | undefined): string | undefined {
  const text = (node?.['String'] as AstNode | undefined)?.['sval']
  return typeof text === 'string' ? text : undefined
}
