// Archives as one object: what there is, whether it is still what was written, asking it, and bringing it back. Holds no state but
// folders: stores are opened for what is asked, and closed behind it.

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { Db } from '../db/db.ts'
import type { Job } from '../db/job.ts'
import type { LadderOptions } from '../plan/index.ts'
import { archiveJobs, declaredStores } from './archive-jobs.ts'
import type { ArchiveSettings } from './archive-settings.ts'
import { openFileCache } from './archive/cache.ts'
import { readArchive, readArchives, readFiles, type ArchiveFilter, type ArchiveRecord } from './archive/catalog.ts'
import { checkArchives, type CheckReport } from './archive/check.ts'
import type { DuckAnswer } from './archive/duck.ts'
import { queryArchives } from './archive/query.ts'
import { restoreInto } from './archive/restore-into.ts'
import type { Manifest } from './archive/manifest.ts'
import { removeArchive } from './archive/retire.ts'
import { readManifest, readStored, type StoredArchive } from './archive/stored.ts'
import { openArchiving, type OpenArchiving } from './archiving.ts'
import { describe, type MovedPartition } from './facade.ts'
import type { TieredTable } from './model/options.ts'
import { throttleOf } from './move/job.ts'
import { movePartition } from './move/movers.ts'
import { findTiered } from './status.ts'

export interface ArchivesOptions {
  readonly db: Db
  readonly tables: readonly TieredTable[]
  readonly settings: ArchiveSettings
  readonly ladder: LadderOptions
  readonly clock: Clock
  readonly random: Random
}

interface WorkOptions {
  readonly signal?: AbortSignal | undefined
}

export interface ArchiveQueryOptions extends WorkOptions {
  /** Of the columns by which tables are partitioned, as SQL writes their values; `to` is excluded. */
  readonly from?: string | undefined
  readonly to?: string | undefined
  /** `all` (the default): with the rows that are still in the database, and with its other tables. `none`: archives alone. */
  readonly live?: 'none' | 'all' | undefined
}

export interface ArchiveRows {
  readonly columns: readonly string[]
  /** As JSON has them: integers beyond 32 bits, decimals and moments are texts. */
  readonly rows: readonly (readonly unknown[])[]
}

export interface ArchiveFitting {
  /** Archived columns that are left out. */
  readonly without?: readonly string[] | undefined
  /** Archived name → the name that the column has now. */
  readonly renamed?: Readonly<Record<string, string>> | undefined
}

interface RestoreOptions extends WorkOptions, ArchiveFitting {
  readonly onProgress?: ((share: number) => void) | undefined
}

/** The newest archive of a partition; one by its number; or one by the key of its manifest, which asks no catalog. */
export type ArchiveSource =
  | { readonly table: string; readonly partition: string }
  | { readonly archive: string }
  | { readonly manifest: string; readonly store?: string | undefined }

export interface Archives {
  /** The declared store; a table can have another one. */
  readonly store: string
  readonly jobs: readonly Job[]
  /** Oldest first; of a table, or of all of them. */
  list(table?: string): Promise<readonly ArchiveRecord[]>
  /** Reads files back from their stores: all of them, or that share, those that nobody has read for longest. */
  verify(
    options?: WorkOptions & {
      readonly table?: string | undefined
      readonly share?: number | undefined
      readonly onFile?: ((key: string) => void) | undefined
    },
  ): Promise<CheckReport>
  /** One SELECT in the SQL of DuckDB. */
  query(statement: string, options?: ArchiveQueryOptions): Promise<ArchiveRows>
  /** The same, row by row: they have to be read within `use`. */
  read<T>(statement: string, use: (answer: DuckAnswer) => Promise<T>, options?: ArchiveQueryOptions): Promise<T>
  /** A cold partition, into its table. */
  restore(key: string, partition: string, options?: RestoreOptions): Promise<MovedPartition>
  /** What a store has, as its manifests tell: without the catalog of this database. Default: the declared one. */
  stored(options?: WorkOptions & { readonly store?: string | undefined }): Promise<readonly StoredArchive[]>
  /** Rows of an archive into a table of its own; the archive stays. Gives their number. */
  restoreInto(
    from: ArchiveSource,
    into: { readonly schema: string; readonly table: string },
    options?: RestoreOptions,
  ): Promise<number>
  /** Removes the files of an archive. One that is the only copy of its rows, only where that is said. */
  forget(archive: string, options?: { readonly onlyCopy?: boolean }): Promise<ArchiveRecord>
}

