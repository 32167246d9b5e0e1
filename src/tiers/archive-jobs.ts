// What is done about archives by itself: a share of them is read back now and then, and what ended is removed.
//
// What must be true: no job removes what it was not told of. Files are removed only in stores that are declared now, and only of
// archives that this database has made: in a copy of a database they are those of the original, and may be all that it has.

import { checkpoint } from '../base/clock.ts'
import { isStrataError, messageOf } from '../base/errors.ts'
import { plural } from '../base/units.ts'
import type { Db } from '../db/db.ts'
import type { Job, JobContext, JobOutcome } from '../db/job.ts'
import type { ArchiveSettings } from './archive-settings.ts'
import { readArchive, type ArchiveRecord } from './archive/catalog.ts'
import { checkArchives } from './archive/check.ts'
import { readNeedless, readOverdue, removeArchive, type Removal } from './archive/retire.ts'
import type { OpenArchiving } from './archiving.ts'
import type { TieredTable } from './model/options.ts'

export interface ArchiveJobsOptions {
  readonly db: Db
  readonly tables: readonly TieredTable[]
  readonly settings: ArchiveSettings
  readonly withStores: <T>(work: (opened: OpenArchiving) => Promise<T>) => Promise<T>
}

const hourMs = 3_600_000

export function archiveJobs(options: ArchiveJobsOptions): readonly Job[] {
  const { verify } = options.settings
  return [
    ...(verify === undefined ? [] : [verifyJob(options, verify)]),
    {
      name: 'archive-retain',
      purpose: 'removes archives that were replaced, given up, or kept for as long as they are to be',
      schedule: { everyMs: hourMs },
      timeoutMs: hourMs,
      overlap: 'skip',
      run: (context) => options.withStores((opened) => removeEnded(context, options, opened)),
    },
  ]
}

function verifyJob(
  { settings, withStores }: ArchiveJobsOptions,
  { everyMs, share }: NonNullable<ArchiveSettings['verify']>,
): Job {
  return {
    name: 'archive-verify',
    purpose: 'reads archives back from their store, those that nobody has read for longest',
    schedule: { everyMs },
    timeoutMs: 6 * hourMs,
    overlap: 'skip',
    run: ({ db, signal }) =>
      withStores(async (opened): Promise<JobOutcome> => {
        const tools = { storeAt: opened.at, duck: opened.duck, work: settings.workDir, signal }
        const { archives, files, bytes, faults } = await checkArchives(db, tools, { filter: {}, share })
        return {
          did: archives === 0 ? '' : `${plural(archives, 'archive')} read back`,
          details: { archives, files, bytes, faults: faults.length },
          warnings: faults.map(({ partition, reason }) => `${partition}: ${reason}`),
        }
      }),
  }
}

const needless: Removal = { from: ['superseded', 'exporting', 'removing'], onlyCopy: true }
const overdue: Removal = { from: ['verified', 'only copy', 'lost'], onlyCopy: true }

/** What the store refuses is tried again with the next run. */
async function removeEnded(
  { db, signal }: JobContext,
  { tables, settings }: ArchiveJobsOptions,
  opened: OpenArchiving,
): Promise<JobOutcome> {
  const report = { removed: [] as string[], warnings: [] as string[] }
  const declared = declaredStores({ tables, settings }, opened)
  const ended = [
    ...(await readNeedless(db)).map((id) => ({ id, removal: needless })),
    ...(await readAllOverdue(db, tables, settings.retain)).map((id) => ({ id, removal: overdue })),
  ]
  for (const { id, removal } of ended) {
    checkpoint(signal)
    const archive = await readArchive(db, id)
    if (archive === undefined) continue
    const name = `${archive.schema}.${archive.partition} (${id})`
    const kept = whyKept(archive, declared)
    if (kept !== undefined) {
      report.warnings.push(`${name} is kept: ${kept}`)
      continue
    }
    try {
      await removeArchive(db, { store: opened.at(archive.store), id }, removal)
      report.removed.push(name)
    } catch (error) {
      if (!isStrataError(error)) throw error
      report.warnings.push(`${name}: ${messageOf(error)}`)
    }
  }
  const { removed, warnings } = report
  return {
    did: removed.length === 0 ? '' : `${plural(removed.length, 'archive')} removed`,
    details: { removed },
    warnings,
  }
}

/** URLs, as they are noted with archives. */
export function declaredStores(
  { tables, settings }: Pick<ArchiveJobsOptions, 'tables' | 'settings'>,
  opened: OpenArchiving,
): ReadonlySet<string> {
  const places = [settings.store.to, ...tables.flatMap(({ cold }) => (cold?.to === undefined ? [] : [cold.to]))]
  return new Set(places.map((to) => opened.at(to).url))
}

function whyKept({ store, isOwn }: ArchiveRecord, declared: ReadonlySet<string>): string | undefined {
  if (!declared.has(store)) return `${store} is not declared any more`
  if (isOwn) return undefined
  return 'another database made it, which may need its files; else remove them with `pgstrata archive forget`'
}

async function readAllOverdue(
  db: Db,
  tables: readonly TieredTable[],
  retain: string | undefined,
): Promise<readonly bigint[]> {
  if (retain === undefined) return []
  const overdue: bigint[] = []
  for (const { partitioned } of tables) {
    const { schema, table, layout } = partitioned
    const isByTime = layout.kind === 'time'
    overdue.push(...(await readOverdue(db, { schema, table, isByTime }, { retain, at: undefined })))
  }
  return overdue
}
