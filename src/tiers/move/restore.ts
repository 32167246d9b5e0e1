// A cold partition back in its table: its files fetched, loaded into a table beside, and attached.
//
// I1, I6. What is attached has the hash that the archive has; the archive stays until a younger one of the partition is proven. Files
// on their way are kept from step to step, and fetched again where they are gone.
// I3. Nothing that notes changes stands on the table that is filled: what counts its rows has counted them when they came.

import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { StrataError } from '../../base/errors.ts'
import type { Queryable } from '../../db/db.ts'
import { readParent } from '../../partitions/for-tiers.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { readArchive, readFiles, setArchiveState, type ArchiveRecord } from '../archive/catalog.ts'
import { fitColumns } from '../archive/fit.ts'
import { loadFiles } from '../archive/load.ts'
import { checkRoomFor } from '../archive/restore-into.ts'
import type { ManifestFile } from '../archive/manifest.ts'
import { fetchFile } from '../archive/read-back.ts'
import { readCurrentColumns } from '../model/current-columns.ts'
import { contentSettings } from '../content/settings.ts'
import { advance, amend, type Fitting, type TierPartition } from '../model/record.ts'
import { factsOf } from '../store/checksums.ts'
import type { Store } from '../store/store.ts'
import { discardBuilt, goAnew } from './anew.ts'
import { requireArchiving } from './archive.ts'
import { attachIncoming } from './attach.ts'
import { inTransaction, type Archiving, type MoveRun } from './context.ts'
import { incomingName, makeIncoming, settleIncoming, type IncomingSubject } from './incoming.ts'
import { nameOf } from './leaves.ts'
import { requireUnpublished } from './publications.ts'

const noFitting: Fitting = { without: [], renamed: {} }

interface Source {
  readonly archiving: Archiving
  readonly store: Store
  readonly archive: ArchiveRecord
  readonly files: readonly ManifestFile[]
  readonly folder: string
}

async function readArchived(run: MoveRun): Promise<Source> {
  const { record, session } = run
  const archiving = requireArchiving(run)
  const archive = record.archive === null ? undefined : await readArchive(session, record.archive)
  if (archive === undefined) {
    throw new StrataError('TIER_STATE', { message: `${nameOf(record)} has no archive` })
  }
  const { store, storeAt } = archiving
  const where = archive.store === store.url ? store : storeAt?.(archive.store)
  if (where === undefined) {
    throw new StrataError('TIER_STATE', {
      message: `${nameOf(record)} is not in the declared store`,
      expected: store.url,
      got: archive.store,
      advice: 'Declare the store in which it was archived.',
    })
  }
  const folder = restoreFolder(archiving, record)
  return { archiving, store: where, archive, files: await readFiles(session, archive.id), folder }
}

export function restoreFolder({ work }: Archiving, { id }: Pick<TierPartition, 'id'>): string {
  return join(work, `restore-${id}`)
}

const localPath = (folder: string, { number }: ManifestFile): string => join(folder, `${number}.parquet`)

/** In state 'restore:fetching'. What is here already is not fetched again. */
export async function fetchStep(run: MoveRun): Promise<void> {
  const { store, archive, files, folder } = await readArchived(run)
  const parent = await readParent(run.session, run.table.partitioned)
  // Before gigabytes come: whether their columns still fit.
  await run.session.query(sql`begin`)
  try {
    await run.session.query(sql.raw(contentSettings))
    await fit(run.session, { run, parent: parent?.oid ?? 0, archive })
  } finally {
    await run.session.query(sql`rollback`)
  }
  await mkdir(folder, { recursive: true })
  await checkRoomFor(folder, files)
  for (const [index, file] of files.entries()) {
    const path = localPath(folder, file)
    if (!(await isHere(path, file))) await fetchFile({ store, signal: run.signal }, file, path)
    run.onProgress?.((index + 1) / files.length)
  }
  await inTransaction(run, {}, (tx) => advance(tx, run.record, 'completed'))
}

async function isHere(path: string, { bytes, sha256 }: ManifestFile): Promise<boolean> {
  const found = await factsOf(path).catch(() => undefined)
  return found?.bytes === bytes && found.sha256 === sha256
}

interface Fit {
  readonly run: MoveRun
  readonly parent: number
  readonly archive: ArchiveRecord
}

async function fit(on: Queryable, { run, parent, archive }: Fit): Promise<ReturnType<typeof fitColumns>> {
  const columns = await readCurrentColumns(on, parent)
  const { without, renamed } = run.record.fitting ?? noFitting
  return fitColumns({ archived: archive.columns, columns, isSameTable: archive.tableOid === parent, without, renamed })
}

/** What was said of columns holds for whoever goes on. Where something else is said, what was loaded by it is taken away. */
export async function refit(run: MoveRun): Promise<void> {
  const { fitting, record } = run
  if (fitting === undefined || isDeepStrictEqual(fitting, record.fitting ?? noFitting)) return
  await inTransaction(run, {}, async (tx) => {
    if (record.state === 'restore:fetching') return await amend(tx, record, { fitting })
    await discardBuilt(tx, run)
    return await advance(tx, record, 'anew', { incoming: null, fitting, failure: 'began again: for other columns' })
  })
}

/** In state 'restore:loading'. */
export async function loadStep(run: MoveRun): Promise<void> {
  const { archiving, archive, files, folder } = await readArchived(run)
  const here = await Promise.all(files.map((file) => isHere(localPath(folder, file), file)))
  if (here.includes(false)) {
    await goAnew(run, 'its files are not on this machine')
    return
  }
  const { table } = run
  const { schema } = table.partitioned
  const parent = await readParent(run.session, table.partitioned)
  const duck = await archiving.duck([folder], run.signal)
  try {
    await inTransaction(run, {}, async (tx) => {
      const subject: IncomingSubject = { table, record: run.record, form: 'whole' }
      await requireUnpublished(tx, { into: [schema, 'pgstrata'], schema, table: table.partitioned.table })
      const incoming = await makeIncoming(tx, subject)
      await tx.query(sql.raw(contentSettings))
      const content = await loadFiles(tx, {
        columns: archive.columns,
        content: archive.content ?? { rows: '0', one: '0', two: '0' },
        files: files.map((file) => ({ file, path: localPath(folder, file) })),
        table: quoteQualified(schema, incomingName(run.record.id)),
        mapping: await fit(tx, { run, parent: parent?.oid ?? 0, archive }),
        duck,
        onRows: run.throttle,
      })
      await settleIncoming(tx, subject)
      return await advance(tx, run.record, 'completed', { incoming, content })
    })
  } finally {
    duck.close()
  }
}

/** In state 'restore:attaching'. */
export async function attachStep(run: MoveRun): Promise<void> {
  const { archive, folder } = await readArchived(run)
  // Loaded, and not needed any more; behind the last step nobody would come back for them.
  await rm(folder, { recursive: true, force: true })
  await attachIncoming(run, {
    changes: { archive: null },
    // It is not the only copy any more, and is kept until a younger one is proven.
    within: async (tx) => {
      await setArchiveState(tx, archive.id, { from: ['only copy', 'lost'], to: 'verified' })
    },
  })
}
