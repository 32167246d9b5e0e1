// What every store does, whatever it is.

import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { openStore } from '../../../src/tiers/store/open.ts'
import type { FileFacts, Store } from '../../../src/tiers/store/store.ts'
import { startS3Server, type S3Server } from '../../support/s3-server.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { s3Options } from './store-support.ts'

let server: S3Server | undefined

afterEach(async () => {
  await server?.close()
  server = undefined
})

const kinds: Readonly<Record<string, () => Promise<Store>>> = {
  folder: async () => openStore({ to: join(await temporaryFolder(), 'archive'), s3: s3Options('http://none') }),
  'folder by its URL': async () =>
    openStore({ to: `file://${await temporaryFolder()}/archive`, s3: s3Options('http://none') }),
  bucket: async () => {
    server = await startS3Server()
    return openStore({ to: 's3://backups/some/prefix', s3: s3Options(server.url) })
  },
  'bucket without a prefix': async () => {
    server = await startS3Server()
    return openStore({ to: 's3://backups', s3: s3Options(server.url) })
  },
}

async function put(store: Store, key: string, bytes: Buffer): Promise<FileFacts> {
  const path = join(await temporaryFolder(), 'file')
  await writeFile(path, bytes)
  const facts = { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
  await store.put(key, path, facts)
  return facts
}

async function keysOf(store: Store, prefix: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix)) keys.push(key)
  return keys.toSorted()
}

describe.each(Object.keys(kinds))('%s', (kind) => {
  const open = async (): Promise<Store> => {
    const store = await kinds[kind]?.()
    if (store === undefined) throw new Error(`There is no kind ${kind}`)
    return store
  }

  test('what is put is got, with its hash', async () => {
    const store = await open()
    for (const size of [0, 1, 70_000]) {
      const bytes = randomBytes(size)
      const key = `public.plays/year=2026/month=01/1-${size}.parquet`
      const facts = await put(store, key, bytes)
      const path = join(await temporaryFolder(), 'got')
      expect(await store.get(key, path)).toEqual(facts)
      expect((await readFile(path)).equals(bytes)).toBe(true)
      expect(await store.head(key)).toEqual({ bytes: size })
    }
    store.close()
  })

  test('a large one is put in parts', async () => {
    const store = await open()
    const bytes = randomBytes(12 * 1024 ** 2 + 7)
    const facts = await put(store, 'large', bytes)
    expect(await store.get('large', join(await temporaryFolder(), 'got'))).toEqual(facts)
    if (server !== undefined) {
      const parts = server.requests.filter(({ query }) => query.has('partNumber'))
      expect(parts.length).toBe(3)
      expect(server.uploads.size).toBe(0)
    }
    store.close()
  })

  test('what is put again is replaced, what is removed is gone, and may be removed again', async () => {
    const store = await open()
    await put(store, 'a/b', Buffer.from('one'))
    const facts = await put(store, 'a/b', Buffer.from('another'))
    expect(await store.get('a/b', join(await temporaryFolder(), 'got'))).toEqual(facts)
    await store.remove('a/b')
    await store.remove('a/b')
    expect(await store.head('a/b')).toBeUndefined()
    store.close()
  })

  test('keys are listed by what they begin with, all of them', async () => {
    const store = await open()
    const keys = ['a/1', 'a/2', 'a/3', 'a/4', 'a/b/5', 'b/1'].toSorted()
    for (const key of keys) await put(store, key, Buffer.from(key))
    expect(await keysOf(store, '')).toEqual(keys)
    expect(await keysOf(store, 'a/')).toEqual(keys.filter((key) => key.startsWith('a/')))
    expect(await keysOf(store, 'c/')).toEqual([])
    store.close()
  })

  test('what is not there is told by its key', async () => {
    const store = await open()
    await put(store, 'there', Buffer.from('x'))
    const got = store.get('not/there', join(await temporaryFolder(), 'got'))
    await expect(got).rejects.toMatchObject({
      code: 'ARCHIVE_LOST',
      message: expect.stringContaining('not/there') as string,
    })
    store.close()
  })

  test('nothing is sent or fetched for whoever does not want it any more', async () => {
    const store = await open()
    await put(store, 'there', Buffer.from('x'))
    const path = join(await temporaryFolder(), 'file')
    await writeFile(path, 'late')
    const late = store.put('late', path, { bytes: 4, sha256: '' }, AbortSignal.abort())
    await expect(late).rejects.toMatchObject({ code: 'INTERRUPTED' })
    await expect(store.get('there', path, AbortSignal.abort())).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(await keysOf(store, '')).toEqual(['there'])
    store.close()
  })

  test.each(['', 'a//b', '../a', 'a/../../b', 'a\\b', '/a'])('key %j is refused', async (key) => {
    const store = await open()
    await expect(put(store, key, Buffer.from('x'))).rejects.toMatchObject({ code: 'VALUE_INVALID' })
    store.close()
  })
})

test('a file that was cut off on its way into a folder is not listed', async () => {
  const folder = await temporaryFolder()
  const store = openStore({ to: folder, s3: s3Options('http://none') })
  await writeFile(join(folder, 'x.part'), 'half')
  expect(await keysOf(store, '')).toEqual([])
  expect(await readdir(folder)).toEqual(['x.part'])
})
