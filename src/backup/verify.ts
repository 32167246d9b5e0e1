// Whether a backup can be restored: it is, to a moment, into a server of its own, and looked at there.
//
// What `verified` proves: every file that the repository holds is whole; the newest backup of that time and the WAL since lead to the
// moment, exactly (the last mark before it is there, and none after); the questions of the configuration are answered as the primary
// answered them then; pages and B-trees are as they must be, where pg_amcheck is installed.
// What must be true: a check that was begun ends as verified or failed, or stays open where its process was killed; what it restored
// is gone afterwards.
// On failure: BACKUP_UNVERIFIED or BACKUP_FAILED, and the same in pgstrata.backup_check.

import { isStrataError, messageOf, StrataError } from '../base/errors.ts'
import { checkpoint, type Clock } from '../base/clock.ts'
import type { OnProgress } from '../base/logger.ts'
import type { Db } from '../db/db.ts'
import type { Binaries } from '../embedded/binaries.ts'
import type { RunUser } from '../embedded/host.ts'
import { runAmcheck } from './amcheck.ts'
import { findServerBinaries } from './binaries.ts'
import { beginCheck, endCheck, keepRecords } from './check-store.ts'
import { withHold } from './hold.ts'
import { makeMark, readMarkBefore, readMarksAround, readNewestMark, type MarkBounds } from './mark.ts'
import { momentText } from './moment.ts'
import type { VerifySettings } from './model/options.ts'
import type { BackupProvider } from './model/provider.ts'
import type { BackupCheck, BackupFindings, BackupRecord } from './model/record.ts'
import { withPlace } from './place.ts'
import { askQuestions, compareAnswers, type Answers } from './questions.ts'
import { dataOf, startScratch, type ScratchServer } from './scratch-server.ts'
import { readOriginal, readServer, type OriginalServer } from './server.ts'

export interface VerifyRequest {
  readonly db: Db
  readonly provider: BackupProvider
  readonly settings: VerifySettings
  readonly clock: Clock
  /** Default: now. */
  readonly at?: Date | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: OnProgress | undefined
}

/** What is restored, and by what it is known. */
interface Target {
  readonly at: string
  readonly moment: string
  readonly marks: MarkBounds
  readonly answers: { readonly before: Answers; readonly after: Answers } | undefined
}

const stages = 5
/** For whoever removes old backups: another verification takes longer. */
const longestWaitMs = 60_000

export async function verifyBackup(request: VerifyRequest): Promise<BackupCheck> {
  const { db, provider, settings, at, signal, onProgress } = request
  const tell = (done: number, note: string): void =>
    onProgress?.({ label: 'verify', done, total: stages, unit: 'steps', note })
  const server = await readServer(db)
  const original = await readOriginal(db)
  const account = await provider.account()
  const binaries = await findServerBinaries(settings.binaries, server, account)
  const records = await provider.list(signal)
  await keepRecords(db, records)
  const target = at === undefined ? await targetNow(request, records) : await targetAt(request, at)
  const backup = choose(records, new Date(target.at))
  const begun = await beginCheck(db, { backup: backup.label, target: target.at })
  try {
    tell(0, 'archiving')
    await provider.archive(signal)
    const here = { dir: settings.dir, account, clock: request.clock }
    const found = await withHold({ ...here, waitMs: longestWaitMs, signal }, async () => {
      tell(1, 'reading the repository')
      await requireWhole(provider, signal)
      return await withPlace({ ...here, binaries, bytes: backup.bytes }, (folder) =>
        restoreAndLook({ ...request, folder, target, backup, account, binaries, original, tell }),
      )
    })
    if (found === undefined) throw busy(settings.dir)
    return await endCheck(db, begun, { found })
  } catch (error) {
    if (!isStrataError(error, 'INTERRUPTED')) await endCheck(db, begun, { failure: messageOf(error) })
    throw error
  }
}

function busy(dir: string): StrataError {
  return new StrataError('BACKUP_FAILED', {
    message: `Another process is verifying a backup in ${dir}`,
    advice: 'Wait until it has ended; `pgstrata backup status` shows what it found.',
  })
}

/** Between two marks that are made now: exact, whatever others write meanwhile. */
async function targetNow(
  { db, settings, clock, signal }: VerifyRequest,
  records: readonly BackupRecord[],
): Promise<Target> {
  await waitPast(records.at(-1), clock, signal)
  const first = await makeMark(db)
  const moment = first.at
  const before = await askQuestions(db, settings.checks, { moment, signal })
  const second = await makeMark(db)
  const after = await askQuestions(db, settings.checks, { moment, signal })
  // Recovery ends at what was committed after the moment: the second mark was.
  return { at: second.at, moment, marks: await readMarkBefore(db, second), answers: { before, after } }
}

