// Whether data was filled to its end: a file beside it says that it is still being filled.
//
// Promises: the file is on the disk before `beginFilling` returns, and gone from it when `endFilling` has returned, whatever happens to the
// machine then. So data that is not known to be whole is never taken for it, and the other way round.

import { mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** A cluster takes a folder with hidden files for its own. */
const fileName = '.filling'

const why = 'The data here is being filled, and not safe yet. The next start that finds this begins with empty data.\n'

/** Where nothing was made so far. */
export async function isNew(dataDir: string): Promise<boolean> {
  const names = await namesIn(dataDir)
  return names.every((name) => name.startsWith('.'))
}

export async function isFilling(dataDir: string): Promise<boolean> {
  return (await namesIn(dataDir)).includes(fileName)
}

/** Before there is data, or any of it goes. */
export async function beginFilling(dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true })
  const file = await open(join(dataDir, fileName), 'w')
  try {
    await file.writeFile(why)
    await file.sync()
  } finally {
    await file.close()
  }
  await syncFolder(dataDir)
}

/** By who runs the server of the folder, its data flushed. */
export async function endFilling(dataDir: string): Promise<void> {
  await rm(join(dataDir, fileName), { force: true })
  await syncFolder(dataDir)
}

/** Which names a folder has is flushed with the folder. */
async function syncFolder(folder: string): Promise<void> {
  // Windows opens no folders; there the file system's journal keeps names in their order.
  if (process.platform === 'win32') return
  const handle = await open(folder)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  })
}
