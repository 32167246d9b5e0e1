// The words of a text column: its different values, the most frequent first, in a table of this transaction alone.

import { onlyRow, type Session } from '../../db/db.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { SourceColumn } from '../model/columns.ts'
import { sorted } from './sort.ts'

export interface Words {
  readonly count: number
  readonly bytes: number
  /** SQL of the array of all of them, where they are few. */
  readonly literal: string | undefined
}

/** The number of the first word, so that 65,536 have room in two bytes. */
const firstCode = -(2 ** 15)
const mostInline = 32
const mostInlineBytes = 1_000
const mostWordBytes = 500
/** A word takes 60 bytes beside its own: a table with fewer rows than that a word is no gain. */
const leastRowsOfWord = 2
const mostWords = 2 ** 31

/** code, value; the column's number tells which. */
export function wordsTable({ attnum }: Pick<SourceColumn, 'attnum'>): string {
  return `pg_temp.pgstrata_words_${attnum}`
}

/** undefined: they are too many or too long to be looked up. */
export async function readWords(tx: Session, column: SourceColumn, rows: number): Promise<Words | undefined> {
  const table = wordsTable(column)
  const value = quoteIdent(column.name)
  await tx.query(
    sql.raw(`create temp table pgstrata_words_${column.attnum} on commit drop as
select (row_number() over (order by n desc, value) + ${firstCode - 1})::int4 as code, value
from (
  select s.${value}::text collate pg_catalog."C" as value, count(*) as n
  from ${sorted} as s
  where s.${value} is not null
  group by 1
) as w
where octet_length(value) <= ${mostWordBytes}`),
  )
  const found = onlyRow(
    await tx.query<{ words: string; bytes: string; isWhole: boolean }>(
      sql.raw(`select count(*)::text as words, coalesce(sum(octet_length(value)), 0)::text as bytes,
  not exists (select from ${sorted} as s where octet_length(s.${value}) > ${mostWordBytes}) as "isWhole"
from ${table}`),
    ),
  )
  const [count, bytes] = [Number(found.words), Number(found.bytes)]
  if (!found.isWhole || count * leastRowsOfWord > rows || count > mostWords) return undefined
  await tx.query(sql.raw(`analyze ${table}`))
  const isFew = count <= mostInline && bytes <= mostInlineBytes
  return { count, bytes, literal: isFew ? await literalOf(tx, table) : undefined }
}

async function literalOf(tx: Session, table: string): Promise<string> {
  const { literal } = onlyRow(
    await tx.query<{ literal: string }>(
      sql.raw(
        `select 'array[' || coalesce(string_agg(quote_literal(value), ', ' order by code), '') || ']::text[]' as literal from ${table}`,
      ),
    ),
  )
  return literal
}
