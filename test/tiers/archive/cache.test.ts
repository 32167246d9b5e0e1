// Files that are kept near: fetched once, never given another content, bounded, and gone from under nobody's hands.

import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, statfs, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { openFileCache, type FileCache } from '../../../src/tiers/archive/cache.ts'
import { removeLeftovers } from '../../../src/tiers/archive/leftovers.ts'
import { openStore } from '../../../src/tiers/store/open.ts'
import type { Store } from '../../../src/tiers/store/store.ts'
import { openSmallDisk } from '../../support/small-disk.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { s3Options } from '../store/store-support.ts'

interface Kept {
  readonly key: string
  readonly bytes: number
  readonly sha256: string
}

let base: string
let dir: string
let store: Store
let gets: string[]

beforeEach(async () => {
  base = await temporaryFolder()
  dir = join(base, 'cache')
  gets = []
  const folder = openStore({ to: join(base, 'store'), s3: s3Options('http://none') })
  store = {
    ...folder,
    get: async (key, path, signal) => {
      gets.push(key)
      return await folder.get(key, path, signal)
    },
  }
})

const open = (sizeBytes = 1_000_000, owner = 'one'): FileCache =>
  openFileCache({ dir, sizeBytes, store, clock: systemClock, owner })

async function keep(key: string, size = 1_000): Promise<Kept> {
  const bytes = randomBytes(size)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const path = join(base, 'sent')
  await writeFile(path, bytes)
  await store.put(key, path, { bytes: size, sha256 })
  return { key, bytes: size, sha256 }
}

let taken = 0
async function take(cache: FileCache, file: Kept): Promise<Buffer> {
  const path = join(base, `taken-${++taken}`)
  await cache.take(file, path)
  return await readFile(path)
}

const sumOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

test('a file is fetched once', async () => {
  const file = await keep('a')
  expect(sumOf(await take(open(), file))).toBe(file.sha256)
  expect(sumOf(await take(open(), file))).toBe(file.sha256)
  expect(gets).toEqual(['a'])
})

