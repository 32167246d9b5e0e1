// The real PostgreSQL parser (libpg-query, the server's own grammar compiled to WASM), loaded at first use.
// Statements come back with their exact text and place; a syntax error names line and column.
// The grammar is that of PostgreSQL 18: it accepts everything 15 to 17 accept.
// Invariant: what would break the parser, which the whole process shares, or be read by half does not reach it: nesting
// without end, a NUL (at which it stops), half of a surrogate pair. All three are refused as what does not parse is.

import { loadModule, parsePlPgSQLSync, parseSync, scanSync } from 'libpg-query'
import { StrataError } from '../base/errors.ts'
import { tooDeepAt } from './nesting.ts'

/** An AST node as libpg-query writes it: { IndexStmt: { … } } */
export type AstNode = Readonly<Record<string, unknown>>

export interface ParsedStatement {
  /** The statement as written, without the comments before it and without its semicolon. */
  readonly text: string
  /** Comments that stand between the previous statement and this one, in order. */
  readonly comments: readonly string[]
  /** 1-based line of its first token in the text that was parsed. */
  readonly line: number
  /** 'IndexStmt', 'AlterTableStmt', … */
  readonly kind: string
  /** What stands below `kind`. */
  readonly node: AstNode
}

export interface SqlComment {
  readonly text: string
  /** 1-based line. */
  readonly line: number
  /** The comment is all there is on its line. */
  readonly alone: boolean
}

/** Only for the error. */
interface Place {
  readonly name?: string
  readonly firstLine?: number
}

let loading: Promise<void> | undefined

async function ready(): Promise<void> {
  loading ??= loadModule()
  await loading
}

/** All statements of a script. `name` (a file) and `firstLine` only serve the error. */
export async function parseSql(text: string, place: Place = {}): Promise<ParsedStatement[]> {
  await ready()
  if (/^[\s;]*$/.test(text)) return []
  requireReadable(text, place)
  const bytes = Buffer.from(text)
  // Scanning takes as long as parsing, and only serves to tell comments from statements.
  const tokens = /--|\/\*/.test(text) ? scan(text, place) : undefined
  const comments = tokens?.filter(isComment) ?? []
  const significant = tokens?.filter((token) => !isComment(token) && token.text !== ';')
  if (significant?.length === 0) return []
  const statements: ParsedStatement[] = []
  let previousEnd = 0
  for (const raw of parseRaw(text, place)) {
    const from = raw.stmt_location ?? 0
    const end = raw.stmt_len === undefined || raw.stmt_len === 0 ? bytes.length : from + raw.stmt_len
    const start = significant?.find((token) => token.start >= from)?.start ?? skipSpace(bytes, from)
    const [kind, node] = Object.entries(raw.stmt ?? {})[0] ?? ['', {}]
    const lead = previousEnd
    statements.push({
      text: bytes.subarray(start, end).toString().trimEnd(),
      comments: comments.filter((token) => token.start >= lead && token.start < start).map((token) => token.text),
      line: lineAt(bytes, start),
      kind,
      node: node as AstNode,
    })
    previousEnd = end
  }
  return statements
}

/** The comments of a script, found by the server's own lexer (never inside a string or a function body). */
export async function scanComments(text: string, place: Place = {}): Promise<SqlComment[]> {
  await ready()
  const bytes = Buffer.from(text)
  const lines = text.split('\n')
  return scan(text, place)
    .filter(isComment)
    .map((token) => {
      const line = lineAt(bytes, token.start)
      return { text: token.text, line, alone: lines[line - 1]?.trim() === token.text.trim() }
    })
}

/** Identifiers as written, uncut, in a statement that came from parseSql (which loads the lexer). */
export function identifiersIn(statement: string): readonly string[] {
  return scan(statement, {}).flatMap(({ tokenName, text }) => (tokenName === 'IDENT' ? [bareName(text)] : []))
}

function bareName(written: string): string {
  return written.startsWith('"') ? written.slice(1, -1).replaceAll('""', '"') : written
}

