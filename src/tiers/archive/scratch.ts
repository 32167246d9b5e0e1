// A table of this session alone, into which files are read back to be hashed. Without a log and without constraints; it goes with
// its transaction. Texts do where the types may be gone: the hash is one of texts.

import { copyIn } from '../../db/copy.ts'
import type { Session } from '../../db/db.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { createReadStream } from 'node:fs'
import type { ArchivedColumn } from './types.ts'

export type ScratchKind = 'typed' | 'text'

/** Nobody's column: where each record begins. */
const mark = 'pgstrata_mark'
export const scratch = 'pg_temp.pgstrata_scratch'

/** In a transaction. */
export async function createScratch(tx: Session, columns: readonly ArchivedColumn[], kind: ScratchKind): Promise<void> {
  const list = columns.map(
    (column) => `${quoteIdent(column.name)} ${kind === 'text' ? 'pg_catalog.text' : column.pgType}`,
  )
  await tx.query(sql.raw(`drop table if exists ${scratch}`))
  await tx.query(
    sql.raw(`create temp table pgstrata_scratch (${[`${mark} "char"`, ...list].join(', ')}) on commit drop`),
  )
}

export async function emptyScratch(tx: Session): Promise<void> {
  await tx.query(sql.raw(`truncate only ${scratch}`))
}

/** `columns` of the scratch table, in the order of the CSV. Returns the number of rows. */
export async function fillScratch(tx: Session, csv: string, columns: readonly ArchivedColumn[]): Promise<number> {
  const list = [mark, ...columns.map(({ name }) => name)].map(quoteIdent).join(', ')
  return await copyIn(tx, `copy ${scratch} (${list}) from stdin (format csv)`, createReadStream(csv))
}
