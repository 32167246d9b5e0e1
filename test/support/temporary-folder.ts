// Folders for one test, removed after it. Every user can reach them, for under root servers run as another.

import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'pgstrata-test-'))
  await chmod(folder, 0o755)
  onTestFinished(async () => {
    await rm(folder, { recursive: true, force: true })
  })
  return folder
}
