// One SELECT over archives, and over the rows that are still in the database, in the SQL of DuckDB. Archives come by the SDK into
// a bounded cache; what lies outside of the asked time is not fetched.
//
// What must be true: each row is read once. Which archives count, and the rows in the database, are read in one snapshot, behind
// locks that keep every partition where it is: with these rows only archives whose partition is gone count, without them each
// partition's newest.
// On failure: ARCHIVE_QUERY with what DuckDB says, or what the store says.

import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { messageOf, StrataError } from '../../base/errors.ts'
import { onlyRow, type Db, type Session } from '../../db/db.ts'
import { transaction } from '../../db/transaction.ts'
import { unhurried } from '../../plan/index.ts'
import { sql } from '../../sql/sql.ts'
import { sqlstateOf } from '../../sql/sqlstate.ts'
import { contentSettings } from '../content/settings.ts'
import { readAskedTables } from './asked-tables.ts'
import type { FileCache } from './cache.ts'
import { readArchives, readFiles, type ArchiveRecord } from './catalog.ts'
import type { Duck, DuckAnswer, DuckFactory } from './duck.ts'
import { copyLiveRows } from './live-rows.ts'
import { removeLeftovers } from './leftovers.ts'
import type { ManifestFile } from './manifest.ts'
import { findTables, type FoundTable } from './query-tables.ts'
import { viewStatements, type FileSet } from './query-view.ts'

export interface QueryRequest {
  readonly statement: string
  /** Of the columns by which tables are partitioned; the end is excluded. */
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly live: 'none' | 'all'
}

export interface QueryTools {
  readonly db: Db
  readonly cacheOf: (store: string) => FileCache
  readonly duck: DuckFactory
  /** A folder of this question alone; removed at its end. */
  readonly work: string
  readonly signal?: AbortSignal | undefined
}

/** The rows have to be read within `use`. */
export async function queryArchives<T>(
  tools: QueryTools,
  request: QueryRequest,
  use: (answer: DuckAnswer) => Promise<T>,
): Promise<T> {
  await mkdir(tools.work, { recursive: true })
  await removeLeftovers(dirname(tools.work))
  const duck = await tools.duck([tools.work], tools.signal)
  try {
    const asked = await said(() => readAskedTables(duck, request.statement))
    const tables = await findTables(tools.db, asked)
    const read = await tools.db.withSession((session) => readTables(session, { request, tools, duck, tables }))
    for (const one of read) await show(tools, { duck, one })
    return await use(await said(() => duck.ask(request.statement)))
  } finally {
    duck.close()
    await rm(tools.work, { recursive: true, force: true })
  }
}

/** What DuckDB says to somebody's own statement is for them. */
async function said<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof StrataError) throw error
    throw new StrataError('ARCHIVE_QUERY', { message: messageOf(error), cause: error })
  }
}

interface Reading {
  readonly request: QueryRequest
  readonly tools: QueryTools
  readonly duck: Duck
  readonly tables: readonly FoundTable[]
}

interface ReadTable {
  readonly table: FoundTable
  readonly archived: readonly { readonly archive: ArchiveRecord; readonly files: readonly ManifestFile[] }[]
  readonly live: FileSet | undefined
  readonly span: Span
}

/** As the database writes values of the table's column, which DuckDB reads. */
interface Span {
  readonly from: string | undefined
  readonly to: string | undefined
}

async function readTables(session: Session, { request, tools, duck, tables }: Reading): Promise<readonly ReadTable[]> {
  const live = new Set(request.live === 'all' ? tables.filter(({ relation }) => relation !== undefined) : [])
  return await transaction(
    session,
    async (tx) => {
      await tx.query(sql.raw(contentSettings))
      for (const { relation = '' } of live) await tx.query(sql.raw(`lock table ${relation} in access share mode`))
      // Not before the locks: it takes the snapshot.
      await tx.query(sql.raw(unhurried))
      const archives = counting(await readArchives(tx, { states: ['verified', 'only copy'] }), request.live)
      const read: ReadTable[] = []
      for (const [index, table] of tables.entries()) {
        const span = await readSpan(tx, table, request)
        const archived: ReadTable['archived'][number][] = []
        for (const archive of archives.filter((one) => isOf(one, table))) {
          archived.push({ archive, files: await readAsked(tx, { archive, table, span }) })
        }
        const work = join(tools.work, String(index))
        const set = live.has(table) ? await copyLiveRows(tx, { table, ...span, duck, work }) : undefined
        read.push({ table, archived, live: set, span })
      }
      return read
    },
    { isolation: 'repeatable read', waitsMs: [] },
  )
}

