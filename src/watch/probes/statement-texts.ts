// Texts of statements, each asked for once. What is not a query is kept without its constants: pg_stat_statements replaces them by
// $1 in queries, and leaves passwords standing in ALTER ROLE.
// Bounded: 2,000 characters each; one question a reading; the ids of 10,000 texts are remembered.

import type { Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { QueryText } from '../model/rows.ts'

const mostCharacters = 2_000
const mostRemembered = 10_000

export interface TextsOptions {
  /** Where the extension is. */
  readonly schema: string
  /** Added to. */
  readonly asked: Set<string>
  readonly wanted: readonly string[]
}

/** Of those that were not asked for before. */
export async function readTexts(on: Queryable, { schema, asked, wanted }: TextsOptions): Promise<readonly QueryText[]> {
  const missing = wanted.filter((queryid) => queryid !== '0' && !asked.has(queryid))
  if (missing.length === 0) return []
  const { rows } = await on.query<QueryText>(sql`
    select distinct on (queryid) queryid::text as queryid, left(query, ${mostCharacters}) as text
    from ${sql.ident(schema, 'pg_stat_statements')}(true)
    where queryid = any (${missing}::int8[])
      and query is not null
    order by queryid`)
  if (asked.size > mostRemembered) asked.clear()
  for (const queryid of missing) asked.add(queryid)
  return rows.map(({ queryid, text }) => ({ queryid, text: withoutConstants(text) }))
}

/** Comments go (they carry what an application put there), and in what is no query every constant. */
export function withoutConstants(text: string): string {
  const bare = text.replaceAll(pieces, (piece: string) =>
    piece.startsWith('--') || piece.startsWith('/*') ? ' ' : piece,
  )
  const clean = bare.replaceAll(/[ \t]+/g, ' ').trim()
  if (/^[\s(]*(?:select|insert|update|delete|merge|with|values|table)\b/i.test(clean)) return clean
  return clean.replaceAll(constants, (piece: string) => (piece.startsWith('"') ? piece : '?'))
}

/** Comments, quoted names, and texts in each of their four forms; one that was cut off in its middle too. */
const pieces =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|"(?:[^"]|"")*(?:"|$)|[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|'(?:[^']|'')*(?:'|$)|\$([A-Za-z_]\w*)?\$[\s\S]*?(?:\$\1\$|$)/g

const constants = new RegExp(`${pieces.source}|\\b\\d[\\w.]*`, 'g')
