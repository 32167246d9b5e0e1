// Reads archives back and says which are not what they were: all of them, or a share, those first that nobody has read for longest.
// A damaged archive is noted, and told with the key and the reason. So is one that cannot be read: it keeps none of the others from
// being read.

import { checkpoint } from '../../base/clock.ts'
import { isStrataError, messageOf } from '../../base/errors.ts'
import type { Db, Session } from '../../db/db.ts'
import { isSameContent } from '../content/content.ts'
import type { Store } from '../store/store.ts'
import { storeError } from '../store/store.ts'
import { translateError } from '../../db/translate.ts'
import { endsTheRun, publicMessage } from '../../partitions/for-tiers.ts'
import { readArchive, readArchives, readFiles, type ArchiveFilter, type ArchiveRecord } from './catalog.ts'
import { manifestKey } from './layout.ts'
import type { ManifestFile } from './manifest.ts'
import { isDamage, isDamageCode, readBack, type Fault, type ReadingTools } from './read-back.ts'
import { readManifest } from './stored.ts'
import { keptStates, noteDamaged, noteSound, noteTried, noteUnreadable } from './verdicts.ts'

export interface CheckTools extends Omit<ReadingTools, 'store'> {
  readonly storeAt: (url: string) => Store
}

export interface CheckRequest {
  readonly filter: ArchiveFilter
  /** Of all archives, 0 to 1; undefined: all of them. */
  readonly share?: number | undefined
  readonly onFile?: ((key: string) => void) | undefined
}

export interface CheckReport {
  readonly archives: number
  readonly files: number
  readonly bytes: number
  readonly faults: readonly (Fault & { readonly archive: string; readonly partition: string })[]
}

/** As many of one store in a row: it is the store. The others are read when it is back. */
const mostUnreachable = 3

export async function checkArchives(db: Db, tools: CheckTools, request: CheckRequest): Promise<CheckReport> {
  const chosen = choose(await readArchives(db, { ...request.filter, states: keptStates }), request.share)
  const report = { archives: 0, files: 0, bytes: 0, faults: [] as CheckReport['faults'][number][] }
  const unreachable = new Map<string, number>()
  await db.withSession(async (session) => {
    for (const { id, store } of chosen) {
      checkpoint(tools.signal)
      const fails = unreachable.get(store) ?? 0
      if (fails >= mostUnreachable) continue
      // As it is now: reading those before it can have taken hours.
      const archive = await readArchive(session, id)
      if (archive === undefined || !keptStates.includes(archive.state)) continue
      const { faults, files, bytes } = await checkArchive(session, tools, { archive, onFile: request.onFile })
      unreachable.set(store, faults.some(({ code }) => code === 'ARCHIVE_UNREACHABLE') ? fails + 1 : 0)
      report.archives++
      report.files += files
      report.bytes += bytes
      report.faults.push(...faults)
    }
  })
  return report
}

const never = ''

function choose(archives: readonly ArchiveRecord[], share: number | undefined): readonly ArchiveRecord[] {
  if (share === undefined) return archives
  const order = ({ lastTriedAt }: ArchiveRecord): string => lastTriedAt ?? never
  return archives
    .toSorted((left, right) => (order(left) < order(right) ? -1 : order(left) > order(right) ? 1 : 0))
    .slice(0, Math.ceil(archives.length * share))
}

interface Checking {
  readonly archive: ArchiveRecord
  readonly onFile: CheckRequest['onFile']
}

interface Checked {
  readonly faults: CheckReport['faults']
  readonly files: number
  readonly bytes: number
}

async function checkArchive(session: Session, tools: CheckTools, { archive, onFile }: Checking): Promise<Checked> {
  await noteTried(session, archive.id)
  const files = await readFiles(session, archive.id)
  const found: Fault[] = []
  const read = { files: 0, bytes: 0 }
  try {
    const reading: ReadingTools = { ...tools, store: tools.storeAt(archive.store) }
    for (const file of files) {
      checkpoint(tools.signal)
      onFile?.(file.key)
      const verdict = await readBack(session, reading, { columns: archive.columns, file })
      if (verdict.kind === 'damaged') found.push(verdict.fault)
      read.files++
      read.bytes += file.bytes
    }
    const fault = await checkManifest(reading, archive, files)
    if (fault !== undefined) found.push(fault)
  } catch (error) {
    checkpoint(tools.signal)
    if (endsTheRun(error)) throw error
    found.push(faultOf(archive, error))
  }
  const isKept = await noteVerdict(session, archive, found)
  const partition = `${archive.schema}.${archive.partition}`
  const faults = isKept ? found.map((fault) => ({ ...fault, archive: String(archive.id), partition })) : []
  return { faults, ...read }
}

/** Of what is no damage that anybody can tell: who may not list a bucket is refused, too, where an object is gone. */
function faultOf({ prefix }: ArchiveRecord, error: unknown): Fault {
  const told = translateError(error)
  const code = isStrataError(told) ? told.code : 'ARCHIVE_SCHEMA'
  return { key: prefix, code, reason: `it could not be read back: ${publicMessage(told)}` }
}

/** Of others it is known that they pass, or that they are not about this archive. */
const staying: ReadonlySet<string> = new Set(['ARCHIVE_DENIED', 'ARCHIVE_SCHEMA'])

/** False: it ended while it was read, and nothing of it is missed. */
async function noteVerdict(session: Session, archive: ArchiveRecord, faults: readonly Fault[]): Promise<boolean> {
  const damage = faults.find(({ code }) => isDamageCode(code))
  if (damage !== undefined) return await noteDamaged(session, archive.id, damage.reason)
  const [first] = faults
  if (first === undefined) {
    await noteSound(session, archive)
    return true
  }
  if (!staying.has(first.code)) return true
  return await noteUnreadable(session, archive.id, first.reason)
}

/** Whether it tells of the same files. */
async function checkManifest(
  { store, work, signal }: ReadingTools,
  archive: ArchiveRecord,
  files: readonly ManifestFile[],
): Promise<Fault | undefined> {
  const key = manifestKey(archive.prefix)
  try {
    const manifest = await readManifest({ store, work, signal }, key)
    const sums = (of: readonly ManifestFile[]): string => JSON.stringify(of.map((file) => [file.key, file.sha256]))
    const { content } = archive
    if (content !== null && isSameContent(manifest.content, content) && sums(manifest.files) === sums(files))
      return undefined
    throw storeError('ARCHIVE_CORRUPT', { url: store.url, key, reason: 'it tells of other files than were archived' })
  } catch (error) {
    if (!isDamage(error)) throw error
    return { key, code: error.code, reason: messageOf(error) }
  }
}