const isOf = (archive: ArchiveRecord, { schema, name }: FoundTable): boolean =>
  archive.schema === schema && archive.table === name

/** The newest of each partition, where nothing else is read. */
function counting(archives: readonly ArchiveRecord[], live: QueryRequest['live']): readonly ArchiveRecord[] {
  if (live === 'all') return archives.filter(({ state }) => state === 'only copy')
  const keyOf = ({ schema, table, lower }: ArchiveRecord): string => JSON.stringify([schema, table, lower])
  const newest = new Map(archives.map((archive) => [keyOf(archive), archive]))
  return archives.filter((archive) => newest.get(keyOf(archive)) === archive)
}

/** Whoever asks writes them as SQL of the database does. */
async function readSpan(tx: Session, { axis }: FoundTable, { from, to }: QueryRequest): Promise<Span> {
  if (axis === undefined || (from === undefined && to === undefined)) return { from: undefined, to: undefined }
  const type = sql.raw(axis.type)
  try {
    const answer = await tx.query<{ from: string | null; to: string | null }>(sql`
      select ${from ?? null}::text::${type}::text as from, ${to ?? null}::text::${type}::text as to`)
    const read = onlyRow(answer)
    return { from: read.from ?? undefined, to: read.to ?? undefined }
  } catch (error) {
    if (sqlstateOf(error)?.startsWith('22') !== true) throw error
    throw new StrataError('ARCHIVE_QUERY', {
      message: `What is asked of ${axis.name} is none of its values`,
      expected: `from and to as SQL writes ${axis.type}`,
      cause: error,
    })
  }
}

interface Asked {
  readonly archive: ArchiveRecord
  readonly table: FoundTable
  readonly span: Span
}

async function readAsked(tx: Session, { archive, table, span }: Asked): Promise<readonly ManifestFile[]> {
  const files = await readFiles(tx, archive.id)
  const { from = null, to = null } = span
  if (table.axis === undefined || (from === null && to === null)) return files
  const type = sql.raw(table.axis.type)
  const { rows } = await tx.query<{ number: number }>(sql`
    select number
    from pgstrata.archive_file
    where archive = ${archive.id}::int8
      and (most is null or ${from}::text is null or most::${type} >= ${from}::text::${type})
      and (least is null or ${to}::text is null or least::${type} < ${to}::text::${type})`)
  const asked = new Set(rows.map(({ number }) => number))
  return files.filter(({ number }) => asked.has(number))
}

interface Showing {
  readonly duck: Duck
  readonly one: ReadTable
}

/** As a table of DuckDB. Files come behind the transaction: a store may be slow, and nobody is to wait for it. */
async function show(tools: QueryTools, { duck, one }: Showing): Promise<void> {
  const sets: FileSet[] = []
  for (const { archive, files } of one.archived) {
    const cache = tools.cacheOf(archive.store)
    const held: FileSet['files'][number][] = []
    await cache.makeRoomFor(files)
    for (const file of files) {
      const path = join(tools.work, `${archive.id}-${file.number}.parquet`)
      await cache.take(file, path, tools.signal)
      held.push({ path, stats: file.columns })
    }
    sets.push({ columns: archive.columns, files: held })
  }
  const { schema, name, axis } = one.table
  const { from, to } = one.span
  const all = one.live === undefined ? sets : [...sets, one.live]
  for (const statement of viewStatements({ schema, table: name, axis: axis?.name, from, to, sets: all })) {
    await duck.run(statement)
  }
}
