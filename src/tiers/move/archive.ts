// A partition as files in a store, proven before anything is dropped: exported in one snapshot behind the guard, sent, read back.
//
// I6: an archive is `verified` only when every file of it, and its manifest, came back from the store with the same bytes and the same
// rows. Until the drop the partition stays where it is, and can be read and written.
// Files on their way are kept until then; where they are lost (another machine goes on), the partition is exported again.

import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { StrataError } from '../../base/errors.ts'
import { onlyRow, type Queryable, type Session } from '../../db/db.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import {
  createArchive,
  describeArchive,
  manifestOf,
  noteVerified,
  readArchive,
  readFiles,
  supersede,
  type ArchiveRecord,
} from '../archive/catalog.ts'
import { definitionOf } from '../archive/definition.ts'
import { exportRows, type Exported } from '../archive/export.ts'
import { fileKey, manifestKey, markOf, prefixOf } from '../archive/layout.ts'
import type { Manifest, ManifestFile } from '../archive/manifest.ts'
import { saveManifest } from '../archive/manifest-file.ts'
import { fetchFile, isDamage, readBack } from '../archive/read-back.ts'
import { requireSameStore } from '../archive/same-store.ts'
import { contentSettings } from '../content/settings.ts'
import { readSourceColumns } from '../model/columns.ts'
import { advance, type TierPartition } from '../model/record.ts'
import { factsOf } from '../store/checksums.ts'
import { checkRoom } from '../store/room.ts'
import type { FileFacts, Store } from '../store/store.ts'
import { goAnew } from './anew.ts'
import { inTransaction, type Archiving, type MoveRun } from './context.ts'
import { readGuarded, relationsOf } from './guard.ts'
import { lockText, nameOf, readDefinition, requireSame } from './leaves.ts'
import { readSource } from './source.ts'

/** How often a file is sent again that does not come back as it was. */
const mostTries = 3
const defaultGrace = '7 days'

export function requireArchiving({ archiving, record }: MoveRun): Archiving {
  if (archiving !== undefined) return archiving
  throw new StrataError('TIER_STATE', {
    message: `${nameOf(record)} cannot be archived: there is no place for archives`,
    advice: 'Declare `archive: { to: … }`.',
  })
}

/** Of this partition: what a killed run left in it is replaced. */
export function workFolder({ work }: Archiving, { id, oid }: Pick<TierPartition, 'id' | 'oid'>): string {
  return join(work, `archive-${id}-${oid ?? 0}`)
}

const localPath = (folder: string, number: number): string => join(folder, `${String(number).padStart(4, '0')}.parquet`)

/** In state 'archive:exporting'. */
export async function exportStep(run: MoveRun): Promise<void> {
  const archiving = requireArchiving(run)
  const guarded = await readGuarded(run.session, run.record)
  await inTransaction(
    run,
    { isolation: 'repeatable read', first: [lockText(relationsOf(guarded), 'access share')] },
    async (tx) => {
      await requireSame(tx, run.record, guarded.leaves)
      const fingerprint = await readDefinition(tx, guarded.leaves)
      const { id, content } = await exportPartition(tx, run, archiving)
      const { snapshot } = onlyRow(
        await tx.query<{ snapshot: string }>(sql`select pg_current_snapshot()::text as snapshot`),
      )
      return await advance(tx, run.record, 'completed', { archive: id, content, snapshot, fingerprint })
    },
  )
}