/** Whether a PL/pgSQL body (a DO statement or CREATE FUNCTION, whole) commits or rolls back by itself. */
export async function endsTransactions(statement: string): Promise<boolean> {
  await ready()
  const tree = parseBody(statement)
  return tree.includes('"PLpgSQL_stmt_commit"') || tree.includes('"PLpgSQL_stmt_rollback"')
}

/** A body that does not parse (or is in another language) is the server's to refuse, with its own words. */
function parseBody(statement: string): string {
  try {
    return JSON.stringify(parsePlPgSQLSync(statement))
  } catch {
    return ''
  }
}

function skipSpace(bytes: Buffer, from: number): number {
  let start = from
  while (start < bytes.length && ' \t\n\r\f\v;'.includes(String.fromCharCode(bytes[start] ?? 0))) start++
  return start
}

type Token = ReturnType<typeof scanSync>['tokens'][number]

function isComment(token: Token): boolean {
  return token.tokenName === 'SQL_COMMENT' || token.tokenName === 'C_COMMENT'
}

function scan(text: string, place: Place): Token[] {
  // The lexer answers an empty text with something that is not JSON.
  if (text.trim() === '') return []
  requireWhole(text, place)
  try {
    return scanSync(text).tokens
  } catch (error) {
    throw syntaxError(text, place, error)
  }
}

function requireReadable(text: string, place: Place): void {
  requireWhole(text, place)
  const at = tooDeepAt(text)
  if (at === undefined) return
  throw refusal(text, place, {
    at,
    message: 'a chain of operators, joins or set operations, or a nesting, is too long to be parsed',
    advice: 'Write lists where there is a chain (VALUES, IN, concat, ANY of an array), or several statements.',
  })
}

function requireWhole(text: string, place: Place): void {
  const at = text.indexOf('\0')
  if (at >= 0) throw refusal(text, place, { at, message: 'a NUL character is no part of SQL' })
  if (!text.isWellFormed()) {
    const half = /[\ud800-\udfff]/u.exec(text)?.index ?? 0
    throw refusal(text, place, { at: half, message: 'half of a surrogate pair is no character' })
  }
}

function parseRaw(text: string, place: Place): readonly RawStatement[] {
  try {
    return parseSync(text).stmts ?? []
  } catch (error) {
    throw syntaxError(text, place, error)
  }
}

interface RawStatement {
  readonly stmt?: AstNode
  readonly stmt_location?: number
  readonly stmt_len?: number
}

function lineAt(bytes: Buffer, offset: number): number {
  let line = 1
  for (let index = bytes.indexOf(10); index >= 0 && index < offset; index = bytes.indexOf(10, index + 1)) line++
  return line
}

function syntaxError(text: string, place: Place, error: unknown): StrataError {
  const details = (error as { sqlDetails?: { message: string; cursorPosition: number } }).sqlDetails
  // The parser counts characters, not UTF-16 units.
  const before = Array.from(text)
    .slice(0, details?.cursorPosition ?? 0)
    .join('')
  return refusal(text, place, {
    at: before.length,
    message: details?.message ?? 'the statement does not parse',
    cause: error,
  })
}

function refusal(
  text: string,
  place: Place,
  { at, message, advice, cause }: { at: number; message: string; advice?: string; cause?: unknown },
): StrataError {
  const before = text.slice(0, at).split('\n')
  const line = before.length
  const column = Array.from(before.at(-1) ?? '').length + 1
  const shownLine = line + (place.firstLine ?? 1) - 1
  const where = `${place.name === undefined ? 'line ' : `${place.name}:`}${shownLine}:${column}`
  return new StrataError('SQL_SYNTAX', {
    message: `${where}: ${message}`,
    advice,
    notes: showPlace(text.split('\n')[line - 1] ?? '', column),
    details: { file: place.name, line: shownLine, column },
    cause,
  })
}

/** Of a line, to each side of the place. */
const shownCharacters = 100

/** The line with a mark below it; a line that speaks of a password is not shown. */
function showPlace(line: string, column: number): readonly string[] {
  if (/password|secret/i.test(line)) return []
  const from = Math.max(0, column - 1 - shownCharacters)
  const shown = Array.from(line)
    .slice(from, column + shownCharacters)
    .join('')
  return [shown, `${' '.repeat(column - 1 - from)}^`]
}
