// Archives as their stores alone tell of them, by their manifests: for a database that does not know them, or that is gone. A manifest
// that cannot be read is told, and hides none of the others.

import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { checkpoint } from '../../base/clock.ts'
import { isStrataError, messageOf } from '../../base/errors.ts'
import { loadManifest } from './manifest-file.ts'
import type { Manifest } from './manifest.ts'
import { isDamage, type ReadingTools } from './read-back.ts'

type StoreTools = Pick<ReadingTools, 'store' | 'work' | 'signal'>

/** `key`: of its manifest. */
export type StoredArchive =
  | { readonly key: string; readonly manifest: Manifest; readonly failure?: undefined }
  | { readonly key: string; readonly manifest?: undefined; readonly failure: string }

export async function readManifest({ store, work, signal }: StoreTools, key: string): Promise<Manifest> {
  await mkdir(work, { recursive: true })
  const folder = await mkdtemp(join(work, 'manifest-'))
  try {
    const path = join(folder, 'manifest.json')
    await store.get(key, path, signal)
    return await loadManifest(path, key)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const isManifest = (key: string): boolean => /(^|\/)_manifest-[^/]+\.json$/.test(key)

/** All that the store has, by their keys. */
export async function readStored(tools: StoreTools): Promise<readonly StoredArchive[]> {
  const keys: string[] = []
  for await (const { key } of tools.store.list('')) if (isManifest(key)) keys.push(key)
  const found: StoredArchive[] = []
  for (const key of keys.toSorted()) {
    checkpoint(tools.signal)
    found.push(await tryManifest(tools, key))
  }
  return found
}

async function tryManifest(tools: StoreTools, key: string): Promise<StoredArchive> {
  try {
    return { key, manifest: await readManifest(tools, key) }
  } catch (error) {
    checkpoint(tools.signal)
    if (!isDamage(error) && !isStrataError(error, 'ARCHIVE_DENIED')) throw error
    return { key, failure: messageOf(error) }
  }
}
