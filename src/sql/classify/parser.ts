// The parser as the classifier uses it: at once or not at all, and never by an exception. Promises: a text that is
// answered with statements was read to its end by the server's own grammar, as sent.
// State: whether the parser is loaded, and how often it failed in itself (not for the text's sake). Its WASM module is
// shared by the process, does not recover from that and, once broken, may not even return: it is left alone after a few.

import { loadModule, parseSync } from 'libpg-query'
import type { AstNode } from '../parse.ts'
import { isTooDeep } from '../nesting.ts'

export interface RawStatement {
  /** 'SelectStmt', 'InsertStmt', … */
  readonly kind: string
  readonly node: AstNode
}

export type Parsed =
  | { readonly statements: readonly RawStatement[] }
  /** `lasting`: the same text will fail the same way. */
  | { readonly failure: string; readonly lasting: boolean }

/** One failure leaves up to a thirtieth of the module's stack lost. */
const failuresBorne = 3

let loading: Promise<void> | undefined
let loaded = false
let failures = 0

/** Loads the parser; idempotent. */
export async function loadParser(): Promise<void> {
  loading ??= loadModule()
  await loading
  loaded = true
}

export const isParserLoaded = (): boolean => loaded

export function tryParse(text: string): Parsed {
  if (!loaded) return { failure: 'the parser is being loaded', lasting: false }
  if (failures > failuresBorne) return { failure: 'the parser has failed', lasting: false }
  // At a NUL the parser would stop reading, and half of a surrogate pair would swallow the quote behind it.
  if (text.includes('\0') || !text.isWellFormed()) return { failure: 'does not parse', lasting: true }
  if (isTooDeep(text)) return { failure: 'too deep to parse', lasting: true }
  if (text === '') return { statements: [] }
  try {
    const tree = parseSync(text) as { readonly stmts?: readonly { readonly stmt?: AstNode }[] }
    return { statements: (tree.stmts ?? []).map(({ stmt }) => untag(stmt)) }
  } catch (error) {
    if (isRefusal(error)) return { failure: 'does not parse', lasting: true }
    // Out of the module itself, and not for want of stack: it has broken already.
    failures += error instanceof Error && error.name === 'RuntimeError' ? failuresBorne + 1 : 1
    return { failure: 'the parser has failed', lasting: true }
  }
}

function untag(stmt: AstNode | undefined): RawStatement {
  const [kind, node] = Object.entries(stmt ?? {})[0] ?? ['', {}]
  return { kind, node: node as AstNode }
}

/** What the grammar says of the text carries details. */
function isRefusal(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'sqlDetails' in error && error.sqlDetails !== undefined
}
