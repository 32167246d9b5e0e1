// What a run that was killed has left: servers that still run, folders of temporary clusters, shared memory.
// Promises: nothing of a live process is touched; a leftover that cannot be cleaned is told to the logger and does not
// stand in the way of a start.

import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Binaries } from './binaries.ts'
import { isDraft, nodeFolders, temporaryRoots } from './location.ts'
import { takeOwnership } from './owner.ts'
import { stopLeftover } from './postmaster.ts'

const run = promisify(execFile)
const draftLifeMs = 3_600_000

export interface Sweeper {
  readonly binaries: Binaries
  readonly clock: Clock
  readonly logger: Logger
}

/** Stops what still runs in a kept cluster's folder; the folder must be ours. */
export async function stopLeftovers(root: string, sweeper: Sweeper): Promise<void> {
  await Promise.all(
    (await nodeFolders(root)).map(async (dataDir) => {
      const stopped = await stopLeftover(dataDir, 'fast', sweeper.binaries, sweeper.clock)
      if (stopped) sweeper.logger.info(`Stopped a server that an earlier run had left behind`, { dataDir })
    }),
  )
}

/** Removes this user's temporary clusters whose process is no more. */
export async function sweepTemporary(sweeper: Sweeper): Promise<void> {
  for (const parent of await temporaryRoots()) await sweepRoot(parent, sweeper)
}

async function sweepRoot(parent: string, sweeper: Sweeper): Promise<void> {
  for (const name of await readdir(parent)) {
    const root = join(parent, name)
    try {
      if (isDraft(name) && !(await isOld(root, sweeper.clock))) continue
      if (!(await takeOwnership(root)).taken) continue
      await removeTemporary(root, sweeper)
      sweeper.logger.info('Removed a temporary cluster that an earlier run had left behind', { root })
    } catch (error) {
      sweeper.logger.warn(`Could not remove ${root} (${messageOf(error)})`)
    }
  }
}

/** Stops what runs in the folder and removes it, with the shared memory that a SIGKILL leaves. */
export async function removeTemporary(root: string, sweeper: Sweeper): Promise<void> {
  for (const dataDir of await nodeFolders(root)) {
    await stopLeftover(dataDir, 'immediate', sweeper.binaries, sweeper.clock)
    await removeSharedMemory(dataDir)
  }
  await rm(root, { recursive: true, force: true, maxRetries: 3 })
}

/** Puts the data aside, in place of what was put aside before. */
export async function retireData(root: string): Promise<string> {
  const aside = join(root, 'replaced')
  await rm(aside, { recursive: true, force: true })
  await mkdir(aside)
  for (const dataDir of await nodeFolders(root)) await rename(dataDir, join(aside, basename(dataDir)))
  return aside
}

/** Its key and number stand in the seventh line of postmaster.pid; it is there after a SIGKILL only. */
async function removeSharedMemory(dataDir: string): Promise<void> {
  const lock = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '')
  const [key, id] = (lock.split('\n')[6] ?? '').trim().split(/\s+/)
  if (key === undefined || id === undefined) return
  const segments = (await readFile('/proc/sysvipc/shm', 'utf8').catch(() => ''))
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
  // Columns: key, shmid, perms, size, cpid, lpid, nattch. Attached: somebody else's by now.
  const isLeft = segments.some((columns) => columns[0] === key && columns[1] === id && columns[6] === '0')
  if (isLeft) await run('ipcrm', ['-m', id]).catch(() => undefined)
}

async function isOld(path: string, clock: Clock): Promise<boolean> {
  return clock.now() - (await stat(path)).mtimeMs > draftLifeMs
}
