// Archives of plain tables, without a catalog: exported, and loaded again.

import { mkdir, rm } from 'node:fs/promises'
import { onlyRow, type Session } from '../../../src/db/db.ts'
import { transaction } from '../../../src/db/transaction.ts'
import { quoteIdent, quoteLiteral } from '../../../src/sql/quote.ts'
import { sql } from '../../../src/sql/sql.ts'
import { duckFactory, type Duck, type DuckFactory } from '../../../src/tiers/archive/duck.ts'
import { exportRows, type Exported } from '../../../src/tiers/archive/export.ts'
import { fitColumns } from '../../../src/tiers/archive/fit.ts'
import { loadFiles } from '../../../src/tiers/archive/load.ts'
import type { ManifestFile } from '../../../src/tiers/archive/manifest.ts'
import { contentSettings } from '../../../src/tiers/content/settings.ts'
import { readSourceColumns, type SourceColumn } from '../../../src/tiers/model/columns.ts'
import type { Content } from '../../../src/tiers/model/content.ts'

export const duck: DuckFactory = duckFactory({ memory: '512MiB', threads: 1 })

async function oidOf(session: Session, table: string): Promise<number> {
  const answer = await session.query<{ oid: number }>(sql`select ${table}::regclass::oid::int8::float8 as oid`)
  return onlyRow(answer).oid
}

export async function columnsOf(session: Session, table: string): Promise<readonly SourceColumn[]> {
  return await readSourceColumns(session, await oidOf(session, table))
}

export interface ExportedTable extends Exported {
  readonly manifestFiles: readonly ManifestFile[]
}

/** `table` with its schema; `folder` is emptied. */
export async function exportTable(
  session: Session,
  job: {
    readonly table: string
    readonly axis: string
    readonly folder: string
    readonly duck: Duck
    readonly mostRows?: number
  },
): Promise<ExportedTable> {
  const { table, axis, folder, mostRows } = job
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const exported = await transaction(
    session,
    async (tx) => {
      await tx.query(sql.raw(contentSettings))
      const columns = await columnsOf(tx, table)
      return await exportRows(tx, {
        from: table,
        columns,
        axis,
        orderBy: quoteIdent(axis),
        work: folder,
        duck: job.duck,
        mostRows,
      })
    },
    { isolation: 'repeatable read' },
  )
  const manifestFiles = exported.files.map(({ number, rows, bytes, sha256, least, most, content, stats }) => ({
    number,
    key: `files/${number}.parquet`,
    rows,
    bytes,
    sha256,
    least,
    most,
    content,
    columns: stats,
  }))
  return { ...exported, manifestFiles }
}

export interface LoadOptions {
  readonly into: string
  readonly duck: Duck
  readonly isSameTable?: boolean
  readonly without?: readonly string[]
  readonly renamed?: Readonly<Record<string, string>>
}

export async function loadTable(session: Session, exported: ExportedTable, options: LoadOptions): Promise<Content> {
  const { into, isSameTable = false, without = [], renamed = {} } = options
  return await transaction(session, async (tx) => {
    await tx.query(sql.raw(contentSettings))
    const columns = await columnsOf(tx, into)
    return await loadFiles(tx, {
      columns: exported.columns,
      content: exported.content,
      files: exported.manifestFiles.map((file, index) => ({ file, path: exported.files[index]?.path ?? '' })),
      table: into,
      mapping: fitColumns({ archived: exported.columns, columns, isSameTable, without, renamed }),
      duck: options.duck,
    })
  })
}

/** Rows, as texts, that only one of both tables has. */
export async function differences(session: Session, left: string, right: string): Promise<readonly object[]> {
  const names = (await columnsOf(session, left)).map(({ name }) => quoteIdent(name)).join(', ')
  const rows = (table: string): string => `select row(${names})::text as row from ${table}`
  const only = (one: string, other: string): string =>
    `select ${quoteLiteral(one)} as in, row from (${rows(one)} except all ${rows(other)}) as only_there`
  const answer = await session.query(sql.raw(`${only(left, right)} union all ${only(right, left)} limit 5`))
  return answer.rows
}
