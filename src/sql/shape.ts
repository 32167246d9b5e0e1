// What statements look alike but for their constants: the fingerprint of the server's own grammar, and the text without the
// constants. Equal fingerprints are what pg_stat_statements counts together, but for lists of another length (before 18), tables of
// one name in two schemas, and tables whose names differ by numbers of two and more digits alone, as those of partitions do: they
// are several to the server.
// Promises: no constant of the text is in what comes out. Of a text that cannot be read, nothing but its first word is shown.

import { createHash } from 'node:crypto'
import { fingerprintSync, loadModule, normalizeSync, parseSync, scanSync } from 'libpg-query'
import { tooDeepAt } from './nesting.ts'

export interface StatementShape {
  /** 16 hexadecimal digits; of a text that cannot be read, of the text. */
  readonly id: string
  /** For people: without constants, at most 10,000 characters. */
  readonly text: string
  /** How many statements the text holds: the server counts each. */
  readonly statements: number
  /** 'SelectStmt', …, of the first one; undefined where it cannot be read. */
  readonly kind: string | undefined
}

/** What is kept and shown of a text. */
const longestShownText = 10_000
/** Longer ones take the parser too long; they are written by programs. shapeOf() needs no parser for them. */
export const longestReadText = 100_000

/** Afterwards shapeOf() may be called. */
export async function loadShapes(): Promise<void> {
  await loadModule()
}

/** About 0.2 ms for an ordinary text. */
export function shapeOf(text: string): StatementShape {
  if (text.length > longestReadText || !text.isWellFormed() || text.includes('\0') || tooDeepAt(text) !== undefined) {
    return unread(text)
  }
  try {
    const stmts = (parseSync(text) as { stmts?: readonly { stmt?: object }[] }).stmts ?? []
    if (stmts.length === 0) return unread(text)
    const kinds = stmts.map(({ stmt }) => Object.keys(stmt ?? {})[0])
    const secrets = kinds.every((kind) => normalised.has(kind)) ? texts : constants
    return {
      id: fingerprintSync(text),
      text: withoutSecrets(normalizeSync(text), secrets).slice(0, longestShownText),
      statements: stmts.length,
      kind: kinds[0],
    }
  } catch {
    return unread(text)
  }
}

function unread(text: string): StatementShape {
  const word = /^\s*([a-z]{1,20})\b/i.exec(text)?.[1]
  return {
    id: createHash('sha256').update(text).digest('hex').slice(0, 16),
    text: word === undefined ? '…' : `${word.toLowerCase()} …`,
    statements: 1,
    kind: undefined,
  }
}

/** Normalising leaves comments, and constants within PREPARE, DECLARE and their like. */
function withoutSecrets(text: string, secrets: ReadonlySet<string>): string {
  if (secrets === texts && !/['$]|--|\/\*/.test(text)) return text.trim()
  const bytes = Buffer.from(text)
  const kept: string[] = []
  let from = 0
  for (const { tokenName, start, end } of scanSync(text).tokens) {
    const isComment = tokenName === 'SQL_COMMENT' || tokenName === 'C_COMMENT'
    if (!isComment && !secrets.has(tokenName)) continue
    kept.push(bytes.subarray(from, start).toString(), isComment ? '' : '$…')
    from = end
  }
  return [...kept, bytes.subarray(from).toString()].join('').trim()
}

const texts: ReadonlySet<string> = new Set(['SCONST', 'USCONST', 'BCONST', 'XCONST'])
const constants: ReadonlySet<string> = new Set([...texts, 'ICONST', 'FCONST'])

/** Whose numbers are left where they are no values: `order by 1`, `numeric(10, 2)`. */
const normalised: ReadonlySet<string | undefined> = new Set([
  'SelectStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
])
