// Rows of an archive in a table of its own, for a look, or where the table that they come from is not there any more. The partition
// and its archive stay as they are.
//
// What must be true: the table has what the archive has, by its hash, or nothing was done. It is a table by itself: in one whose rows
// are counted or read together with archives they would be there twice.

import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { StrataError } from '../../base/errors.ts'
import { onlyRow, type Db, type Queryable, type Session } from '../../db/db.ts'
import { transaction } from '../../db/transaction.ts'
import { unhurried } from '../../plan/index.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { sqlstateOf } from '../../sql/sqlstate.ts'
import { contentSettings } from '../content/settings.ts'
import type { Content } from '../model/content.ts'
import type { Fitting } from '../model/record.ts'
import { checkRoom } from '../store/room.ts'
import { readCurrentColumns } from '../model/current-columns.ts'
import { tableDefinition, typeDefinitions } from './definition.ts'
import { fitColumns } from './fit.ts'
import { removeLeftovers } from './leftovers.ts'
import { loadFiles } from './load.ts'
import type { Manifest } from './manifest.ts'
import { fetchFile, type ReadingTools } from './read-back.ts'

export interface IntoRequest extends Fitting {
  readonly archived: Pick<Manifest, 'columns' | 'content' | 'files'>
  /** Made as the table was, where it is not there. */
  readonly into: { readonly schema: string; readonly table: string }
  readonly onProgress?: ((share: number) => void) | undefined
}

/** Decoded rows are larger than their files. */
const growth = 12

/** What it takes to load files, one after the other, beside them. */
export async function checkRoomFor(folder: string, files: readonly { readonly bytes: number }[]): Promise<void> {
  await checkRoom(folder, files.reduce((sum, { bytes }) => sum + bytes, 0) + decodedBytes(files))
}

/** The same where the files are there already. */
export async function checkRoomBeside(folder: string, files: readonly { readonly bytes: number }[]): Promise<void> {
  await checkRoom(folder, decodedBytes(files))
}

function decodedBytes(files: readonly { readonly bytes: number }[]): number {
  return growth * Math.max(0, ...files.map(({ bytes }) => bytes))
}

export async function restoreInto(db: Db, tools: ReadingTools, request: IntoRequest): Promise<Content> {
  const { files } = request.archived
  // Before gigabytes come.
  await requireOrdinary(db, request.into)
  await mkdir(tools.work, { recursive: true })
  await removeLeftovers(tools.work)
  const folder = await mkdtemp(join(tools.work, 'into-'))
  try {
    await checkRoomFor(folder, files)
    const here: { readonly file: (typeof files)[number]; readonly path: string }[] = []
    for (const [index, file] of files.entries()) {
      const path = join(folder, `${file.number}.parquet`)
      await fetchFile(tools, file, path)
      here.push({ file, path })
      request.onProgress?.((index + 1) / files.length)
    }
    return await load(db, tools, { ...request, folder, here })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Loading extends IntoRequest {
  readonly folder: string
  readonly here: readonly { readonly file: Manifest['files'][number]; readonly path: string }[]
}

async function load(
  db: Db,
  tools: ReadingTools,
  { archived, into, without, renamed, folder, here }: Loading,
): Promise<Content> {
  const duck = await tools.duck([folder], tools.signal)
  const name = quoteQualified(into.schema, into.table)
  try {
    return await transaction(db, async (tx) => {
      await tx.query(sql.raw(`${contentSettings}; ${unhurried}`))
      const isNew = (await readOid(tx, name)) === null
      if (isNew) await makeTable(tx, archived, into)
      await tx.query(sql.raw(`lock table ${name} in row exclusive mode`))
      await requireOrdinary(tx, into)
      const columns = await readCurrentColumns(tx, (await readOid(tx, name)) ?? 0)
      const mapping = fitColumns({ archived: archived.columns, columns, isSameTable: false, without, renamed })
      return await loadFiles(tx, {
        columns: archived.columns,
        content: archived.content,
        files: here,
        table: name,
        // The hash is one of all rows: with those that were there before it is taken beside the table.
        mapping: { ...mapping, isPlain: mapping.isPlain && isNew },
        duck,
      })
    })
  } finally {
    duck.close()
  }
}

async function readOid(tx: Session, name: string): Promise<number | null> {
  return onlyRow(await tx.query<{ oid: number | null }>(sql`select to_regclass(${name})::oid::int8::float8 as oid`)).oid
}

interface Found {
  readonly kind: string
  readonly isPart: boolean
}

/** A table of its own, or none yet. One with tiers is always partitioned. */
async function requireOrdinary(on: Queryable, { schema, table }: IntoRequest['into']): Promise<void> {
  const name = quoteQualified(schema, table)
  const { rows } = await on.query<Found>(sql`
    select relkind as kind,
      exists (select from pg_inherits where inhrelid = c.oid) as "isPart"
    from pg_class as c
    where oid = to_regclass(${name})`)
  const [found] = rows
  const got = schema === 'pgstrata' ? 'what keeps tiers' : found === undefined ? undefined : whatElse(found)
  if (got === undefined) return
  throw new StrataError('TIER_STATE', {
    message: `The rows of an archive do not go into ${name}`,
    expected: 'a new name, or an ordinary table',
    got,
    advice: 'Name another table; to have the rows in their own one again, restore the partition without `--into`.',
  })
}

function whatElse({ kind, isPart }: Found): string | undefined {
  if (isPart) return 'a part of another table'
  return kind === 'r' ? undefined : (kinds[kind] ?? 'something else')
}

const kinds: Readonly<Record<string, string>> = {
  p: 'a partitioned table',
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
}

async function makeTable(
  tx: Session,
  { columns }: Pick<Manifest, 'columns'>,
  into: IntoRequest['into'],
): Promise<void> {
  for (const { type, statement } of typeDefinitions(columns)) {
    const { there } = onlyRow(await tx.query<{ there: boolean }>(sql`select to_regtype(${type}) is not null as there`))
    if (!there) await tx.query(sql.raw(statement))
  }
  try {
    await tx.query(sql.raw(tableDefinition(into, columns)))
  } catch (error) {
    const state = sqlstateOf(error)
    if (state === undefined || !notThere.has(state.slice(0, 2))) throw error
    throw new StrataError('ARCHIVE_SCHEMA', {
      message: `${quoteQualified(into.schema, into.table)} cannot be made as it was`,
      advice: 'Make the types, extensions and the schema that its columns need, then run the command again.',
      cause: error,
    })
  }
}

/** Classes of SQLSTATEs: a type, a collation or a schema. */
const notThere: ReadonlySet<string> = new Set(['42', '3F'])
