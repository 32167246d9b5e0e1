// The columns that an expression names, found by the server's own grammar: never inside of a string, and never a function of
// the same name.

import { parseSql, type AstNode } from './parse.ts'

/** `expression` with each column that it names by itself (`plays`, `"Plays"`) replaced; a qualified one stays as it is. */
export async function replaceColumns(expression: string, replace: (name: string) => string): Promise<string> {
  const lead = 'select '
  const [statement] = await parseSql(`${lead}${expression}`)
  const found: Found[] = []
  collect(statement?.node, found)
  const bytes = Buffer.from(expression)
  let from = 0
  let text = ''
  for (const { name, start } of found.toSorted((left, right) => left.start - right.start)) {
    const at = start - lead.length
    const [written = ''] = identifier.exec(bytes.subarray(at).toString()) ?? []
    text += bytes.subarray(from, at).toString() + replace(name)
    from = at + Buffer.byteLength(written)
  }
  return text + bytes.subarray(from).toString()
}

interface Found {
  readonly name: string
  /** In bytes. */
  readonly start: number
}

const identifier = /^(?:"(?:[^"]|"")*"|[\p{L}_][\p{L}\p{N}_$]*)/u

function collect(node: unknown, found: Found[]): void {
  if (Array.isArray(node)) {
    for (const one of node) collect(one, found)
    return
  }
  if (typeof node !== 'object' || node === null) return
  for (const [kind, inner] of Object.entries(node as AstNode)) {
    if (kind === 'ColumnRef') {
      const { fields, location = 0 } = inner as { fields: readonly AstNode[]; location?: number }
      const name = fields.length === 1 ? (fields[0]?.['String'] as { sval?: string } | undefined)?.sval : undefined
      if (name !== undefined) found.push({ name, start: location })
    } else collect(inner, found)
  }
}
