// The programs of the server: those that are named, those that the primary runs by where it is on this machine, or those of its
// version that are installed.

import { readFile, readlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { findBinaries, type Binaries } from '../embedded/binaries.ts'
import type { RunUser } from '../embedded/host.ts'
import { hasBinaries, majors } from '../embedded/packages.ts'
import type { BackedServer } from './model/provider.ts'

export async function findServerBinaries(
  named: string | undefined,
  { major, dataDir }: Pick<BackedServer, 'major' | 'dataDir'>,
  account: RunUser | undefined,
): Promise<Binaries> {
  const version = majors.find((known) => known === major)
  const binDir = named ?? (await runningFrom(dataDir))
  return await findBinaries({ version, binDir }, account)
}

/** On Linux alone; elsewhere they are looked for. */
async function runningFrom(dataDir: string): Promise<string | undefined> {
  try {
    const lock = await readFile(join(dataDir, 'postmaster.pid'), 'utf8')
    const folder = dirname(await readlink(`/proc/${Number.parseInt(lock, 10)}/exe`))
    return hasBinaries(folder) ? folder : undefined
  } catch {
    return undefined
  }
}
