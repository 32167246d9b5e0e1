// Who runs the cluster of a folder: owner.json, with the process and when that process started. It keeps two live
// processes off one folder, and tells the next start whether a cluster was left behind by one that is no more.

import { randomUUID } from 'node:crypto'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isRunning, ownIdentity, type ProcessIdentity } from './host.ts'

const ownerFile = 'owner.json'

export type Ownership = { readonly taken: true } | { readonly taken: false; readonly by: ProcessIdentity }

/** Takes the folder for this process: at once if nobody has it, or if whoever had it is dead. */
export async function takeOwnership(root: string): Promise<Ownership> {
  const path = join(root, ownerFile)
  const draft = `${path}.${randomUUID()}`
  await writeFile(draft, JSON.stringify(await ownIdentity()))
  try {
    // Each round ends with the file ours, or with a live owner, or with a dead owner's file taken away.
    for (;;) {
      // link() is all or nothing, and the file is never seen half written.
      if (await link(draft, path).then(() => true, ignoreExisting)) return { taken: true }
      const owner = await readOwner(root)
      if (owner !== undefined && (await isRunning(owner))) return { taken: false, by: owner }
      await removeDeadOwner(path, owner)
    }
  } finally {
    await rm(draft, { force: true })
  }
}

export async function releaseOwnership(root: string): Promise<void> {
  await rm(join(root, ownerFile), { force: true })
}

export async function readOwner(root: string): Promise<ProcessIdentity | undefined> {
  const text = await readFile(join(root, ownerFile), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    const { pid, started } = JSON.parse(text) as Partial<ProcessIdentity>
    return typeof pid === 'number' && typeof started === 'string' ? { pid, started } : undefined
  } catch {
    return undefined
  }
}

/** By renaming, which only one can do; and if what was renamed is not the dead one's, it is put back. */
async function removeDeadOwner(path: string, dead: ProcessIdentity | undefined): Promise<void> {
  const aside = `${path}.${randomUUID()}`
  if (
    !(await rename(path, aside).then(
      () => true,
      () => false,
    ))
  )
    return
  const text = await readFile(aside, 'utf8')
  if (dead !== undefined && text !== JSON.stringify(dead)) await link(aside, path).catch(() => undefined)
  await rm(aside, { force: true })
}

function ignoreExisting(error: unknown): false {
  if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
  throw error
}
