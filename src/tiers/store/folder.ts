// A store that is a folder: of this machine, or one that is mounted.
// Promises: a file has its name only when it is complete and on the disk. What is left of a `put` that was cut off ends in
// '.part' and is not listed.

import { createReadStream } from 'node:fs'
import { copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { checkpoint } from '../../base/clock.ts'
import { messageOf, StrataError } from '../../base/errors.ts'
import { saveStream } from './checksums.ts'
import {
  checkKey,
  checkSize,
  interruptedBy,
  isAbort,
  storeError,
  type Store,
  type StoredFile,
  type StoreErrorCode,
} from './store.ts'

const unfinished = '.part'

const codeOf: Readonly<Record<string, StoreErrorCode>> = {
  EACCES: 'ARCHIVE_DENIED',
  EPERM: 'ARCHIVE_DENIED',
  EROFS: 'ARCHIVE_DENIED',
  ENOSPC: 'ARCHIVE_FULL',
  EDQUOT: 'ARCHIVE_FULL',
  ENOENT: 'ARCHIVE_LOST',
}

export function openFolder(folder: string): Store {
  const url = pathToFileURL(folder).href
  const place = (key: string): string => {
    checkKey(url, key)
    return join(folder, ...key.split('/'))
  }
  const tell = async <T>(key: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw translate(error, url, key)
    }
  }
  return {
    url,
    put: (key, path, facts, signal) =>
      tell(key, async () => {
        checkpoint(signal)
        const target = place(key)
        await mkdir(dirname(target), { recursive: true })
        await copyFile(path, target + unfinished)
        checkpoint(signal)
        await flush(target + unfinished)
        await rename(target + unfinished, target)
        await flush(dirname(target))
        checkSize(await sizeOf(target), { url, key, bytes: facts.bytes })
      }),
    get: (key, path, signal) => tell(key, () => saveStream(createReadStream(place(key)), path, signal)),
    head: (key) => tell(key, () => sizeOf(place(key))),
    list: (prefix) => listFiles(folder, prefix, (error) => translate(error, url, prefix)),
    remove: (key) => tell(key, () => rm(place(key), { force: true })),
    close: () => undefined,
  }
}

/** A rename is kept through a power failure only once its folder is on the disk, too. */
async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function sizeOf(path: string): Promise<{ readonly bytes: number } | undefined> {
  try {
    const found = await stat(path)
    return found.isFile() ? { bytes: found.size } : undefined
  } catch (error) {
    if (causeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

async function* listFiles(folder: string, prefix: string, told: (error: unknown) => Error): AsyncGenerator<StoredFile> {
  let names: readonly string[]
  try {
    names = await readdir(folder, { recursive: true })
  } catch (error) {
    if (causeOf(error) === 'ENOENT') return
    throw told(error)
  }
  const keys = names.map((name) => name.split(sep).join('/')).filter((key) => key.startsWith(prefix))
  for (const key of keys.toSorted()) {
    const found = key.endsWith(unfinished) ? undefined : await sizeOf(join(folder, ...key.split('/')))
    if (found !== undefined) yield { key, bytes: found.bytes }
  }
}

const causeOf = (error: unknown): string => (error as { readonly code?: string } | null)?.code ?? ''

function translate(error: unknown, url: string, key: string): Error {
  if (error instanceof StrataError) return error
  if (isAbort(error)) return interruptedBy(error)
  const code = codeOf[causeOf(error)] ?? 'ARCHIVE_UNREACHABLE'
  const reason = code === 'ARCHIVE_LOST' ? 'it is not there' : messageOf(error)
  return storeError(code, { url, key, reason, cause: error })
}
