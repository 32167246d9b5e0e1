// Where the data of a cluster lies. Kept: in the folder asked for; or, where the server's user cannot get there (root runs
// it, and the folder is below one of mode 0700) or cannot own it, under /var/lib/pgstrata, with a note in the folder asked
// for. Temporary: in a folder of its own below this user's folder of the system's temporary one.
// Promises: never mixes with files that are not ours.

import { createHash, randomUUID } from 'node:crypto'
import { lstat, readdir, readFile, realpath, rename, rm, statfs, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { messageOf, StrataError } from '../base/errors.ts'
import { canReach, makeOwnFolder, makePassable, makePrivate } from './access.ts'
import { memoryFolder, nameOf, ownUid, temporaryFolders, userTag, type RunUser } from './host.ts'
import { takeOwnership } from './owner.ts'

const movedRoot = '/var/lib/pgstrata'
const movedNote = 'data-is-at.txt'
const marker = 'cluster.json'
const draftPrefix = '.draft-'
/** Containers are often given 64 MB, and an empty cluster takes 40. */
const memoryNeededBytes = 2 * 1024 ** 3

export interface Place {
  readonly root: string
  /** There is data, but the folder that was asked for knows nothing of it any more: somebody removed that to begin anew. */
  readonly forsaken: boolean
}

export async function placeKept(dataDir: string, user: RunUser | undefined): Promise<Place> {
  const asked = resolve(dataDir)
  const entries = await entriesOf(asked)
  const foreign = entries.find((name) => !name.startsWith('.') && name !== 'lost+found')
  if (foreign !== undefined && !entries.includes(marker) && !entries.includes(movedNote)) {
    throw new StrataError('VALUE_INVALID', {
      message: `${asked} holds files that are not of a cluster of pgstrata, such as ${foreign}`,
      advice: 'Give a folder that is empty or does not exist.',
    })
  }
  try {
    await makePassable(asked, user)
    if (await isUsable(asked, user)) {
      await writeFile(join(asked, marker), `${JSON.stringify({ madeBy: 'pgstrata' })}\n`)
      // One spelling: a server left behind is known by the folder on its command line.
      return { root: await realpath(asked), forsaken: false }
    }
    return await placeElsewhere(asked, user)
  } catch (error) {
    throw new StrataError('EMBEDDED_FAILED', {
      message: `There is no place for the data of ${asked} (${messageOf(error)})`,
      advice: 'Give another folder as dataDir.',
      cause: error,
    })
  }
}

async function placeElsewhere(asked: string, user: RunUser | undefined): Promise<Place> {
  const hash = createHash('sha256').update(asked).digest('hex').slice(0, 8)
  const root = join(movedRoot, `${basename(asked).replace(/[^\w-]/g, '') || 'cluster'}-${hash}`)
  const note = join(asked, movedNote)
  const known = (await readFile(note, 'utf8').catch(() => '')).includes(root)
  const forsaken = !known && (await entriesOf(root)).includes('primary')
  await makePassable(movedRoot, user)
  await makePassable(root, user)
  if (!(await isUsable(root, user))) throw new Error(`user ${nameOf(user)} cannot use ${root} either`)
  await writeFile(note, `User ${nameOf(user)}, who runs PostgreSQL, cannot use this folder. The data is at\n${root}\n`)
  return { root, forsaken }
}

/** The server's user can get there, and folders can be given to it (not so on some mounts). */
async function isUsable(root: string, user: RunUser | undefined): Promise<boolean> {
  if (!(await canReach(root, user))) return false
  const probe = join(root, `${draftPrefix}${randomUUID()}`)
  try {
    return await makePrivate(probe, user)
  } finally {
    await rm(probe, { recursive: true, force: true })
  }
}

/** The folder that holds this user's temporary clusters; with `inMemory` in memory, if there is plenty. */
export async function temporaryRoot(user: RunUser | undefined, inMemory: boolean): Promise<string> {
  const memory = inMemory && (await hasMemory()) ? [memoryFolder ?? ''] : []
  for (const folder of [...memory, ...temporaryFolders()]) {
    if (!(await canReach(folder, user))) continue
    const root = rootBelow(folder)
    await makeOwnFolder(root, user === undefined ? 0o700 : 0o711)
    return root
  }
  throw new StrataError('EMBEDDED_FAILED', {
    message: `User ${nameOf(user)}, who runs PostgreSQL, can reach none of ${temporaryFolders().join(', ')}`,
    advice: 'Set TMPDIR to a folder that every user can reach.',
  })
}

/** Every folder that may hold temporary clusters of this user, of earlier runs too. */
export async function temporaryRoots(): Promise<readonly string[]> {
  const folders = [...(memoryFolder === undefined ? [] : [memoryFolder]), ...temporaryFolders()]
  const roots = [...new Set(folders)].map(rootBelow)
  const isOwn = async (root: string): Promise<boolean> => {
    const entry = await lstat(root).catch(() => undefined)
    return entry?.isDirectory() === true && (ownUid() === undefined || entry.uid === ownUid())
  }
  const own = await Promise.all(roots.map(isOwn))
  return roots.filter((_, index) => own[index])
}

function rootBelow(folder: string): string {
  return join(folder, `pgstrata-${userTag()}`)
}

async function hasMemory(): Promise<boolean> {
  const space = memoryFolder === undefined ? undefined : await statfs(memoryFolder).catch(() => undefined)
  return space !== undefined && space.bavail * space.bsize >= memoryNeededBytes
}

/** A new folder below `parent`, owned by this process from the moment it can be seen. */
export async function placeTemporary(parent: string, user: RunUser | undefined): Promise<Place> {
  const name = `c-${randomUUID().slice(0, 13)}`
  const draft = join(parent, `${draftPrefix}${name}`)
  await makeOwnFolder(draft, user === undefined ? 0o700 : 0o711)
  await takeOwnership(draft)
  const root = join(parent, name)
  await rename(draft, root)
  return { root, forsaken: false }
}

export function isDraft(name: string): boolean {
  return name.startsWith(draftPrefix)
}

/** The folders of servers in a cluster's folder. */
export async function nodeFolders(root: string): Promise<readonly string[]> {
  const names = (await entriesOf(root)).filter((name) => /^(primary|replica-\d+)$/.test(name))
  return names.map((name) => join(root, name))
}

async function entriesOf(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  })
}
