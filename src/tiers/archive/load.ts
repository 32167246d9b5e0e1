// Files of an archive as rows of a table, one file after the other.
//
// What must be true: the rows in the table have the hash that the archive has, over the columns as they were archived. Where the
// columns changed since, each file is hashed beside the table first, and no value may come out of its new type as another one.
// On failure: ARCHIVE_SCHEMA or ARCHIVE_CORRUPT; the caller rolls back.

import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { messageOf, StrataError } from '../../base/errors.ts'
import { copyIn } from '../../db/copy.ts'
import { onlyRow, type Session } from '../../db/db.ts'
import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { sqlstateOf } from '../../sql/sqlstate.ts'
import { addContents, isSameContent, readContent } from '../content/content.ts'
import { contentSettings } from '../content/settings.ts'
import type { Content } from '../model/content.ts'
import { hashFile } from './decode.ts'
import type { Duck } from './duck.ts'
import type { Mapping } from './fit.ts'
import type { ManifestFile } from './manifest.ts'
import { writeCsv } from './parquet.ts'
import { createScratch, scratch } from './scratch.ts'
import { plain, type ArchivedColumn } from './types.ts'

export interface LoadJob {
  readonly columns: readonly ArchivedColumn[]
  readonly content: Content
  readonly files: readonly { readonly file: ManifestFile; readonly path: string }[]
  /** Quoted. */
  readonly table: string
  readonly mapping: Mapping
  readonly duck: Duck
  readonly onRows?: ((rows: number) => Promise<void>) | undefined
}

/** In a transaction. */
export async function loadFiles(tx: Session, job: LoadJob): Promise<Content> {
  await tx.query(sql.raw(contentSettings))
  const loaded = job.mapping.isPlain ? await loadPlain(tx, job) : await loadFitted(tx, job)
  if (isSameContent(loaded, job.content)) return loaded
  throw new StrataError('ARCHIVE_CORRUPT', {
    message: `What was loaded from the archive is not what was archived`,
    expected: `${job.content.rows} rows with their hash`,
    got: `${loaded.rows} rows${loaded.rows === job.content.rows ? ' with another' : ''}`,
  })
}

async function loadPlain(tx: Session, { table, files, columns, duck, mapping, onRows }: LoadJob): Promise<Content> {
  const list = mapping.pairs.map(({ column }) => quoteIdent(column.name)).join(', ')
  for (const { file, path } of files) {
    const csv = `${path}.csv`
    try {
      await writeCsv(duck, { path, csv, columns, stats: file.columns, isMarked: false })
      await copyIn(tx, `copy ${table} (${list}) from stdin (format csv)`, createReadStream(csv))
    } catch (error) {
      throw translate(error)
    } finally {
      await rm(csv, { force: true })
    }
    await onRows?.(file.rows)
  }
  const named = mapping.pairs.map(
    ({ archived, column }) => `${quoteIdent(column.name)} as ${quoteIdent(archived.name)}`,
  )
  return await readContent(tx, plain(columns), `(select ${named.join(', ')} from ${table}) as restored`)
}

async function loadFitted(tx: Session, { table, files, columns, duck, mapping, onRows }: LoadJob): Promise<Content> {
  await createScratch(tx, columns, 'text')
  const contents: Content[] = []
  for (const { file, path } of files) {
    contents.push(await hashFile({ tx, duck, path, columns, stats: file.columns }))
    await checkRetyped(tx, mapping)
    await insertFitted(tx, table, mapping)
    await onRows?.(file.rows)
  }
  return addContents(...contents)
}

async function insertFitted(tx: Session, table: string, { pairs, added }: Mapping): Promise<void> {
  const known = added.filter(({ value }) => value !== undefined)
  const targets = [...pairs.map(({ column }) => column.name), ...known.map(({ column }) => column.name)]
  const values = [
    // By assignment: an explicit cast would cut a text that is too long.
    ...pairs.map(({ archived }) => `${quoteIdent(archived.name)}::${archived.pgType}`),
    ...known.map(({ column, value }) => (value === null ? 'null' : `${quoteLiteral(value ?? '')}::${column.typmod}`)),
  ]
  const statement = `insert into ${table} (${targets.map(quoteIdent).join(', ')}) overriding system value
    select ${values.join(', ')} from ${scratch}`
  try {
    await tx.query(sql.raw(statement))
  } catch (error) {
    throw translate(error)
  }
}

/** Values that would come out of their new type as others, by column. */
async function checkRetyped(tx: Session, { pairs }: Mapping): Promise<void> {
  const retyped = pairs.filter(({ isRetyped }) => isRetyped)
  if (retyped.length === 0) return
  const counts = retyped.map(({ archived, column }, index) => {
    const name = quoteIdent(archived.name)
    const back = `(${name}::${archived.pgType}::${column.typmod}::${archived.pgType})::pg_catalog.text`
    return `count(*) filter (where ${back} is distinct from ${name})::text as changed_${index}`
  })
  const changed = await tx
    .query<Record<string, string>>(sql.raw(`select ${counts.join(', ')} from ${scratch}`))
    .then(onlyRow)
    .catch((error: unknown) => {
      throw translate(error)
    })
  const problems = retyped.flatMap(({ archived, column }, index) => {
    const count = changed[`changed_${index}`] ?? '0'
    return count === '0'
      ? []
      : [`${archived.name}: ${count} values of ${archived.pgType} in one file would be others as ${column.typmod}`]
  })
  if (problems.length > 0) throw unfit(problems)
}

const unfitClasses = /^(22|23|42)/

function translate(error: unknown): unknown {
  const state = sqlstateOf(error)
  if (state === undefined || !unfitClasses.test(state)) return error
  // Of class 22 and 23 the server's message can quote a row.
  return unfit([
    state.startsWith('42') ? messageOf(error) : `a value does not fit its column as it is now (SQLSTATE ${state})`,
  ])
}

function unfit(problems: readonly string[]): StrataError {
  return new StrataError('ARCHIVE_SCHEMA', {
    message: 'The archived rows do not fit the table as it is now',
    advice: 'Restore into a table of its own with `--into schema.table`.',
    notes: problems,
    details: { problems },
  })
}
