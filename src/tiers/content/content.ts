// The content of a set of rows, whatever keeps them: a count, and the sums of both halves of 64 bits of a sha256 of every row.
//
// Promise: equal only if the rows are the same, each value as its text tells it, in whatever order they are read. Contents of parts
// add up to that of the whole. The text is that of a row under `contentSettings`: it tells NULL from an empty text, and 1.0 from
// 1.00. Columns go by name and generated ones are left out, so that a table whose columns stand in another order has the same.
// About 2 µs a row.

import { onlyRow, type Queryable } from '../../db/db.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { SourceColumn } from '../model/columns.ts'
import type { Content } from '../model/content.ts'

/** `from`: what stands behind FROM. To be run under `contentSettings`. */
function contentQuery(columns: readonly string[], from: string): string {
  if (columns.length === 0) return `select count(*)::text as rows, '0' as one, '0' as two from ${from}`
  const half = (start: number): string => `coalesce(sum(('x' || substr(h, ${start}, 16))::bit(64)::int8), 0)::text`
  return `select count(*)::text as rows, ${half(1)} as one, ${half(17)} as two
from (
  select encode(sha256(convert_to(row(${columns.toSorted(byBytes).map(quoteIdent).join(', ')})::text, 'UTF8')), 'hex') as h
  from ${from}
  offset 0
) as hashed`
}

/** In a transaction that has `contentSettings`. */
export async function readContent(
  tx: Queryable,
  columns: readonly Pick<SourceColumn, 'name' | 'generated'>[],
  from: string,
): Promise<Content> {
  const names = columns.filter(({ generated }) => !generated).map(({ name }) => name)
  return onlyRow(await tx.query<Content>(sql.raw(contentQuery(names, from))))
}

export function isSameContent(a: Content, b: Content): boolean {
  return a.rows === b.rows && a.one === b.one && a.two === b.two
}

export function addContents(...parts: readonly Content[]): Content {
  const sum = (of: (part: Content) => string): string =>
    parts.reduce((total, part) => total + BigInt(of(part)), 0n).toString()
  return { rows: sum(({ rows }) => rows), one: sum(({ one }) => one), two: sum(({ two }) => two) }
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
