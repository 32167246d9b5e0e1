// Texts of what applications call, by shape: without their constants, as they were first seen.

import type { Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'

/** Those that are known. */
export async function readShapeTexts(on: Queryable, shapes: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (shapes.length === 0) return new Map()
  const { rows } = await on.query<{ shape: string; text: string }>(sql`
    select shape, text
    from pgstrata.watch_shape
    where shape = any (${[...shapes]}::text[])`)
  return new Map(rows.map(({ shape, text }) => [shape, text]))
}
