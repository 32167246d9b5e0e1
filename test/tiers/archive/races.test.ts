// Archives on which several work at once: whoever comes second finds what the first one has made of it, and the only copy of rows is
// never taken for one of several.

import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import type { Db } from '../../../src/db/db.ts'
import { readArchives, setArchiveState, type ArchiveRecord } from '../../../src/tiers/archive/catalog.ts'
import { checkArchives, type CheckReport } from '../../../src/tiers/archive/check.ts'
import { readNeedless, removeArchive, type Removal } from '../../../src/tiers/archive/retire.ts'
import { abortPartition, runMoves } from '../../../src/tiers/move/movers.ts'
import { openStore } from '../../../src/tiers/store/open.ts'
import type { Store } from '../../../src/tiers/store/store.ts'
import { testDatabase, versions, type TestDatabase } from '../../support/postgres.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { waitUntil } from '../../support/wait.ts'
import { moveTools, recordOf, rowsOf, run, textsOf } from '../exchange-support.ts'
import { createEvents, hold, once } from '../move-support.ts'
import { s3Options } from '../store/store-support.ts'
import { events, filesBelow, first, openMover, type Mover } from './life-support.ts'

const [version] = versions
let database: TestDatabase
let db: Db
let folder: string
let work: string
let store: Store
let mover: Mover
let before: readonly string[]

beforeEach(async () => {
  if (version === undefined) throw new Error('No version is tested')
  database = await testDatabase(version)
  db = database.db
  await createEvents(db, events)
  before = await rowsOf(db, 'events')
  const base = await temporaryFolder()
  folder = join(base, 'store')
  work = join(base, 'work')
  store = openStore({ to: folder, s3: s3Options('http://none') })
  mover = openMover(db, { store, work })
  await mover.move('archive')
})
afterEach(() => database.close())

/** Does something once, when a file has come. */
function behindGet(of: Store, does: () => Promise<unknown>): Store {
  let isDone = false
  return {
    ...of,
    get: async (...asked) => {
      const facts = await of.get(...asked)
      if (isDone) return facts
      isDone = true
      await does()
      return facts
    },
  }
}

const check = (at: Store = store): Promise<CheckReport> =>
  checkArchives(db, { ...mover.archiving, storeAt: () => at }, { filter: {} })

async function fileOf(): Promise<string> {
  const found = (await filesBelow(folder)).find((path) => path.endsWith('.parquet'))
  if (found === undefined) throw new Error('There is no file')
  return join(folder, found)
}

async function newest(): Promise<ArchiveRecord> {
  const found = (await readArchives(db)).at(-1)
  if (found === undefined) throw new Error('There is no archive')
  return found
}

async function remove(id: bigint, changes: Partial<Removal> = {}, of: Store = store): Promise<void> {
  const from = ['verified', 'only copy', 'lost', 'superseded', 'removing'] as const
  await removeArchive(db, { store: of, id }, { from, onlyCopy: false, ...changes })
}

