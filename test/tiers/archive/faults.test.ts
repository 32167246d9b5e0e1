// A service that fails in every way in which such services fail: nothing is dropped that did not come back from it, whoever is at
// fault is named with the object and the reason, and once it is mended the move goes on.

import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../../src/db/db.ts'
import { readArchives } from '../../../src/tiers/archive/catalog.ts'
import { checkArchives, type CheckReport } from '../../../src/tiers/archive/check.ts'
import { readStored } from '../../../src/tiers/archive/stored.ts'
import { movePartition } from '../../../src/tiers/move/movers.ts'
import { openStore } from '../../../src/tiers/store/open.ts'
import type { Store } from '../../../src/tiers/store/store.ts'
import { testDatabase, versions, type TestDatabase } from '../../support/postgres.ts'
import { startS3Server, type S3Answer, type S3Fault, type S3Request, type S3Server } from '../../support/s3-server.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { moveTools, recordOf, rowsOf } from '../exchange-support.ts'
import { createEvents, partitionOf } from '../move-support.ts'
import { s3Options } from '../store/store-support.ts'
import { events, first, openMover, type Mover } from './life-support.ts'

const [version] = versions
let database: TestDatabase
let db: Db
let server: S3Server
let mover: Mover
let before: readonly string[]
let work: string
const stores: Store[] = []

function reach(timeoutMs: number): Mover {
  const store = openStore({ to: 's3://backups/prefix', s3: s3Options(server.url, { tries: 1, timeoutMs }) })
  stores.push(store)
  return openMover(db, { store, work })
}

beforeEach(async () => {
  if (version === undefined) throw new Error('No version is tested')
  database = await testDatabase(version)
  db = database.db
  await createEvents(db, events)
  before = await rowsOf(db, 'events')
  server = await startS3Server()
  work = join(await temporaryFolder(), 'work')
  mover = reach(30_000)
})
afterEach(async () => {
  for (const store of stores.splice(0)) store.close()
  await server.close()
  await database.close()
})

const isFile = ({ key }: S3Request): boolean => key.endsWith('.parquet')
const flip = (bytes: Buffer): Buffer => {
  const at = Math.floor(bytes.length / 2)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  return bytes
}
const when =
  (method: string, answer: S3Answer, is: (request: S3Request) => boolean = isFile): S3Fault =>
  (request) =>
    request.method === method && is(request) ? answer : undefined

const file = expect.stringMatching(
  /public\.events\/year=2026\/month=01\/day=01\/\d+-[0-9a-f]{10}-0001\.parquet/,
) as string
const saying = (what: string): string => expect.stringContaining(what) as string

interface Trouble {
  readonly fault: S3Fault
  readonly code: string
  readonly reason: string
  readonly state: 'archive:uploading' | 'archive:verifying'
  readonly timeoutMs?: number
}

const troubles: Readonly<Record<string, Trouble>> = {
  'that may not be written to': {
    fault: when('PUT', { kind: 'error', status: 403, code: 'AccessDenied' }),
    code: 'ARCHIVE_DENIED',
    reason: 'AccessDenied',
    state: 'archive:uploading',
  },
  'that is full': {
    fault: when('PUT', { kind: 'error', status: 507, code: 'InsufficientStorage' }),
    code: 'ARCHIVE_FULL',
    reason: 'InsufficientStorage',
    state: 'archive:uploading',
  },
  'that asks to come later': {
    fault: when('PUT', { kind: 'error', status: 503, code: 'SlowDown' }),
    code: 'ARCHIVE_UNREACHABLE',
    reason: 'SlowDown',
    state: 'archive:uploading',
  },
  'that never answers': {
    fault: when('PUT', { kind: 'silent' }),
    code: 'ARCHIVE_UNREACHABLE',
    reason: 'TimeoutError',
    state: 'archive:uploading',
    timeoutMs: 100,
  },
  'that says it took the file, and has not': {
    fault: when('PUT', { kind: 'pretend' }),
    code: 'ARCHIVE_LOST',
    reason: 'does not have it',
    state: 'archive:uploading',
  },
  'that says so twice': {
    fault: when('PUT', { kind: 'lie' }),
    code: 'ARCHIVE_LOST',
    reason: 'NoSuchKey',
    state: 'archive:verifying',
  },
  'that gives back another byte': {
    fault: when('GET', { kind: 'change', change: flip }),
    code: 'ARCHIVE_CORRUPT',
    reason: 'its bytes changed',
    state: 'archive:verifying',
  },
  'that gives back less': {
    fault: when('GET', { kind: 'change', change: (bytes) => bytes.subarray(0, 100) }),
    code: 'ARCHIVE_CORRUPT',
    reason: 'got 100',
    state: 'archive:verifying',
  },
  'that hangs up in the middle': {
    fault: when('GET', { kind: 'cut' }),
    code: 'ARCHIVE_UNREACHABLE',
    reason: 'aborted',
    state: 'archive:verifying',
  },
  'that may not be read': {
    fault: when('GET', { kind: 'error', status: 403, code: 'AccessDenied' }),
    code: 'ARCHIVE_DENIED',
    reason: 'AccessDenied',
    state: 'archive:verifying',
  },
}

