// The folder in which backups are restored to be looked at: enough room, and nothing left of a run that was killed, not even its
// server. Whoever calls this holds it (hold.ts).
//
// What must be true: nothing outside of the folder is touched, and in it only what runs of ours made.

import { randomUUID } from 'node:crypto'
import { readdir, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { StrataError } from '../base/errors.ts'
import type { Clock } from '../base/clock.ts'
import { formatSize } from '../base/units.ts'
import { makePrivate } from '../embedded/access.ts'
import type { Binaries } from '../embedded/binaries.ts'
import { nameOf, type RunUser } from '../embedded/host.ts'
import { stopLeftover } from '../embedded/postmaster.ts'
import { dataOf } from './scratch-server.ts'

export interface PlaceRequest {
  readonly dir: string
  readonly account: RunUser | undefined
  readonly binaries: Binaries
  readonly clock: Clock
  /** Of the cluster that is restored. */
  readonly bytes: number
}

const prefix = 'restore-'
/** What recovery writes besides, and the server. */
const spareBytes = 256 * 1_024 ** 2
const spareShare = 1.2

/** `work` has a folder of its own, which is gone afterwards. */
export async function withPlace<T>(request: PlaceRequest, work: (folder: string) => Promise<T>): Promise<T> {
  const { dir, account } = request
  await sweep(request)
  await requireRoom(request)
  const folder = join(dir, `${prefix}${randomUUID().slice(0, 8)}`)
  try {
    if (await makePrivate(folder, account)) return await work(folder)
    throw new StrataError('BACKUP_FAILED', {
      message: `${folder} cannot be given to account ${nameOf(account)}`,
      advice: 'Name another folder as `backup.verify.dir`.',
    })
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function sweep({ dir, binaries, clock }: PlaceRequest): Promise<void> {
  for (const name of (await readdir(dir)).filter((one) => one.startsWith(prefix))) {
    const folder = join(dir, name)
    await stopLeftover(dataOf(folder), 'immediate', binaries, clock)
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function requireRoom({ dir, bytes }: PlaceRequest): Promise<void> {
  const { bavail, bsize } = await statfs(dir)
  const neededBytes = bytes * spareShare + spareBytes
  if (bavail * bsize >= neededBytes) return
  throw new StrataError('BACKUP_FAILED', {
    message: `There is no room in ${dir} to restore a backup`,
    expected: formatSize(neededBytes),
    got: formatSize(bavail * bsize),
    advice: 'Name a folder on a larger disk as `backup.verify.dir`.',
  })
}
