// Who may go where. Under root the server runs as another user, who has to be able to walk to its binaries and its data.
// Only mode bits are looked at: where access lists or a mount say otherwise, the server's own error tells.

import { chmod, chown, lstat, mkdir, realpath, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { StrataError } from '../base/errors.ts'
import { ownUid, type RunUser } from './host.ts'

/** Whether `user` may pass through every folder on the way to `path`, and through `path` itself if it is one. */
export async function canReach(path: string, user: RunUser | undefined): Promise<boolean> {
  if (user === undefined) return true
  let folder = await existingPart(path)
  for (;;) {
    const { mode, uid, gid } = await stat(folder)
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
    if ((mode & bit) === 0) return false
    if (folder === dirname(folder)) return true
    folder = dirname(folder)
  }
}

/** The longest part of `path` that exists, with its links followed. */
async function existingPart(path: string): Promise<string> {
  for (let part = path; ; part = dirname(part)) {
    const real = await realpath(part).catch(() => undefined)
    if (real !== undefined) return real
    if (part === dirname(part)) return part
  }
}

/** A folder that holds folders of `user`, who has to pass through it. */
export async function makePassable(path: string, user: RunUser | undefined): Promise<void> {
  await mkdir(path, { recursive: true })
  if (user !== undefined) await chmod(path, ((await stat(path)).mode & 0o7777) | 0o011)
}

/** A folder in a place that others can write to: it is made by us, or was, and is nobody else's link. */
export async function makeOwnFolder(path: string, mode: number): Promise<void> {
  await mkdir(path, { recursive: true, mode })
  const entry = await lstat(path)
  if (!entry.isDirectory() || (ownUid() !== undefined && entry.uid !== ownUid())) {
    throw new StrataError('EMBEDDED_FAILED', {
      message: `${path} belongs to somebody else`,
      advice: 'Remove it, or set TMPDIR to a folder of your own.',
    })
  }
  await chmod(path, mode)
}

/** An empty folder for one server: mode 0700, as PostgreSQL demands, and its user's. False: the file system does not do it. */
export async function makePrivate(path: string, user: RunUser | undefined): Promise<boolean> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  await chmod(path, 0o700)
  if (user === undefined) return true
  await chown(path, user.uid, user.gid).catch(() => undefined)
  return (await stat(path)).uid === user.uid
}

/** A file in a server's folder, readable by its user whatever the umask. */
export async function writeFor(user: RunUser | undefined, path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 })
  if (user !== undefined) await chown(path, user.uid, user.gid)
}
