// Files of archives, kept near: they are named by their sha256, so that what has the name has the content.
//
// What must be true: a file is given only when its bytes were compared, by this process: what was written before a power failure may
// be something else. The folder has at most `sizeBytes` once a file was taken. Several processes may share it: whoever takes a file
// has it under a name of his own, whatever is removed here, and one of them at a time removes.

import { copyFile, link, mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { factsOf } from '../store/checksums.ts'
import { checkRoom, freeBytesOf, inFolder } from '../store/room.ts'
import type { Store } from '../store/store.ts'
import { removeOld } from './leftovers.ts'
import type { ManifestFile } from './manifest.ts'
import { fetchFile } from './read-back.ts'

type WantedFile = Pick<ManifestFile, 'key' | 'bytes' | 'sha256'>

export interface FileCache {
  /** For those that are not here; others give way to them. Throws ARCHIVE_FULL. */
  makeRoomFor(files: readonly WantedFile[]): Promise<void>
  /** At `path`, where nothing is yet. It is the caller's from then on, and not to be written to. */
  take(file: WantedFile, path: string, signal?: AbortSignal): Promise<void>
}

export interface FileCacheOptions {
  readonly dir: string
  readonly sizeBytes: number
  readonly store: Store
  readonly clock: Clock
  /** Tells processes apart. */
  readonly owner: string
}

const lockName = 'removing.lock'
const unfinished = '.part'
const pathIn = (dir: string, sha256: string): string => join(dir, `${sha256}.parquet`)
/** A process that removes for that long was killed. */
const staleLockMs = 60_000
/** How often a file that another process has just removed is fetched again. */
const mostTries = 3

export function openFileCache(options: FileCacheOptions): FileCache {
  const state = { count: 0 }
  return {
    makeRoomFor: (files) => makeRoomFor(options, files),
    take: async (file, path, signal) => {
      for (let attempt = 1; ; attempt++) {
        const near = await bring(options, { file, state, signal })
        try {
          await share(near, path)
          break
        } catch (error) {
          if (!isGone(error) || attempt === mostTries) throw error
        }
      }
      await makeRoom(options, { mostBytes: options.sizeBytes })
    },
  }
}

interface Bringing {
  readonly file: WantedFile
  readonly state: { count: number }
  readonly signal: AbortSignal | undefined
}

/** Its path in the folder. */
async function bring(
  { dir, store, clock, owner }: FileCacheOptions,
  { file, state, signal }: Bringing,
): Promise<string> {
  await mkdir(dir, { recursive: true })
  const path = pathIn(dir, file.sha256)
  if (!(await isProven(path, file))) {
    const arriving = join(dir, `${file.sha256}.${owner}-${++state.count}${unfinished}`)
    try {
      await fetchFile({ store, signal }, file, arriving)
      const { ino } = await stat(arriving)
      await rename(arriving, path)
      noteProven(path, ino)
    } finally {
      await rm(arriving, { force: true })
    }
  }
  await touch(path, clock)
  return path
}

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown } | null)?.code
const isGone = (error: unknown): boolean => codeOf(error) === 'ENOENT'

/** Another file system, or one without links, takes a copy. */
async function share(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    if (isGone(error)) throw error
    await inFolder(dirname(to), () => copyFile(from, to))
  }
}

async function isThere(path: string, bytes: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.size === bytes
}

/** Files whose bytes this process has compared: another one of the same name has another inode. */
const proven = new Map<string, number>()
const mostProven = 10_000

async function isProven(path: string, { bytes, sha256 }: WantedFile): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  if (found?.size !== bytes) return false
  if (proven.get(path) === found.ino) return true
  const facts = await factsOf(path).catch((error: unknown) => {
    if (isGone(error)) return undefined
    throw error
  })
  if (facts?.sha256 !== sha256) return false
  noteProven(path, found.ino)
  return true
}

function noteProven(path: string, inode: number): void {
  if (proven.size >= mostProven) proven.clear()
  proven.set(path, inode)
}

async function touch(path: string, clock: Clock): Promise<void> {
  const at = new Date(clock.now())
  await utimes(path, at, at).catch(() => undefined)
}

interface Entry {
  readonly path: string
  readonly bytes: number
  readonly usedMs: number
}

async function makeRoomFor(options: FileCacheOptions, files: readonly WantedFile[]): Promise<void> {
  const { dir } = options
  await mkdir(dir, { recursive: true })
  const keep = new Set(files.map(({ sha256 }) => pathIn(dir, sha256)))
  let missing = 0
  for (const { sha256, bytes } of files) if (!(await isThere(pathIn(dir, sha256), bytes))) missing += bytes
  if (missing === 0) return
  const lacking = missing - (await freeBytesOf(dir))
  if (lacking >= 0) await makeRoom(options, { leastFreed: lacking + 1, keep })
  await checkRoom(dir, missing, 'archive.cache.dir')
}

interface Making {
  /** What may stay. */
  readonly mostBytes?: number
  /** What has to go, however little there is. */
  readonly leastFreed?: number
  readonly keep?: ReadonlySet<string>
}

/** The longest unused go first. */
async function makeRoom(
  { dir, clock }: FileCacheOptions,
  { mostBytes = Number.MAX_SAFE_INTEGER, leastFreed = 0, keep = new Set() }: Making,
): Promise<void> {
  await removeOld(dir, (name) => name.endsWith(unfinished))
  const entries = await readEntries(dir)
  const sizeOf = (some: readonly Entry[]): number => some.reduce((sum, { bytes }) => sum + bytes, 0)
  const others = entries.filter(({ path }) => !keep.has(path))
  let excess = Math.max(sizeOf(entries) - mostBytes, leastFreed)
  // Where it would not be enough, nothing goes for nothing.
  if (excess <= 0 || leastFreed > sizeOf(others)) return
  const lock = await takeLock(dir, clock)
  if (lock === 'taken') return
  try {
    for (const { path, bytes } of others.toSorted((left, right) => left.usedMs - right.usedMs)) {
      if (excess <= 0) return
      await rm(path, { force: true })
      excess -= bytes
    }
  } finally {
    if (lock === 'ours') await rm(join(dir, lockName), { force: true })
  }
}

async function readEntries(dir: string): Promise<readonly Entry[]> {
  const names = await readdir(dir).catch(() => [])
  const entries: Entry[] = []
  for (const name of names.filter((each) => each.endsWith('.parquet'))) {
    const path = join(dir, name)
    const found = await stat(path).catch(() => undefined)
    if (found !== undefined) entries.push({ path, bytes: found.size, usedMs: found.mtimeMs })
  }
  return entries
}

/** A full disk takes no lock, and that is where room has to be made: without one, too much may be removed, and nothing else. */
async function takeLock(dir: string, clock: Clock): Promise<'ours' | 'taken' | 'none'> {
  const path = join(dir, lockName)
  const found = await stat(path).catch(() => undefined)
  if (found !== undefined && clock.now() - found.mtimeMs > staleLockMs) await rm(path, { force: true })
  try {
    const handle = await open(path, 'wx')
    try {
      const ours = await handle.stat()
      const there = await stat(path).catch(() => undefined)
      return there?.ino === ours.ino ? 'ours' : 'taken'
    } finally {
      await handle.close()
    }
  } catch (error) {
    return codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT' ? 'none' : 'taken'
  }
}
