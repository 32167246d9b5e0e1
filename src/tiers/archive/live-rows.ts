// Rows that are still in the database, as files beside those of archives, so that one statement reads both.
// What must be true: the caller's transaction sees the archives and these rows in one snapshot, so that a row is in one of them.

import { mkdir } from 'node:fs/promises'
import { StrataError } from '../../base/errors.ts'
import { onlyRow, type Session } from '../../db/db.ts'
import { quoteIdent, quoteLiteral, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { readSourceColumns } from '../model/columns.ts'
import type { Duck } from './duck.ts'
import { copyRows } from './export.ts'
import type { FoundTable } from './query-tables.ts'
import type { FileSet } from './query-view.ts'

/** They go through this machine. */
const mostRows = 5_000_000

export interface LiveRequest {
  readonly table: FoundTable
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly duck: Duck
  /** Made, and not removed. */
  readonly work: string
}

/** Under contentSettings, of a table that is there. */
export async function copyLiveRows(tx: Session, { table, from, to, duck, work }: LiveRequest): Promise<FileSet> {
  await mkdir(work, { recursive: true })
  const { schema, name, relation, axis } = table
  const named = quoteQualified(schema, name)
  const column = axis === undefined ? undefined : quoteIdent(axis.name)
  const conditions = [
    ...(from === undefined || column === undefined ? [] : [`${column} >= ${quoteLiteral(from)}`]),
    ...(to === undefined || column === undefined ? [] : [`${column} < ${quoteLiteral(to)}`]),
  ]
  const rows = `${relation ?? named}${conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`}`
  await requireFew(tx, { rows, named })
  const { oid } = onlyRow(await tx.query<{ oid: number }>(sql`select ${named}::regclass::oid::int8::float8 as oid`))
  const columns = await readSourceColumns(tx, oid)
  const { files, columns: archived } = await copyRows(tx, {
    from: `(select * from ${rows}) as live`,
    columns,
    axis: axis?.name ?? '',
    work,
    duck,
  })
  return { columns: archived, files }
}

async function requireFew(
  tx: Session,
  { rows, named }: { readonly rows: string; readonly named: string },
): Promise<void> {
  const answer = await tx.query<{ count: number }>(
    sql.raw(`select count(*)::int4 as count from (select from ${rows} limit ${mostRows + 1}) as rows`),
  )
  if (onlyRow(answer).count <= mostRows) return
  throw new StrataError('ARCHIVE_QUERY', {
    message: `${named} has more rows here than go through this machine at once`,
    expected: `at most ${mostRows.toLocaleString('en-US')}`,
    advice: 'Narrow it with `--from` and `--to`, or ask archives alone with `--live none`.',
  })
}
