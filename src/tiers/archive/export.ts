// One set of rows as files of Parquet, in one snapshot.
//
// I6 begins here: each file is decoded again and hashed before anything else is done with it, and the sum of their hashes is that of
// the rows. On failure: TIER_MISMATCH, or what was thrown; the files in `work` are nobody's.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { StrataError } from '../../base/errors.ts'
import { copyOut } from '../../db/copy.ts'
import type { Session } from '../../db/db.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { addContents, isSameContent, readContent } from '../content/content.ts'
import type { SourceColumn } from '../model/columns.ts'
import type { Content } from '../model/content.ts'
import { factsOf } from '../store/checksums.ts'
import { inFolder } from '../store/room.ts'
import { isList } from './canonical.ts'
import { hashFile } from './decode.ts'
import type { Duck } from './duck.ts'
import { writeParquet } from './parquet.ts'
import { createScratch } from './scratch.ts'
import { splitCsv, type CsvPiece } from './split-csv.ts'
import type { FileStats } from './stats.ts'
import { archiveColumns, type ArchivedColumn } from './types.ts'

export interface ExportJob {
  /** What stands behind FROM, of these columns: a relation, or a query in brackets with a name. */
  readonly from: string
  /** As they were read under contentSettings: types have to be known by their full names. */
  readonly columns: readonly SourceColumn[]
  /** The partition's column: files tell between which values of it they are. */
  readonly axis: string
  /** What stands behind ORDER BY; undefined: in any order. */
  readonly orderBy?: string | undefined
  /** An empty folder, which the server need not see. */
  readonly work: string
  readonly duck: Duck
  readonly mostRows?: number | undefined
  readonly mostBytes?: number | undefined
  readonly onRows?: ((rows: number) => Promise<void>) | undefined
}

export interface LocalFile {
  readonly number: number
  readonly path: string
  readonly rows: number
  readonly bytes: number
  readonly sha256: string
  /** Of the partition's column, as text; null: not known, or nothing in it. */
  readonly least: string | null
  readonly most: string | null
  readonly content: Content
  readonly stats: FileStats
}

export interface Exported {
  readonly files: readonly LocalFile[]
  readonly columns: readonly ArchivedColumn[]
  readonly content: Content
}

const mostRows = 1_000_000
const mostBytes = 512 * 1024 ** 2

/** In a REPEATABLE READ transaction whose locks are taken, under contentSettings. */
export async function exportRows(tx: Session, job: ExportJob): Promise<Exported> {
  const columns = await archiveColumns(tx, job.columns, job.from)
  const content = await readContent(tx, job.columns, job.from)
  const files = await inFolder(job.work, async () => {
    const pieces = await copyPieces(tx, job, columns)
    await createScratch(tx, columns, 'typed')
    const made: LocalFile[] = []
    for (const [index, piece] of pieces.entries()) {
      made.push(await convert({ tx, job, columns, piece, number: index + 1 }))
      await job.onRows?.(piece.rows)
    }
    return made
  })
  const found = addContents(...files.map((file) => file.content))
  if (!isSameContent(found, content)) throw mismatch(content, found)
  return { files, columns, content }
}

/** The same files, for a look that nobody relies on later: nothing is hashed. */
export async function copyRows(
  tx: Session,
  job: ExportJob,
): Promise<{
  readonly files: readonly Pick<LocalFile, 'path' | 'stats'>[]
  readonly columns: readonly ArchivedColumn[]
}> {
  const columns = await archiveColumns(tx, job.columns, job.from)
  const files = await inFolder(job.work, async () => {
    const made: Pick<LocalFile, 'path' | 'stats'>[] = []
    for (const piece of await copyPieces(tx, job, columns)) {
      const path = `${piece.path}.parquet`
      made.push({ path, stats: await writeParquet(job.duck, { piece, path, columns }) })
      await rm(piece.path)
    }
    return made
  })
  return { files, columns }
}

async function copyPieces(
  tx: Session,
  job: ExportJob,
  columns: readonly ArchivedColumn[],
): Promise<readonly CsvPiece[]> {
  let pieces: readonly CsvPiece[] = []
  await copyOut(tx, copyStatement(job, columns), async (rows) => {
    const limits = { mostRows: job.mostRows ?? mostRows, mostBytes: job.mostBytes ?? mostBytes }
    pieces = await splitCsv(rows, { folder: job.work, ...limits })
  })
  return pieces
}

function copyStatement({ from, orderBy }: ExportJob, columns: readonly ArchivedColumn[]): string {
  const texts = columns.map(({ name }) => quoteIdent(name))
  const lists = columns.filter(({ canonical }) => isList(canonical))
  const json = lists.map(({ name }) => `pg_catalog.to_json(${quoteIdent(name)})`)
  const order = orderBy === undefined ? '' : ` order by ${orderBy}`
  return `copy (select ${['1', ...texts, ...json].join(', ')} from ${from}${order}) to stdout (format csv, force_quote *)`
}

interface Conversion {
  readonly tx: Session
  readonly job: ExportJob
  readonly columns: readonly ArchivedColumn[]
  readonly piece: CsvPiece
  readonly number: number
}

async function convert({ tx, job, columns, piece, number }: Conversion): Promise<LocalFile> {
  const { duck, work, axis } = job
  const path = join(work, `${String(number).padStart(4, '0')}.parquet`)
  const stats = await writeParquet(duck, { piece, path, columns })
  await rm(piece.path)
  const content = await hashFile({ tx, duck, path, columns, stats })
  const { bytes, sha256 } = await factsOf(path)
  const ends = stats[axis]
  const isKnown = ends !== undefined && ends.exceptions === 0
  return {
    number,
    path,
    rows: piece.rows,
    bytes,
    sha256,
    least: isKnown ? ends.min : null,
    most: isKnown ? ends.max : null,
    content,
    stats,
  }
}

function mismatch(expected: Content, got: Content): StrataError {
  return new StrataError('TIER_MISMATCH', {
    message: 'Files of Parquet do not give back the rows that went in',
    expected: `${expected.rows} rows with the hash of the table`,
    got: `${got.rows} rows${expected.rows === got.rows ? ' with another' : ''}`,
    details: { expected, got },
  })
}
