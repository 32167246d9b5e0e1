// Archived rows for the length of a transaction: their files come into the cache, and from there into a temporary table that has the
// columns of the table as it is now. What is asked of them is asked by PostgreSQL, so values and comparisons are its own.
//
// What holds: what is loaded has the hash of its files. Of an archive no file is fetched that lies outside of what is asked for.

import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { onlyRow, type Queryable, type Session } from '../../db/db.ts'
import { unhurried } from '../../plan/index.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { openFileCache } from '../archive/cache.ts'
import { readFiles, type ArchiveRecord } from '../archive/catalog.ts'
import { readCurrentColumns } from '../model/current-columns.ts'
import type { DuckFactory } from '../archive/duck.ts'
import { fitColumns, goneColumns, type Mapping } from '../archive/fit.ts'
import { loadFiles } from '../archive/load.ts'
import { removeLeftovers } from '../archive/leftovers.ts'
import type { ManifestFile } from '../archive/manifest.ts'
import { checkRoomBeside } from '../archive/restore-into.ts'
import { addContents } from '../content/content.ts'
import { contentSettings } from '../content/settings.ts'
import { placesOf, type TierObjects } from '../history/objects.ts'
import type { Store } from '../store/store.ts'
import type { Interval } from './asked.ts'

export interface ColdTools {
  /** By the URL that the catalog notes. */
  readonly storeAt: (url: string) => Store
  readonly duck: DuckFactory
  readonly workDir: string
  readonly cache: { readonly dir: string; readonly sizeBytes: number }
  readonly clock: Clock
  close(): void
}

interface ColdRequest extends Interval {
  readonly objects: TierObjects
  readonly archive: ArchiveRecord
  readonly signal?: AbortSignal | undefined
}

/** The relation in which those rows are until the transaction ends, with all of each file that has one of them. */
export async function loadCold(tx: Session, tools: ColdTools, request: ColdRequest): Promise<string> {
  const { objects, archive, signal } = request
  const path = onlyRow(await tx.query<{ path: string }>(sql`select current_setting('search_path') as path`)).path
  // The session is idle while files come, and one statement reads a whole file.
  await tx.query(sql.raw(unhurried))
  const relation = await createRelation(tx, objects, archive)
  const files = await readAsked(tx, request)
  if (files.length === 0) return relation
  const { storeAt, clock, cache } = tools
  const near = openFileCache({ ...cache, store: storeAt(archive.store), clock, owner: randomUUID() })
  const work = join(tools.workDir, `read-${randomUUID()}`)
  await removeLeftovers(tools.workDir)
  await mkdir(work, { recursive: true })
  try {
    await near.makeRoomFor(files)
    await checkRoomBeside(work, files)
    const here = []
    for (const file of files) {
      // What is made of it lies beside it.
      const path = join(work, `${file.number}.parquet`)
      await near.take(file, path, signal)
      here.push({ file, path })
    }
    const duck = await tools.duck([work], signal)
    try {
      await tx.query(sql.raw(contentSettings))
      await loadFiles(tx, {
        columns: archive.columns,
        content: addContents(...files.map(({ content }) => content)),
        files: here,
        table: relation,
        mapping: await fit(tx, objects, archive),
        duck,
      })
    } finally {
      duck.close()
    }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  // Operators are looked for where whoever asks has them.
  await tx.query(sql`select set_config('search_path', ${path}, true)`)
  return relation
}

async function createRelation(tx: Session, objects: TierObjects, { id }: ArchiveRecord): Promise<string> {
  const { table } = placesOf(objects)
  const name = `pgstrata_cold_${id}`
  const relation = `pg_temp.${name}`
  await tx.query(sql.raw(`create temp table ${name} (like ${table} including generated) on commit drop`))
  // Rows may be older than what the table asks for now.
  const free = objects.columns.filter(({ generated }) => !generated)
  const changes = free.map((column) => `alter column ${quoteIdent(column.name)} drop not null`)
  await tx.query(sql.raw(`alter table ${relation} ${changes.join(', ')}`))
  return relation
}

async function readAsked(
  on: Queryable,
  { objects, archive, since = null, until = null }: ColdRequest,
): Promise<readonly ManifestFile[]> {
  const files = await readFiles(on, archive.id)
  const type = sql.raw(objects.axis.type)
  const { rows } = await on.query<{ number: number }>(sql`
    select number
    from pgstrata.archive_file
    where archive = ${archive.id}::int8
      and (most is null or ${since}::${type} is null or most::${type} >= ${since}::${type})
      and (least is null or ${until}::${type} is null or least::${type} < ${until}::${type})`)
  const asked = new Set(rows.map(({ number }) => number))
  return files.filter(({ number }) => asked.has(number))
}

/** Columns that the table has no more are left out. Where only their names tell, it may have them under others: that is refused. */
async function fit(
  on: Queryable,
  objects: TierObjects,
  { columns: archived, tableOid }: ArchiveRecord,
): Promise<Mapping> {
  const { rows } = await on.query<{ oid: number }>(sql`
    select ${placesOf(objects).table}::regclass::oid::int8::float8 as oid`)
  const { oid } = onlyRow({ rows, rowCount: 1 })
  const columns = await readCurrentColumns(on, oid)
  const request = { archived, columns, isSameTable: tableOid === oid, without: [], renamed: {} }
  return fitColumns({ ...request, without: request.isSameTable ? goneColumns(request) : [] })
}