describe('a store', () => {
  test.each(Object.keys(troubles))('%s: told, and the partition stays', async (name) => {
    const trouble = troubles[name]
    if (trouble === undefined) throw new Error(`There is no trouble ${name}`)
    const { fault, code, reason, state, timeoutMs } = trouble
    server.fault = fault
    const failing = (timeoutMs === undefined ? mover : reach(timeoutMs)).move('archive')
    await expect(failing).rejects.toMatchObject({ code, message: file, details: { store: 's3://backups/prefix' } })
    await expect(failing).rejects.toMatchObject({ message: saying(reason) })
    expect(await recordOf(db, events, first)).toMatchObject({ state, failures: 1, failure: saying(reason) })
    await expect(mover.move('drop')).rejects.toMatchObject({ code: 'TIER_STATE' })
    expect(await rowsOf(db, 'events')).toEqual(before)

    server.fault = undefined
    // What it has lost meanwhile is sent again.
    server.objects.clear()
    server.claimed.clear()
    expect(await mover.move('archive')).toMatchObject({ state: 'archived', failures: 0, failure: null })
  })

  test.each(['file', 'manifest'] as const)('that damages a %s once: it is sent again', async (what) => {
    let damages = 0
    const is = ({ key }: S3Request): boolean => key.endsWith(what === 'file' ? '.parquet' : '.json') && damages++ === 0
    server.fault = when('GET', { kind: 'change', change: flip }, is)
    expect(await mover.move('archive')).toMatchObject({ state: 'archived', failures: 0 })
    const puts = server.requests.filter(
      ({ method, key }) => method === 'PUT' && key.endsWith(what === 'file' ? '.parquet' : '.json'),
    )
    expect(puts).toHaveLength(2)
  })
})

const objectOf = (): string => [...server.objects.keys()].find((key) => key.endsWith('.parquet')) ?? 'none'

const damages: Readonly<
  Record<string, { readonly damage: () => void; readonly code: string; readonly reason: string }>
> = {
  'is gone': {
    damage: () => void server.objects.delete(objectOf()),
    code: 'ARCHIVE_LOST',
    reason: 'NoSuchKey',
  },
  'has another byte': {
    damage: () => void server.objects.set(objectOf(), flip(Buffer.from(server.objects.get(objectOf()) ?? []))),
    code: 'ARCHIVE_CORRUPT',
    reason: 'its bytes changed: expected sha256',
  },
  'is shorter': {
    damage: () =>
      void server.objects.set(objectOf(), (server.objects.get(objectOf()) ?? Buffer.alloc(0)).subarray(0, 50)),
    code: 'ARCHIVE_CORRUPT',
    reason: 'got 50',
  },
}

