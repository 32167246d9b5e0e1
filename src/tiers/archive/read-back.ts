// One file of an archive, fetched and held against what it has to be.
//
// I6: what is believed of a store is what came back from it. Bytes first (their number and sha256), then, where it is asked for, the
// rows that are in them.

import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ErrorCode } from '../../base/error-table.ts'
import { isStrataError, messageOf, type StrataError } from '../../base/errors.ts'
import type { Session } from '../../db/db.ts'
import { transaction } from '../../db/transaction.ts'
import { unhurried } from '../../plan/index.ts'
import { sql } from '../../sql/sql.ts'
import { isSameContent } from '../content/content.ts'
import { contentSettings } from '../content/settings.ts'
import type { Store } from '../store/store.ts'
import { storeError } from '../store/store.ts'
import { hashFile } from './decode.ts'
import type { DuckFactory } from './duck.ts'
import { removeLeftovers } from './leftovers.ts'
import type { ManifestFile } from './manifest.ts'
import { createScratch } from './scratch.ts'
import type { ArchivedColumn } from './types.ts'

export interface ReadingTools {
  readonly store: Store
  readonly duck: DuckFactory
  /** For files on their way; made where it is not there. */
  readonly work: string
  readonly signal?: AbortSignal | undefined
}

/** The file on this machine, with the bytes that it was archived with. Throws ARCHIVE_LOST, ARCHIVE_CORRUPT, or what the store says. */
export async function fetchFile(
  { store, signal }: Pick<ReadingTools, 'store' | 'signal'>,
  file: Pick<ManifestFile, 'key' | 'bytes' | 'sha256'>,
  path: string,
): Promise<void> {
  const { key, bytes, sha256 } = file
  const found = await store.get(key, path, signal)
  const wrong = (reason: string): Error => storeError('ARCHIVE_CORRUPT', { url: store.url, key, reason })
  if (found.bytes !== bytes) throw wrong(`expected ${bytes} bytes, got ${found.bytes}`)
  if (found.sha256 !== sha256) throw wrong(`its bytes changed: expected sha256 ${sha256}, got ${found.sha256}`)
}

export interface Fault {
  readonly key: string
  readonly code: ErrorCode
  readonly reason: string
}

export type Verdict =
  | { readonly kind: 'good' }
  /** The store says so, or what it sent is something else. */
  | { readonly kind: 'damaged'; readonly fault: Fault; readonly error: unknown }

/** The file is gone, or another one; and not: the store cannot be asked. */
export function isDamage(error: unknown): error is StrataError {
  return isStrataError(error) && isDamageCode(error.code)
}

export function isDamageCode(code: ErrorCode): boolean {
  return code === 'ARCHIVE_LOST' || code === 'ARCHIVE_CORRUPT'
}

/** Each file for itself. A store that cannot be reached is no verdict: that is thrown. */
export async function readBack(
  session: Session,
  tools: ReadingTools,
  archive: { readonly columns: readonly ArchivedColumn[]; readonly file: ManifestFile },
): Promise<Verdict> {
  const { columns, file } = archive
  await mkdir(tools.work, { recursive: true })
  await removeLeftovers(tools.work)
  const folder = await mkdtemp(join(tools.work, 'verify-'))
  const path = join(folder, 'file.parquet')
  try {
    await fetchFile(tools, file, path)
    await checkRows(session, tools, { columns, file, path, folder })
    return { kind: 'good' }
  } catch (error) {
    if (!isDamage(error)) throw error
    return { kind: 'damaged', fault: { key: file.key, code: error.code, reason: messageOf(error) }, error }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Fetched {
  readonly columns: readonly ArchivedColumn[]
  readonly file: ManifestFile
  readonly path: string
  readonly folder: string
}

async function checkRows(
  session: Session,
  tools: ReadingTools,
  { columns, file, path, folder }: Fetched,
): Promise<void> {
  const duck = await tools.duck([folder], tools.signal)
  try {
    const content = await transaction(session, async (tx) => {
      await tx.query(sql.raw(`${contentSettings}; ${unhurried}`))
      await createScratch(tx, columns, 'text')
      return await hashFile({ tx, duck, path, columns, stats: file.columns })
    })
    if (isSameContent(content, file.content)) return
    const reason = `expected ${file.rows} rows with their hash, got ${content.rows}`
    throw storeError('ARCHIVE_CORRUPT', { url: tools.store.url, key: file.key, reason })
  } finally {
    duck.close()
  }
}
