// The end of a partition whose archive is proven and whose grace is over.
//
// I2, I6. Before the locks every file of the archive is fetched once more, and has to have the bytes that were proven. Behind the
// locks: nothing was written to the partition since the snapshot of the archive, not even a late row, and its definition is what
// it was; only then it goes, with its pack, in the transaction that says so, if its archive is still proven then. Whatever does not
// hold: it is archived again.
// The lock of the table itself is held for a moment: nothing is read behind it, and files go after it is given back.

import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, StrataError } from '../../base/errors.ts'
import type { Session } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import { readArchive, readFiles, setArchiveState, type ArchiveRecord } from '../archive/catalog.ts'
import { fetchFile, isDamage } from '../archive/read-back.ts'
import { noteDamaged, noteSound } from '../archive/verdicts.ts'
import { advance, type TierPartition } from '../model/record.ts'
import { goAnew, packRemains } from './anew.ts'
import { requireArchiving, workFolder } from './archive.ts'
import { inTransaction, NotNow, type MoveRun } from './context.ts'
import { readGuarded, readWatched, relationsOf, unguard, type Guarded } from './guard.ts'
import { runAll } from './incoming.ts'
import { lockText, nameOf, readDefinition, requireSame } from './leaves.ts'
import { lockTable } from './readers.ts'

/** A statement behind the locks that takes longer keeps everybody waiting. */
const mostStatementMs = 5_000

const notVerified = 'its archive is not verified any more'

/** In state 'dropping'. */
export async function dropStep(run: MoveRun): Promise<void> {
  const { table, record } = run
  try {
    if (table.cold === undefined && record.requestBy !== 'person') throw new NotNow('`cold` is not declared')
    const folder = workFolder(requireArchiving(run), run.record)
    const archive = await requireProof(run)
    // Before the drop: behind it nobody would come back for it.
    await rm(folder, { recursive: true, force: true })
    const guarded = await readGuarded(run.session, run.record)
    await inTransaction(run, {}, (tx, lockTimeoutMs) => drop(tx, run, { archive, guarded, lockTimeoutMs }))
  } catch (error) {
    if (!(error instanceof NotNow)) throw error
    await goAnew(run, error.message)
  }
}

async function requireProof(run: MoveRun): Promise<ArchiveRecord> {
  const { session, record } = run
  const { store } = requireArchiving(run)
  const archive = record.archive === null ? undefined : await readArchive(session, record.archive)
  if (archive === undefined || archive.state !== 'verified') throw new NotNow(notVerified)
  if (archive.store !== store.url) throw elsewhere(record, archive, store.url)
  await readOnceMore(run, archive)
  return archive
}

function elsewhere(record: TierPartition, archive: ArchiveRecord, url: string): StrataError {
  return new StrataError('TIER_STATE', {
    message: `${nameOf(record)} was archived in another store than the declared one`,
    expected: url,
    got: archive.store,
    advice: 'Declare the store in which it is, or abort this archive with `pgstrata tier abort`.',
  })
}

/** Their rows were proven when they came; that these are the same bytes is enough. */
async function readOnceMore(run: MoveRun, archive: ArchiveRecord): Promise<void> {
  const archiving = requireArchiving(run)
  const { session, signal } = run
  const folder = workFolder(archiving, run.record)
  await mkdir(folder, { recursive: true })
  const files = await readFiles(session, archive.id)
  for (const [index, file] of files.entries()) {
    const path = join(folder, 'last.parquet')
    try {
      await fetchFile({ store: archiving.store, signal }, file, path)
    } catch (error) {
      if (!isDamage(error)) throw error
      await lose(run, archive, messageOf(error))
    } finally {
      await rm(path, { force: true })
    }
    run.onProgress?.((index + 1) / files.length)
    await run.throttle()
  }
  await noteSound(session, archive)
}

async function lose({ session }: MoveRun, { id }: ArchiveRecord, why: string): Promise<never> {
  await noteDamaged(session, id, why)
  throw new NotNow(`its archive is damaged (${why})`)
}

interface Drop {
  readonly archive: ArchiveRecord
  readonly guarded: Guarded
  readonly lockTimeoutMs: number
}

async function drop(tx: Session, run: MoveRun, { archive, guarded, lockTimeoutMs }: Drop): Promise<TierPartition> {
  const { record } = run
  await lockTable(tx, run, lockTimeoutMs)
  await runAll(tx, [lockText(relationsOf(guarded), 'access exclusive')])
  await requireSame(tx, record, guarded.leaves)
  if ((await readDefinition(tx, guarded.leaves)) !== record.fingerprint) throw new NotNow('its definition was changed')
  const { touched, late, whole } = await readWatched(tx, record, guarded)
  if (!whole) throw new NotNow('the triggers that note changes of it were switched off')
  if (touched || late > 0) throw new NotNow('it was written to')
  await runAll(tx, [
    `set local statement_timeout = '${mostStatementMs}ms'`,
    ...unguard(record, guarded),
    `drop table ${nameOf(record)}`,
    ...(record.pack === null ? [] : packRemains(record.tierTable, record.pack)),
    'set local statement_timeout = 0',
  ])
  if (record.pack !== null) await tx.query(sql`delete from pgstrata.tier_pack where id = ${record.pack}::int8`)
  await tx.query(sql`delete from pgstrata.tier_touch where tier_partition = ${record.id}::int8`)
  // Reading it once more took long, and somebody else may have found it damaged since.
  const isProven = await setArchiveState(tx, archive.id, { from: ['verified'], to: 'only copy' })
  if (!isProven) throw new NotNow(notVerified)
  return await advance(tx, record, 'completed', { oid: null, pack: null, fingerprint: null, tierBytes: archive.bytes })
}
