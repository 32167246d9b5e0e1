// Room on the disks of this machine. Before something large is written it is asked for; a disk that became full meanwhile is told as
// one, by its folder, and never as a full store.

import { stat, statfs } from 'node:fs/promises'
import { isStrataError, messageOf, StrataError } from '../../base/errors.ts'
import { formatSize } from '../../base/units.ts'

/** Of the configuration: what leads to the folder. */
type FolderSetting = 'archive.work' | 'archive.cache.dir'

export async function freeBytesOf(folder: string): Promise<number> {
  await stat(folder)
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

export async function checkRoom(
  folder: string,
  needBytes: number,
  setting: FolderSetting = 'archive.work',
): Promise<void> {
  const freeBytes = await freeBytesOf(folder)
  if (freeBytes > needBytes) return
  throw new StrataError('ARCHIVE_FULL', {
    message: `Not enough room in ${folder}`,
    expected: formatSize(needBytes),
    got: `${formatSize(freeBytes)} free`,
    advice: `Let \`${setting}\` lead to a larger disk.`,
  })
}

/** DuckDB has no code for it. */
export async function inFolder<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isStrataError(error) || !/\b(ENOSPC|EDQUOT)\b|No space left on device/.test(messageOf(error))) throw error
    throw new StrataError('ARCHIVE_FULL', {
      message: `No room is left in ${folder}`,
      advice: 'Make room there, or let `archive.work` and `archive.cache.dir` lead to a larger disk.',
      cause: error,
    })
  }
}