describe.each(Object.keys(damages))('an object that %s later', (name) => {
  const found = damages[name]
  const { damage, code, reason } = found ?? { damage: () => undefined, code: '', reason: '' }
  const check = async (): Promise<CheckReport> =>
    await checkArchives(db, { ...mover.archiving, storeAt: () => mover.archiving.store }, { filter: {} })

  test('is found by verifying, and once it is back, all is well', async () => {
    await mover.move('archive')
    expect(await check()).toMatchObject({ archives: 1, files: 1, faults: [] })
    const key = objectOf()
    const whole = server.objects.get(key) ?? Buffer.alloc(0)
    damage()
    const report = await check()
    expect(report.faults).toMatchObject([{ key: file, code, reason: saying(reason), partition: `public.${first}` }])
    expect(await readArchives(db)).toMatchObject([{ state: 'lost', checkFailure: saying(reason) }])
    server.objects.set(key, whole)
    expect(await check()).toMatchObject({ archives: 1, faults: [] })
    expect(await readArchives(db)).toMatchObject([{ state: 'verified', checkFailure: null }])
  })

  test('is found before the drop: the partition is archived again', async () => {
    await mover.move('archive')
    damage()
    expect(await mover.move('drop')).toMatchObject({ state: 'archived' })
    expect(await rowsOf(db, 'events')).toEqual(before)
    expect(await readArchives(db)).toMatchObject([
      { state: 'superseded', checkFailure: saying(reason) },
      { state: 'verified' },
    ])
    expect(await mover.move('drop')).toMatchObject({ state: 'cold' })
  })

  test('is found by restoring, which goes on once it is back', async () => {
    await mover.move('archive')
    await mover.move('drop')
    const key = objectOf()
    const whole = server.objects.get(key) ?? Buffer.alloc(0)
    damage()
    const failing = mover.move('restore')
    await expect(failing).rejects.toMatchObject({ code, message: file })
    await expect(failing).rejects.toMatchObject({ message: saying(reason) })
    expect(await recordOf(db, events, first)).toMatchObject({ state: 'restore:fetching' })
    server.objects.set(key, whole)
    expect(await mover.move('restore')).toMatchObject({ state: 'hot' })
    expect(await rowsOf(db, 'events')).toEqual(before)
  })
})

describe('archives that cannot be read', () => {
  const other = partitionOf(2)
  const check = async (share?: number): Promise<CheckReport> =>
    await checkArchives(db, { ...mover.archiving, storeAt: () => mover.archiving.store }, { filter: {}, share })
  const of = (reason: string): S3Answer => ({ kind: 'error', status: 403, code: reason })
  const isFirst = ({ key }: S3Request): boolean => key.includes('day=01')

  beforeEach(async () => {
    for (const partition of [first, other]) {
      const tools = moveTools(db, { archivingOf: () => mover.archiving })
      await movePartition(tools, { table: events, partition, move: 'archive' })
    }
  })

  test('are told, and keep none of the others from being read', async () => {
    // Who may not list a bucket is answered so where an object is gone.
    server.fault = when('GET', of('AccessDenied'), isFirst)
    const reports = [await check(0.5), await check(0.5)]
    expect(reports.flatMap(({ faults }) => faults)).toMatchObject([
      { code: 'ARCHIVE_DENIED', partition: `public.${first}`, reason: saying('AccessDenied') },
    ])
    expect(reports.map(({ archives, files }) => [archives, files])).toEqual([
      [1, 0],
      [1, 1],
    ])
    expect(await readArchives(db)).toMatchObject([
      { state: 'verified', checkFailure: saying('could not be read back') },
      { state: 'verified', checkFailure: null },
    ])
    server.fault = undefined
    expect(await check()).toMatchObject({ archives: 2, faults: [] })
    expect(await readArchives(db)).toMatchObject([{ checkFailure: null }, { checkFailure: null }])
  })

  test('because the store does not answer: nothing is held against them', async () => {
    server.fault = when('GET', { kind: 'error', status: 503, code: 'SlowDown' })
    expect((await check()).faults).toMatchObject([{ code: 'ARCHIVE_UNREACHABLE' }, { code: 'ARCHIVE_UNREACHABLE' }])
    expect(await readArchives(db)).toMatchObject([
      { state: 'verified', checkFailure: null },
      { state: 'verified', checkFailure: null },
    ])
  })

  test('by their manifests: the others are listed', async () => {
    const [bad = '', good = ''] = [...server.objects.keys()].filter((key) => key.endsWith('.json')).toSorted()
    server.objects.set(bad, Buffer.from('nothing'))
    const stored = await readStored({ store: mover.archiving.store, work })
    expect(stored).toMatchObject([
      { key: saying('day=01'), failure: saying('is no manifest') },
      { key: saying('day=02'), manifest: { partition: other } },
    ])
    expect([bad, good].map((key) => key.includes('day=01'))).toEqual([true, false])
  })
})
