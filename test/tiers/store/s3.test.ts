// How a bucket is spoken to, and what becomes of a service that does not do what it says.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openStore } from '../../../src/tiers/store/open.ts'
import type { S3Options } from '../../../src/tiers/store/s3.ts'
import type { Store } from '../../../src/tiers/store/store.ts'
import { startS3Server, type S3Answer, type S3Server } from '../../support/s3-server.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { s3Options } from './store-support.ts'

let server: S3Server
let store: Store

beforeEach(async () => {
  server = await startS3Server()
  store = await open()
})
afterEach(async () => {
  store.close()
  await server.close()
})

async function open(more: Partial<S3Options> = {}): Promise<Store> {
  return openStore({ to: 's3://backups/prefix', s3: s3Options(server.url, more) })
}

async function put(to: Store, bytes = Buffer.from('content')): Promise<void> {
  const path = join(await temporaryFolder(), 'file')
  await writeFile(path, bytes)
  await to.put('a/file', path, { bytes: bytes.length, sha256: '' })
}

test('storage class and encryption go with each object', async () => {
  const named = await open({ storageClass: 'STANDARD_IA', encryption: { kms: 'key-id' } })
  await put(named)
  const request = server.requests.find(({ method }) => method === 'PUT')
  expect(request?.headers).toMatchObject({
    'x-amz-storage-class': 'STANDARD_IA',
    'x-amz-server-side-encryption': 'aws:kms',
    'x-amz-server-side-encryption-aws-kms-key-id': 'key-id',
  })
  expect(request).toMatchObject({ bucket: 'backups', key: 'prefix/a/file' })
  named.close()
})

const always = (answer: S3Answer) => (): S3Answer => answer

test.each([
  ['AccessDenied', 403, 'ARCHIVE_DENIED'],
  ['SignatureDoesNotMatch', 403, 'ARCHIVE_DENIED'],
  ['QuotaExceeded', 403, 'ARCHIVE_FULL'],
  ['InsufficientStorage', 507, 'ARCHIVE_FULL'],
  ['NoSuchBucket', 404, 'ARCHIVE_LOST'],
  ['SlowDown', 503, 'ARCHIVE_UNREACHABLE'],
] as const)('%s is told as what it is', async (code, status, expected) => {
  server.fault = always({ kind: 'error', status, code })
  await expect(put(store)).rejects.toMatchObject({ code: expected, message: expect.stringContaining(code) as string })
})

test('a service that fails once is asked again', async () => {
  let failures = 0
  server.fault = ({ method }) =>
    method === 'PUT' && failures++ === 0 ? { kind: 'error', status: 503, code: 'SlowDown' } : undefined
  await put(store)
  expect(failures).toBe(2)
  expect([...server.objects.keys()]).toEqual(['backups/prefix/a/file'])
})

test('a service that does not answer is given up', async () => {
  const hasty = await open({ timeoutMs: 200, tries: 1 })
  server.fault = always({ kind: 'silent' })
  await expect(put(hasty)).rejects.toMatchObject({ code: 'ARCHIVE_UNREACHABLE' })
  hasty.close()
})

test('a service that stops in the middle of a file is given up', async () => {
  const hasty = await open({ timeoutMs: 200, tries: 1 })
  await put(hasty)
  server.fault = ({ method }) => (method === 'GET' ? { kind: 'stall' } : undefined)
  const got = hasty.get('a/file', join(await temporaryFolder(), 'got'))
  await expect(got).rejects.toMatchObject({ code: 'ARCHIVE_UNREACHABLE', details: { key: 'a/file' } })
  hasty.close()
})

test('whoever does not want it any more does not wait for what never comes', async () => {
  const patient = await open({ timeoutMs: 60_000 })
  await put(patient)
  const wanted = new AbortController()
  server.fault = ({ method }) => {
    if (method !== 'GET') return undefined
    setImmediate(() => wanted.abort())
    return { kind: 'stall' }
  }
  const got = patient.get('a/file', join(await temporaryFolder(), 'got'), wanted.signal)
  await expect(got).rejects.toMatchObject({ code: 'INTERRUPTED' })
  patient.close()
})

test('a service that is not there', async () => {
  const gone = openStore({ to: 's3://backups', s3: s3Options('http://127.0.0.1:1', { tries: 1 }) })
  await expect(put(gone)).rejects.toMatchObject({
    code: 'ARCHIVE_UNREACHABLE',
    message: expect.not.stringContaining('secretAccessKey') as string,
  })
  gone.close()
})

test('one that says it has taken a file, and has not, is found out at once', async () => {
  server.fault = ({ method }) => (method === 'PUT' ? { kind: 'pretend' } : undefined)
  await expect(put(store)).rejects.toMatchObject({ code: 'ARCHIVE_LOST', details: { key: 'a/file' } })
})

test('an upload in parts that fails leaves nothing behind', async () => {
  server.fault = ({ query }) =>
    query.get('partNumber') === '2' ? { kind: 'error', status: 403, code: 'AccessDenied' } : undefined
  await expect(put(store, Buffer.alloc(11 * 1024 ** 2))).rejects.toMatchObject({ code: 'ARCHIVE_DENIED' })
  expect(server.uploads.size).toBe(0)
  expect(server.objects.size).toBe(0)
})
