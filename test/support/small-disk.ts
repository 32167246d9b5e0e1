// A disk that is soon full: a tmpfs of a given size. Only root on Linux can mount one; elsewhere that is printed, and the
// caller skips.

import { execFile } from 'node:child_process'
import { chmod, mkdtemp, rmdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { skipped } from './versions.ts'

const run = promisify(execFile)

export interface SmallDisk {
  readonly folder: string
  /** Unmounts, whatever is still in it. */
  close(): Promise<void>
}

export async function openSmallDisk(sizeMb: number): Promise<SmallDisk | undefined> {
  const reason = skipped.has('small-disk')
    ? 'PGSTRATA_SKIP names small-disk'
    : process.platform !== 'linux' || process.getuid?.() !== 0
      ? 'it takes root on Linux'
      : undefined
  if (reason !== undefined) return unavailable(reason)
  const folder = await mkdtemp(join(tmpdir(), 'pgstrata-small-disk-'))
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeMb}m,mode=0755`, 'pgstrata-small-disk', folder])
  } catch (error) {
    await rmdir(folder)
    return unavailable(`mount: ${error instanceof Error ? error.message : String(error)}`)
  }
  await chmod(folder, 0o755)
  return {
    folder,
    close: async () => {
      await run('umount', ['-l', folder])
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function unavailable(reason: string): undefined {
  console.log(`No small disk to test on: ${reason}`)
  return undefined
}