/** Somebody waits for a row, or came to an end without. */
async function untilWaiting(one: Promise<unknown>): Promise<void> {
  let isOver = false
  const end = (): void => void (isOver = true)
  void one.then(end, end)
  const isWaiting = async (): Promise<boolean> => {
    const waiting = await textsOf(
      db,
      `select pid::text as text from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return waiting.length > 0 || isOver
  }
  await waitUntil(isWaiting, { what: 'the other transaction is waited for' })
}

test('found damaged while the drop reads it once more: nothing is dropped', async () => {
  const path = await fileOf()
  const reading = behindGet(store, async () => {
    await rename(path, `${path}.away`)
    expect((await check()).faults).toHaveLength(1)
    await rename(`${path}.away`, path)
  })
  expect(await openMover(db, { store: reading, work }).move('drop')).toMatchObject({ state: 'archived' })
  expect(await rowsOf(db, 'events')).toEqual(before)
  expect((await readArchives(db)).map(({ state }) => state)).toEqual(['superseded', 'verified'])
})

test('found damaged when its partition was dropped meanwhile: it stays the only copy', async () => {
  const path = await fileOf()
  const reading: Store = {
    ...store,
    get: async (...asked) => {
      if ((await recordOf(db, events, first)).state === 'archived') {
        await mover.move('drop')
        await rename(path, `${path}.away`)
      }
      return await store.get(...asked)
    },
  }
  expect((await check(reading)).faults).toMatchObject([{ code: 'ARCHIVE_LOST' }])
  expect(await newest()).toMatchObject({
    state: 'only copy',
    checkFailure: expect.stringContaining('not there') as string,
  })
  await expect(remove((await newest()).id)).rejects.toMatchObject({ code: 'TIER_STATE' })
  await rename(`${path}.away`, path)
  expect((await check()).faults).toEqual([])
  expect(await newest()).toMatchObject({ state: 'only copy', checkFailure: null })
})

test('found whole again when it has ended meanwhile: it stays ended', async () => {
  const path = await fileOf()
  await rename(path, `${path}.away`)
  await check()
  expect(await newest()).toMatchObject({ state: 'lost' })
  await rename(`${path}.away`, path)
  const tools = moveTools(db, { archivingOf: () => mover.archiving })
  const reading = behindGet(store, () => abortPartition(tools, { table: events, partition: first }))
  expect((await check(reading)).faults).toEqual([])
  expect(await newest()).toMatchObject({ state: 'superseded' })
})

test('found whole by one who began before another found it damaged: it stays lost', async () => {
  const path = await fileOf()
  const reading = behindGet(store, async () => {
    await rename(path, `${path}.away`)
    await check()
    await rename(`${path}.away`, path)
  })
  expect((await check(reading)).faults).toEqual([])
  expect(await newest()).toMatchObject({ state: 'lost', checkFailure: expect.stringContaining('not there') as string })
  await check()
  expect(await newest()).toMatchObject({ state: 'verified', checkFailure: null })
})

test('no longer to be archived when the drop goes on: it stays, and a person says what becomes of it', async () => {
  const cold = { ...events, warm: undefined }
  const at = new Date(systemClock.now() + 30 * 86_400_000)
  const tools = moveTools(db, { archivingOf: () => mover.archiving, at })
  const killed = new Error('Killed')
  const { onCommit } = once('dropping', () => Promise.reject(killed))
  const { warnings } = await runMoves([cold], { ...tools, onCommit })
  expect(warnings).toHaveLength(1)
  expect(await recordOf(db, events, first)).toMatchObject({ state: 'dropping', requestBy: 'policy' })
  const withdrawn = { ...cold, cold: undefined }
  for (let times = 0; times < 2; times++) {
    await run(db, `update pgstrata.tier_partition set not_before = null`)
    await runMoves([withdrawn], tools)
    expect(await recordOf(db, events, first)).toMatchObject({ state: 'archived' })
  }
  expect(await rowsOf(db, 'events')).toEqual(before)
  expect(await mover.move('drop')).toMatchObject({ state: 'cold' })
})

test('forgotten while its partition is being dropped: it is the only copy, and is told so', async () => {
  const { id } = await newest()
  const dropping = await hold(
    database.url,
    'begin',
    `update pgstrata.archive set state = 'only copy' where id = ${id}`,
    `update pgstrata.tier_partition set state = 'cold', rest = 'cold' where archive = ${id}`,
  )
  const removing = remove(id)
  await untilWaiting(removing)
  await dropping.end('commit')
  await expect(removing).rejects.toMatchObject({
    code: 'TIER_STATE',
    message: expect.stringContaining('only copy') as string,
  })
  expect(await newest()).toMatchObject({ state: 'only copy' })
  expect(await filesBelow(folder)).toHaveLength(2)
})

test('forgotten while its partition is being restored: it is needed', async () => {
  await mover.move('drop')
  const { id } = await newest()
  const restoring = await hold(
    database.url,
    'begin',
    `update pgstrata.tier_partition set state = 'restore:fetching', request = 'restore', request_by = 'person' where archive = ${id}`,
  )
  const removing = remove(id, { onlyCopy: true })
  await untilWaiting(removing)
  await restoring.end('commit')
  await expect(removing).rejects.toMatchObject({ message: expect.stringContaining('restore:fetching') as string })
  expect(await filesBelow(folder)).toHaveLength(2)
  expect(await mover.move('restore')).toMatchObject({ state: 'hot' })
  expect(await rowsOf(db, 'events')).toEqual(before)
})

test.each(['restore:fetching', 'restore:loading', 'restore:attaching'])(
  'forgotten in state %s: it is needed, and the partition comes back',
  async (state) => {
    await mover.move('drop')
    const { id } = await newest()
    const refused: unknown[] = []
    const { onCommit } = once(state, async () => {
      refused.push(await remove(id, { onlyCopy: true }).catch((error: unknown) => error))
    })
    expect(await mover.move('restore', { onCommit })).toMatchObject({ state: 'hot' })
    expect(refused).toMatchObject([{ code: 'TIER_STATE' }])
    expect(await newest()).toMatchObject({ state: 'verified' })
    expect(await rowsOf(db, 'events')).toEqual(before)
  },
)

test('while its files go nobody relies on it, and what was killed in between is done again', async () => {
  await mover.move('drop')
  const { id } = await newest()
  await expect(remove(id)).rejects.toMatchObject({ message: expect.stringContaining('only copy') as string })
  const failing: Store = {
    ...store,
    remove: async () => {
      await expect(mover.move('restore')).rejects.toMatchObject({ code: 'TIER_STATE' })
      throw new Error('Killed')
    },
  }
  await expect(remove(id, { onlyCopy: true }, failing)).rejects.toThrow('Killed')
  expect(await newest()).toMatchObject({ state: 'removing' })
  expect(await check()).toMatchObject({ archives: 0, faults: [] })
  expect(await setArchiveState(db, id, { from: ['verified', 'only copy', 'lost'], to: 'verified' })).toBe(false)
  expect(await readNeedless(db)).toEqual([id])
  await remove(id)
  expect(await newest()).toMatchObject({ state: 'removed' })
  expect(await filesBelow(folder)).toEqual([])
  await expect(remove(id)).rejects.toMatchObject({ message: expect.stringContaining('removed') as string })
})

test('one that became something else since it was found needless is left alone', async () => {
  const { id } = await newest()
  await run(db, `update pgstrata.archive set state = 'superseded'`)
  expect(await readNeedless(db)).toEqual([id])
  await run(db, `update pgstrata.archive set state = 'verified'`)
  await expect(remove(id, { from: ['superseded'], onlyCopy: true })).rejects.toMatchObject({ code: 'TIER_STATE' })
  expect(await filesBelow(folder)).toHaveLength(2)
})