async function exportPartition(
  tx: Session,
  run: MoveRun,
  archiving: Archiving,
): Promise<{ readonly id: bigint; readonly content: Exported['content'] }> {
  const { table, record, signal } = run
  const { schema, table: name, layout } = table.partitioned
  const { store, duck: openDuck } = archiving
  const from = await readSource(tx, run)
  await tx.query(sql.raw(contentSettings))
  // Of the table, not of the partition: columns are known by the numbers that they have there.
  const tableOid = await readTableOid(tx, record)
  const columns = await readSourceColumns(tx, tableOid)
  const id = await createArchive(tx, {
    tierPartition: record.id,
    schema,
    table: name,
    partition: record.name,
    lower: record.lower,
    upper: record.upper,
    store: store.url,
    tableOid,
  })
  const folder = workFolder(archiving, record)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  await checkRoom(folder, await readRoom(tx, record))
  const duck = await openDuck([folder], signal)
  try {
    const exported = await exportRows(tx, {
      from,
      columns,
      axis: layout.column,
      orderBy: orderOf(run),
      work: folder,
      duck,
      onRows: run.throttle,
    })
    const fields = exported.columns.map(({ field }) => field)
    const prefix = prefixOf({ schema, table: name, layout, lower: record.lower, mark: markOf(id), fields })
    await describeArchive(tx, id, { manifest: await describe(tx, run, { id, exported, prefix }), prefix })
    return { id, content: exported.content }
  } finally {
    duck.close()
  }
}

async function readTableOid(on: Queryable, { tierTable }: TierPartition): Promise<number> {
  const answer = await on.query<{ oid: number }>(sql`
    select table_oid::int8::float8 as oid from pgstrata.tier_table where id = ${tierTable}`)
  return onlyRow(answer).oid
}

/** All rows as text, and files of them; most types are longer as text. What is packed is much longer. */
async function readRoom(tx: Session, { oid, pack }: TierPartition): Promise<number> {
  const answer = await tx.query<{ bytes: number }>(sql`
    select coalesce(sum(pg_table_size(relid)), 0)::float8 as bytes
    from pg_partition_tree(${oid}::oid)`)
  const packed = pack === null ? 0 : 10 * (await readPackBytes(tx, pack))
  return 3 * (onlyRow(answer).bytes + packed)
}

async function readPackBytes(tx: Session, pack: bigint): Promise<number> {
  const { rows } = await tx.query<{ bytes: number }>(sql`
    select coalesce(bytes, 0)::float8 as bytes from pgstrata.tier_pack where id = ${pack}::int8`)
  return rows[0]?.bytes ?? 0
}

function orderOf({ table: { warm, partitioned } }: MoveRun): string {
  return [...(warm?.segmentBy ?? []), partitioned.layout.column].map(quoteIdent).join(', ')
}

interface Description {
  readonly id: bigint
  readonly exported: Exported
  readonly prefix: string
}

async function describe(tx: Session, run: MoveRun, { id, exported, prefix }: Description): Promise<Manifest> {
  const { record, table } = run
  const { schema, table: name, layout } = table.partitioned
  const { version, now } = onlyRow(
    await tx.query<{ version: number; now: string }>(sql`
      select current_setting('server_version_num')::int4 as version, to_json(clock_timestamp()) #>> '{}' as now`),
  )
  return {
    format: 1,
    archive: String(id),
    table: { schema, table: name },
    tableOid: await readTableOid(tx, record),
    axis: layout.column,
    partition: record.name,
    lower: record.lower,
    upper: record.upper,
    serverVersion: version,
    columns: exported.columns,
    definition: definitionOf({ schema, table: name }, exported.columns),
    files: exported.files.map(({ number, rows, bytes, sha256, least, most, content, stats }) => ({
      number,
      key: fileKey(prefix, number),
      rows,
      bytes,
      sha256,
      least,
      most,
      content,
      columns: stats,
    })),
    content: exported.content,
    archivedAt: now,
  }
}

interface Sending {
  readonly archiving: Archiving
  readonly archive: ArchiveRecord
  readonly files: readonly ManifestFile[]
  readonly folder: string
}