async function targetAt({ db, clock }: VerifyRequest, at: Date): Promise<Target> {
  if (at.getTime() > clock.now())
    throw new StrataError('BACKUP_UNVERIFIED', {
      message: 'That moment is still to come',
      expected: 'a time in the past',
    })
  const text = momentText(at)
  const marks = await readMarksAround(db, text)
  // Something has to be committed after the moment.
  await makeMark(db)
  return { at: text, moment: text, marks, answers: undefined }
}

/** Times of backups are told in whole seconds; nothing can be restored to a time before one has ended. */
async function waitPast(
  newest: BackupRecord | undefined,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<void> {
  const leftMs = (newest?.endedAt.getTime() ?? 0) + 1_000 - clock.now()
  if (leftMs > 0 && leftMs <= 1_000) await clock.sleep(leftMs, signal)
}

/** The newest that had ended by then. */
export function choose(records: readonly BackupRecord[], at: Date): BackupRecord {
  const whole = records.filter(({ error }) => error === null)
  const chosen = whole.findLast(({ endedAt }) => endedAt.getTime() + 1_000 <= at.getTime())
  if (chosen !== undefined) return chosen
  throw new StrataError('BACKUP_FAILED', {
    message: whole.length === 0 ? 'There is no backup yet' : 'There is no backup from before that moment',
    advice: whole.length === 0 ? 'Run `pgstrata backup run`.' : '`pgstrata backup list` shows how far back they go.',
  })
}

async function requireWhole(provider: BackupProvider, signal: AbortSignal | undefined): Promise<void> {
  const faults = await provider.check(signal)
  const [first, ...others] = faults
  if (first === undefined) return
  throw new StrataError('BACKUP_UNVERIFIED', {
    message: `The repository is damaged: ${first.what}`,
    notes: others.slice(0, 20).map(({ what }) => what),
    advice: 'Make a full backup now (`pgstrata backup run --full`), then look into what damaged the repository.',
  })
}

interface Look extends VerifyRequest {
  readonly folder: string
  readonly target: Target
  readonly backup: BackupRecord
  readonly account: RunUser | undefined
  readonly binaries: Binaries
  readonly original: OriginalServer
  readonly tell: (done: number, note: string) => void
}

async function restoreAndLook(look: Look): Promise<BackupFindings> {
  const { folder, target, backup, provider, clock, signal, tell } = look
  tell(2, 'restoring')
  const begunMs = clock.monotonic()
  await provider.restore(
    { backup: backup.label, dir: dataOf(folder), tablespaces: `${folder}/tablespaces`, target: target.at },
    signal,
  )
  const restoredMs = clock.monotonic()
  tell(3, 'recovering')
  const server = await startScratch(look)
  const recoveredMs = clock.monotonic()
  try {
    tell(4, 'looking')
    const found = await inspect(look, server)
    tell(stages, 'verified')
    return { ...found, restoreMs: Math.round(restoredMs - begunMs), recoverMs: Math.round(recoveredMs - restoredMs) }
  } finally {
    await server.stop()
  }
}

async function inspect(
  { db, settings, target, account, binaries, original, clock, signal }: Look,
  server: ScratchServer,
): Promise<Omit<BackupFindings, 'restoreMs' | 'recoverMs'>> {
  const { user, database } = db.target
  const restored = server.open({ user, database })
  try {
    const mark = requireMark((await readNewestMark(restored))?.id, target.marks)
    const answers = await askQuestions(restored, settings.checks, { moment: target.moment, signal })
    const checks = compareAnswers(answers, target.answers)
    checkpoint(signal)
    const amcheck = settings.amcheck
      ? await runAmcheck({ server, user: original.superuser, database, binaries, account, clock, signal })
      : 'left out'
    return { mark, checks, amcheck }
  } finally {
    await restored.close()
  }
}

/** Pure. */
export function requireMark(found: string | undefined, { least, most }: MarkBounds): string {
  if (found !== undefined && BigInt(found) >= BigInt(least) && BigInt(found) <= BigInt(most)) return found
  throw new StrataError('BACKUP_UNVERIFIED', {
    message: 'The restored database is not of the moment that it was to be restored to',
    expected: least === most ? `mark ${most} as its newest` : `mark ${least} or ${most} as its newest`,
    got: found === undefined ? 'none' : `mark ${found}`,
  })
}
