// One at a time on this machine: whoever reads the repository to prove it, and whoever removes backups from it. What is removed under a
// reader would be told as damage.
//
// What must be true: it is held by the process, so after a kill the next one has it at once. The folder is ours or the account's, and
// nobody else can put anything into it, for root gives away what is in it.
// On failure: BACKUP_FAILED, and nothing was written into a folder of others.

import { chown, lstat, mkdir } from 'node:fs/promises'
import { isStrataError, messageOf, StrataError } from '../base/errors.ts'
import type { Clock } from '../base/clock.ts'
import { canReach, makePassable } from '../embedded/access.ts'
import { nameOf, ownUid, type RunUser } from '../embedded/host.ts'
import { releaseOwnership, takeOwnership } from '../embedded/owner.ts'

export interface HoldRequest {
  /** Where verifications take place. */
  readonly dir: string
  readonly account: RunUser | undefined
  readonly clock: Clock
  readonly waitMs: number
  readonly signal: AbortSignal | undefined
}

const pollMs = 500

/** Undefined: another process had it for all that time. */
export async function withHold<T>(request: HoldRequest, work: () => Promise<T>): Promise<T | undefined> {
  const { dir } = request
  await usable(request, () => makeFolder(request))
  if (!(await hold(request))) return undefined
  try {
    return await work()
  } finally {
    await usable(request, () => releaseOwnership(dir))
  }
}

async function makeFolder({ dir, account }: HoldRequest): Promise<void> {
  const isMade = (await mkdir(dir, { recursive: true, mode: 0o755 })) !== undefined
  await requireTrusted(dir, account)
  // Whoever comes next may be that account itself.
  if (isMade && account !== undefined) await chown(dir, account.uid, account.gid)
  else await makePassable(dir, account)
  if (await canReach(dir, account)) return
  throw new StrataError('BACKUP_FAILED', {
    message: `Account ${nameOf(account)}, which owns the data, cannot get to ${dir}`,
    advice: 'Name another folder as `backup.verify.dir`.',
  })
}

async function requireTrusted(dir: string, account: RunUser | undefined): Promise<void> {
  const entry = await lstat(dir)
  const own = ownUid()
  const isOurs = own === undefined || entry.uid === own || entry.uid === account?.uid
  const isClosed = own === undefined || (entry.mode & 0o022) === 0
  if (entry.isDirectory() && isOurs && isClosed) return
  throw new StrataError('BACKUP_FAILED', {
    message: `Others could put something into ${dir} while a backup is restored there`,
    expected: `a folder of ${[...new Set([nameOf(undefined), nameOf(account)])].join(' or ')} that nobody else may write to`,
    got: !entry.isDirectory() ? 'no folder' : isOurs ? 'one that others may write to' : 'one of another account',
    advice: 'Remove it, so that it is made anew, or name another folder as `backup.verify.dir`.',
  })
}

async function hold(request: HoldRequest): Promise<boolean> {
  const { dir, clock, waitMs, signal } = request
  const deadline = clock.monotonic() + waitMs
  for (;;) {
    if ((await usable(request, () => takeOwnership(dir))).taken) return true
    if (clock.monotonic() >= deadline) return false
    await clock.sleep(pollMs, signal)
  }
}

async function usable<T>({ dir }: HoldRequest, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isStrataError(error)) throw error
    throw new StrataError('BACKUP_FAILED', {
      message: `${dir} cannot be used by ${nameOf(undefined)} (${messageOf(error)})`,
      advice: 'Give it to the account that owns the data, or name another folder as `backup.verify.dir`.',
      cause: error,
    })
  }
}
