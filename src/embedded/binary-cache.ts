// A copy of the binaries of an npm package, complete with the links that its install script would have made (we run no
// install scripts) and readable by every user. One per version and platform; 60 MB, made in about 0.3 s.
// Promises: a copy that can be seen is complete, for it is made under another name and renamed; two makers do no harm.

import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, copyFile, lstat, mkdir, readdir, readFile, readlink, rename, rm, stat, symlink } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { messageOf, StrataError } from '../base/errors.ts'
import { canReach, makeOwnFolder } from './access.ts'
import { cacheFolders, nameOf, platformName, type RunUser } from './host.ts'

interface Link {
  /** The file there is; relative to the package, like the target. */
  readonly source: string
  /** The link to be made. */
  readonly target: string
}

export async function hasAllLinks(packageDir: string): Promise<boolean> {
  const links = await readLinks(packageDir)
  const present = await Promise.all(links.map(({ target }) => exists(join(packageDir, target))))
  return present.every(Boolean)
}

export interface CacheRequest {
  readonly packageDir: string
  readonly packageVersion: string
  readonly user: RunUser | undefined
  /** Instead of the usual ones. */
  readonly folders?: readonly string[]
}

/** The folder of the copy. */
export async function cachePackage(request: CacheRequest): Promise<string> {
  const name = `postgres-${request.packageVersion}-${platformName}`
  const failures: string[] = []
  for (const folder of request.folders ?? cacheFolders()) {
    if (!(await canReach(folder, request.user))) {
      failures.push(`${folder}: cannot be reached by user ${nameOf(request.user)}`)
      continue
    }
    try {
      const copy = join(folder, name)
      await makeOwnFolder(folder, 0o755)
      if (!(await exists(join(copy, 'native')))) await makeCopy(request.packageDir, copy)
      return copy
    } catch (error) {
      failures.push(`${folder}: ${messageOf(error)}`)
    }
  }
  throw new StrataError('EMBEDDED_FAILED', {
    message: 'There is no place for a copy of the PostgreSQL binaries',
    advice: 'Make one of the folders below writable.',
    notes: failures,
  })
}

async function makeCopy(packageDir: string, copy: string): Promise<void> {
  const draft = join(dirname(copy), `.${basename(copy)}-${randomUUID()}`)
  try {
    await copyReadable(join(packageDir, 'native'), join(draft, 'native'))
    for (const { source, target } of await readLinks(packageDir)) {
      const link = join(draft, target)
      if (!(await exists(link))) await symlink(relative(dirname(link), join(draft, source)), link)
    }
    await chmod(draft, 0o755)
    await rename(draft, copy).catch(async (error: unknown) => {
      // Somebody else was faster: theirs is as good.
      if (!(await exists(join(copy, 'native')))) throw error
    })
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

/** Modes are set, not kept: under a strict umask the package is readable by its owner alone. */
async function copyReadable(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  await chmod(to, 0o755)
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name)
    const target = join(to, entry.name)
    if (entry.isDirectory()) await copyReadable(source, target)
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target)
    else if (!entry.name.endsWith('.a')) {
      await copyFile(source, target, constants.COPYFILE_FICLONE)
      await chmod(target, ((await stat(source)).mode & 0o100) === 0 ? 0o644 : 0o755)
    }
  }
}

async function readLinks(packageDir: string): Promise<readonly Link[]> {
  const text = await readFile(join(packageDir, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  return JSON.parse(text) as readonly Link[]
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  )
}
