import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where projects are, not where the system keeps temporary files: a crowded /tmp on ext4 doubles the time of a start. */
const base = fileURLToPath(new URL('../../node_modules/.cache/pgstrata', import.meta.url))

const made: string[] = []

/**
 * A folder that every user can reach (under root, servers run as another). It stays until the scenario is over: ext4
 * passes over inodes that were freed in the last half minute, one by one, so a round that follows the removal of a
 * cluster measures the removal (a start took twice as long).
 */
export async function inTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(base, { recursive: true })
  const folder = await mkdtemp(join(base, 'bench-'))
  made.push(folder)
  await chmod(folder, 0o755)
  return await work(folder)
}

export async function removeTemporaryFolders(): Promise<void> {
  for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true })
}
