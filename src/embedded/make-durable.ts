// Data that a server wrote without fsync, on its way to one that is to be durable: all of it is on the disk before that one starts. A clean
// shutdown alone does not see to it, for what was not flushed as it was written is flushed by nobody later.
//
// Promises: which data that is, is read from the settings of its last run, so one that was interrupted here is flushed at the next start.
// Data that did not survive a crash of the machine in between is not told from other data.

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf, StrataError } from '../base/errors.ts'
import type { Context } from './context.ts'
import { spawnAs } from './host.ts'
import { nodeFolders } from './location.ts'
import { executable } from './packages.ts'
import { settingsFile } from './settings.ts'

const run = promisify(execFile)

/** Where nothing was written in that way, one small file is read. */
export async function makeDurable(context: Context): Promise<void> {
  if (!isOn(context.shared['fsync'] ?? 'on')) return
  for (const folder of await nodeFolders(context.root)) {
    if (await ranWithoutFsync(folder)) await flush(folder, context)
  }
}

async function ranWithoutFsync(folder: string): Promise<boolean> {
  const settings = await readFile(join(folder, settingsFile), 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  })
  // Without settings it was made, and has never run: that is not flushed either.
  if (settings === undefined) return true
  const [, fsync = 'on'] = /^fsync = '(.*)'/m.exec(settings) ?? []
  return !isOn(fsync)
}

const isOn = (setting: string): boolean => /^(?:on|true|yes|1)$/i.test(setting)

async function flush(folder: string, { binaries, user }: Context): Promise<void> {
  try {
    // Without a limit of time: it is as much as the disk has not written yet.
    await run(executable(binaries.binDir, 'initdb'), ['--sync-only', '-D', folder], spawnAs(user))
  } catch (error) {
    throw new StrataError('EMBEDDED_FAILED', {
      message: `The data in ${folder}, written with fsync off, could not be flushed to the disk (${messageOf(error)})`,
      advice: 'See whether the disk is well, or start with durable: false.',
      cause: error,
    })
  }
}