test('one of another content is never given, and nothing is left of it', async () => {
  const file = await keep('a')
  const wrong = { ...file, sha256: '0'.repeat(64) }
  await expect(take(open(), wrong)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT', details: { key: 'a' } })
  expect(await readdir(dir)).toEqual([])
})

test('what was cut off is fetched again', async () => {
  const file = await keep('a')
  await mkdir(dir)
  await writeFile(join(dir, `${file.sha256}.parquet`), 'half')
  expect(sumOf(await take(open(), file))).toBe(file.sha256)
})

test('what a power failure left behind, of the same size, is fetched again', async () => {
  const file = await keep('a')
  await mkdir(dir)
  const path = join(dir, `${file.sha256}.parquet`)
  await writeFile(path, Buffer.alloc(file.bytes))
  expect(sumOf(await take(open(), file))).toBe(file.sha256)
  expect(sumOf(await readFile(path))).toBe(file.sha256)
})

test('what killed processes left behind goes, and what is on its way stays', async () => {
  const file = await keep('a')
  await mkdir(dir)
  await writeFile(join(dir, 'x.killed-1.part'), 'half')
  const long = new Date('2026-01-01')
  await utimes(join(dir, 'x.killed-1.part'), long, long)
  await writeFile(join(dir, 'y.other-1.part'), 'half')
  await take(open(), file)
  expect((await readdir(dir)).toSorted()).toEqual([`${file.sha256}.parquet`, 'y.other-1.part'].toSorted())
})

test('folders of questions that were killed go, and those of others stay', async () => {
  const work = join(base, 'work')
  const long = new Date('2026-01-01')
  const make = async (name: string, isFresh = false): Promise<void> => {
    await mkdir(join(work, name), { recursive: true })
    const path = join(work, name, 'file')
    await writeFile(path, 'x')
    if (!isFresh) await utimes(path, long, long)
    await utimes(join(work, name), long, long)
  }
  for (const name of ['query-1', 'read-1', 'verify-1', 'into-1', 'manifest-1', 'archive-1-2', 'mine']) await make(name)
  await make('query-2', true)
  await removeLeftovers(work)
  expect((await readdir(work)).toSorted()).toEqual(['archive-1-2', 'mine', 'query-2'])
  await removeLeftovers(join(base, 'nowhere'))
})

test('room that there is not is told before anything is fetched, by the folder', async () => {
  const kept = await keep('a')
  const old = await keep('b')
  const cache = open()
  for (const file of [kept, old]) await take(cache, file)
  const large = { key: 'c', bytes: 2 ** 60, sha256: 'c'.repeat(64) }
  await expect(cache.makeRoomFor([kept, large])).rejects.toMatchObject({
    code: 'ARCHIVE_FULL',
    message: expect.stringContaining(dir) as string,
    advice: expect.stringContaining('archive.cache.dir') as string,
  })
  expect(await readdir(dir)).toHaveLength(2)
  expect(gets).toEqual(['a', 'b'])
  await cache.makeRoomFor([kept])
})

test('a full disk of this machine is not a full store', async (context) => {
  const disk = await openSmallDisk(1)
  if (disk === undefined) return context.skip('no small disk can be mounted here')
  try {
    dir = join(disk.folder, 'cache')
    await mkdir(dir)
    const file = await keep('a', 400_000)
    const small = await keep('b', 40_000)
    await take(open(), small)
    const ballast = join(disk.folder, 'ballast')
    const { bavail, bsize } = await statfs(disk.folder)
    await writeFile(ballast, Buffer.alloc(bavail * bsize))
    const taken = take(open(), file)
    await expect(taken).rejects.toMatchObject({
      code: 'ARCHIVE_FULL',
      message: expect.stringContaining(`No room is left in ${dir}`) as string,
    })
    await take(open(0), small)
    expect(await readdir(dir)).toEqual([])
    await rm(ballast)
    expect(sumOf(await take(open(), file))).toBe(file.sha256)
    // Others give way where that is enough.
    await take(open(), small)
    await writeFile(ballast, Buffer.alloc(1_000_000 - 440_000))
    const next = await keep('c', 300_000)
    await open().makeRoomFor([next, small])
    expect(await readdir(dir)).toEqual([`${small.sha256}.parquet`])
    expect(sumOf(await take(open(), next))).toBe(next.sha256)
  } finally {
    await disk.close()
  }
})

test('the longest unused go, and whoever has taken one keeps it', async () => {
  const files = [await keep('a'), await keep('b'), await keep('c')]
  const cache = open(2_500)
  const [first, second, third] = files as [Kept, Kept, Kept]
  const path = join(base, 'mine')
  await cache.take(first, path)
  await take(cache, second)
  const long = new Date('2026-01-01')
  await utimes(join(dir, `${second.sha256}.parquet`), long, long)
  await take(cache, third)
  expect((await readdir(dir)).toSorted()).toEqual([first, third].map(({ sha256 }) => `${sha256}.parquet`).toSorted())
  await take(open(0), third)
  expect(await readdir(dir)).toEqual([])
  expect(sumOf(await readFile(path))).toBe(first.sha256)
})

test('many processes at once', async () => {
  const files = [await keep('a'), await keep('b'), await keep('c'), await keep('d')]
  const work = Array.from({ length: 40 }, async (_, index) => {
    const file = files[index % files.length]
    if (file === undefined) return
    expect(sumOf(await take(open(2_000, `process ${index}`), file))).toBe(file.sha256)
  })
  await Promise.all(work)
  const left = await Promise.all((await readdir(dir)).map((name) => stat(join(dir, name))))
  const [first] = files
  if (first !== undefined) await take(open(2_000), first)
  expect(left.every(({ size }) => size === 1_000)).toBe(true)
})

test('a process that was killed while it removed does not keep others from it', async () => {
  const files = [await keep('a'), await keep('b')]
  await mkdir(dir)
  const lock = join(dir, 'removing.lock')
  await writeFile(lock, 'killed')
  const long = new Date('2026-01-01')
  await utimes(lock, long, long)
  for (const file of files) await take(open(1_000), file)
  expect(await readdir(dir)).toHaveLength(1)
})