export function createArchives(options: ArchivesOptions): Archives {
  const { db, tables, settings } = options
  const withStores = async <T>(work: (opened: OpenArchiving) => Promise<T>): Promise<T> => {
    const opened = openArchiving(settings)
    try {
      return await work(opened)
    } finally {
      opened.close()
    }
  }
  const tools = (opened: OpenArchiving, signal: AbortSignal | undefined) => ({
    storeAt: opened.at,
    duck: opened.duck,
    work: settings.workDir,
    signal,
  })
  const read: Archives['read'] = (statement, use, { from, to, live = 'all', signal } = {}) =>
    withStores((opened) => {
      const cacheOf = cachesOf(options, opened)
      const work = join(settings.workDir, `query-${randomUUID()}`)
      const reading = { db, cacheOf, duck: opened.duck, work, signal }
      return queryArchives(reading, { statement, from, to, live }, use)
    })
  return {
    store: openArchiving(settings).at(settings.store.to).url,
    jobs: archiveJobs({ ...options, withStores }),
    list: (table) => readArchives(db, filterOf(tables, table)),
    verify: ({ table, share, onFile, signal } = {}) =>
      withStores((opened) =>
        checkArchives(db, tools(opened, signal), { filter: filterOf(tables, table), share, onFile }),
      ),
    query: (statement, asked) =>
      read(statement, async ({ columns, rows }) => ({ columns, rows: await collect(rows) }), asked),
    read,
    restore: (key, partition, { without = [], renamed = {}, signal, onProgress } = {}) =>
      withStores(async (opened) => {
        const { ladder, clock, random } = options
        const throttle = await throttleOf({ db, clock, random, signal })
        const moving = { db, ladder, clock, random, signal, throttle, archivingOf: opened.of, onProgress }
        const table = findTiered(tables, key)
        return describe(
          await movePartition({ ...moving, fitting: { without, renamed } }, { table, partition, move: 'restore' }),
        )
      }),
    stored: ({ store = settings.store.to, signal } = {}) =>
      withStores((opened) => readStored({ ...tools(opened, signal), store: opened.at(store) })),
    restoreInto: (from, into, { without = [], renamed = {}, signal, onProgress } = {}) =>
      withStores(async (opened) => {
        const { url, archived } = await readSource(options, { from, opened, signal })
        const reading = { ...tools(opened, signal), store: opened.at(url) }
        const { rows } = await restoreInto(db, reading, { archived, into, without, renamed, onProgress })
        return Number(rows)
      }),
    forget: (number, { onlyCopy = false } = {}) =>
      withStores(async (opened) => {
        const archive = await findArchive(options, { archive: number })
        requireDeclared(archive.store, declaredStores(options, opened))
        const place = { store: opened.at(archive.store), id: archive.id }
        await removeArchive(db, place, { from: forgettable, onlyCopy })
        return { ...archive, state: 'removed' }
      }),
  }
}

function cachesOf(
  { settings, clock }: ArchivesOptions,
  opened: OpenArchiving,
): (store: string) => ReturnType<typeof openFileCache> {
  const { dir, sizeBytes } = settings.cache
  return (url) => openFileCache({ dir, sizeBytes, store: opened.at(url), clock, owner: randomUUID() })
}

async function collect<T>(rows: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = []
  for await (const row of rows) all.push(row)
  return all
}

/** A table by its key, or, declared or not, by its name with or without its schema. */
function filterOf(tables: readonly TieredTable[], name: string | undefined): ArchiveFilter {
  if (name === undefined) return {}
  const declared = tables.find(({ partitioned: { key } }) => key === name)?.partitioned
  if (declared !== undefined) return { schema: declared.schema, table: declared.table }
  const [first = '', second] = name.split('.')
  return second === undefined ? { table: first } : { schema: first, table: second }
}

interface SourceRequest extends WorkOptions {
  readonly from: ArchiveSource
  readonly opened: OpenArchiving
}

async function readSource(
  options: ArchivesOptions,
  { from, opened, signal }: SourceRequest,
): Promise<{ readonly url: string; readonly archived: Pick<Manifest, 'columns' | 'content' | 'files'> }> {
  const { db, settings } = options
  if ('manifest' in from) {
    const url = from.store ?? settings.store.to
    const reading = { store: opened.at(url), work: settings.workDir, signal }
    return { url, archived: await readManifest(reading, from.manifest) }
  }
  const archive = await findArchive(options, from)
  const { columns, content } = archive
  const files = await readFiles(db, archive.id)
  return { url: archive.store, archived: { columns, content: content ?? { rows: '0', one: '0', two: '0' }, files } }
}

async function findArchive(
  { db, tables }: ArchivesOptions,
  from: Exclude<ArchiveSource, { readonly manifest: string }>,
): Promise<ArchiveRecord> {
  if ('archive' in from) {
    const found = /^\d{1,18}$/.test(from.archive) ? await readArchive(db, BigInt(from.archive)) : undefined
    if (found !== undefined && found.state !== 'removed' && found.state !== 'exporting') return found
    throw new StrataError('TIER_STATE', {
      message: `There is no archive ${from.archive}`,
      advice: 'See their numbers with `pgstrata archive list`.',
    })
  }
  const states = ['verified', 'only copy', 'lost'] as const
  const all = await readArchives(db, { ...filterOf(tables, from.table), states })
  const newest = all.findLast(({ partition }) => partition === from.partition)
  if (newest !== undefined) return newest
  throw new StrataError('TIER_STATE', {
    message: `There is no archive of partition ${from.partition} of ${from.table}`,
    advice: 'See what there is with `pgstrata archive list`.',
  })
}

/** One that was begun to be removed is removed to its end. */
const forgettable = ['verified', 'only copy', 'superseded', 'lost', 'removing'] as const

function requireDeclared(store: string, declared: ReadonlySet<string>): void {
  if (declared.has(store)) return
  throw new StrataError('TIER_STATE', {
    message: 'The archive is in a store that is not declared',
    expected: [...declared].join(' or '),
    got: store,
    advice: "Declare the store, under `archive.to` or `cold.to` of a table, where its files are this database's own.",
  })
}
