// Texts of statements, each asked for once and kept as what it looks like without its constants. pg_stat_statements replaces those of
// queries, but keeps a text as it came where the entry was pushed out between the planning and the end of a statement, and leaves passwords
// standing in ALTER ROLE.
// Promises: no constant and no comment of a text is in what comes out; of one that cannot be read, nothing but its first word.
// Bounded: of a text 20,000 characters are read and 2,000 kept; one question a reading; the ids of 10,000 texts are remembered. The first
// reading can bring thousands of texts, of which each takes the parser some 0.2 ms: whoever else has something to do is let to it in between.

import { systemClock } from '../../base/clock.ts'
import type { Queryable } from '../../db/db.ts'
import { loadShapes, shapeOf } from '../../sql/shape.ts'
import { sql } from '../../sql/sql.ts'
import type { QueryText } from '../model/rows.ts'

const mostRead = 20_000
const mostCharacters = 2_000
const mostRemembered = 10_000
/** About 2 ms. */
const textsATurn = 10

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
  // One that is longer is cut, and cannot be read then.
  const { rows } = await on.query<QueryText>(sql`
    select distinct on (queryid) queryid::text as queryid, left(query, ${mostRead}) as text
    from ${sql.ident(schema, 'pg_stat_statements')}(true)
    where queryid = any (${missing}::int8[])
      and query is not null
    order by queryid`)
  await loadShapes()
  if (asked.size > mostRemembered) asked.clear()
  for (const queryid of missing) asked.add(queryid)
  const texts: QueryText[] = []
  for (const { queryid, text } of rows) {
    if (texts.length % textsATurn === textsATurn - 1) await systemClock.sleep(0)
    texts.push({ queryid, text: withoutConstants(text) })
  }
  return texts
}

/** loadShapes() was called before. */
export function withoutConstants(text: string): string {
  const { text: shape } = shapeOf(text)
  return shape.replaceAll(/[ \t]+/g, ' ').slice(0, mostCharacters)
}