/** undefined: what was exported is not here any more, and the state says so. */
async function readSending(run: MoveRun): Promise<Sending | undefined> {
  const archiving = requireArchiving(run)
  const archive = run.record.archive === null ? undefined : await readArchive(run.session, run.record.archive)
  const files = archive === undefined ? [] : await readFiles(run.session, archive.id)
  const folder = workFolder(archiving, run.record)
  const isHere = await isAllHere(folder, files)
  if (archive !== undefined && archive.store === archiving.store.url && isHere)
    return { archiving, archive, files, folder }
  await goAnew(run, 'its files were lost on their way to the store')
  return undefined
}

async function isAllHere(folder: string, files: readonly ManifestFile[]): Promise<boolean> {
  for (const { number, bytes, sha256 } of files) {
    const found: FileFacts | undefined = await factsOf(localPath(folder, number)).catch(() => undefined)
    if (found?.bytes !== bytes || found.sha256 !== sha256) return false
  }
  return true
}

/** In state 'archive:uploading'. */
export async function uploadStep(run: MoveRun): Promise<void> {
  const sending = await readSending(run)
  if (sending === undefined) return
  const { archiving, files, folder } = sending
  await requireSameStore(run.session, archiving.store)
  for (const [index, file] of files.entries()) {
    await archiving.store.put(file.key, localPath(folder, file.number), file, run.signal)
    run.onProgress?.((index + 1) / files.length)
    await run.throttle()
  }
  await inTransaction(run, {}, (tx) => advance(tx, run.record, 'completed'))
}

/** In state 'archive:verifying'. */
export async function verifyStep(run: MoveRun): Promise<void> {
  const sending = await readSending(run)
  if (sending === undefined) return
  const { archive, files, folder } = sending
  for (const [index, file] of files.entries()) {
    await proveFile(run, sending, file)
    run.onProgress?.((index + 1) / files.length)
    await run.throttle()
  }
  await sendManifest(run, sending)
  const grace = run.table.cold?.grace ?? defaultGrace
  await inTransaction(run, {}, async (tx) => {
    await noteVerified(tx, archive.id)
    await supersede(tx, archive)
    const dropAfter = sql`coalesce(${run.at ?? null}::timestamptz, clock_timestamp()) + ${grace}::interval`
    return await advance(tx, run.record, 'completed', { dropAfter })
  })
  await rm(folder, { recursive: true, force: true })
}

/** Sent again where it does not come back as it was; what a store does three times it does for good. */
async function proveFile(run: MoveRun, { archiving, archive, folder }: Sending, file: ManifestFile): Promise<void> {
  const { store, duck } = archiving
  const { signal, session } = run
  for (let attempt = 1; ; attempt++) {
    const verdict = await readBack(session, { store, duck, work: folder, signal }, { columns: archive.columns, file })
    if (verdict.kind === 'good') return
    if (attempt === mostTries) throw verdict.error
    await store.put(file.key, localPath(folder, file.number), file, signal)
  }
}

async function sendManifest(run: MoveRun, { archiving, archive, files, folder }: Sending): Promise<void> {
  const { store } = archiving
  const { record, table, signal } = run
  const key = manifestKey(archive.prefix)
  const tableOid = await readTableOid(run.session, record)
  const manifest = manifestOf(archive, files, { tableOid, axis: table.partitioned.layout.column })
  const path = join(folder, 'manifest.json')
  await saveManifest(path, manifest)
  await sendProven(store, { key, path, facts: await factsOf(path), signal })
}

interface Letter {
  readonly key: string
  readonly path: string
  readonly facts: FileFacts
  readonly signal: AbortSignal | undefined
}

async function sendProven(store: Store, { key, path, facts, signal }: Letter): Promise<void> {
  const back = `${path}.back`
  for (let attempt = 1; ; attempt++) {
    await store.put(key, path, facts, signal)
    try {
      await fetchFile({ store, signal }, { key, ...facts }, back)
      return
    } catch (error) {
      if (!isDamage(error) || attempt === mostTries) throw error
    } finally {
      await rm(back, { force: true })
    }
  }
}
