// Archives and restores that are given up, or have to wait: what is left of them, and who is let through first.

import { mkdir, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../../src/db/db.ts'
import { readArchives } from '../../../src/tiers/archive/catalog.ts'
import { abortPartition, runMoves } from '../../../src/tiers/move/movers.ts'
import { openStore } from '../../../src/tiers/store/open.ts'
import { testDatabase, versions, type TestDatabase } from '../../support/postgres.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { moveTools, recordOf, rowsOf, run, textsOf } from '../exchange-support.ts'
import { createEvents, hold, once } from '../move-support.ts'
import { s3Options } from '../store/store-support.ts'
import { events, filesBelow, first, openMover, type Mover } from './life-support.ts'

const quick = { firstTimeoutMs: 50, lastTimeoutMs: 100, tries: 2, concurrentTimeoutMs: 500 }

describe.each(versions)('a partition on its way to the archive, or back, on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  let mover: Mover
  let work: string

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await createEvents(db, events)
    const base = await temporaryFolder()
    work = join(base, 'work')
    mover = openMover(db, { store: openStore({ to: join(base, 'store'), s3: s3Options('http://none') }), work })
  })
  afterEach(() => database.close())

  const statesOf = async (): Promise<readonly string[]> => (await readArchives(db)).map(({ state }) => state).toSorted()
  const abort = (): ReturnType<typeof abortPartition> =>
    abortPartition(moveTools(db, { archivingOf: () => mover.archiving }), { table: events, partition: first })
  const stopAt = (state: string): ReturnType<typeof once> =>
    once(state, async () => Promise.reject(new Error('stopped')))

  test('a drop that was killed goes on when a person asks for it again, or is taken back', async () => {
    const before = await rowsOf(db, 'events')
    await mover.move('archive')
    await expect(mover.move('drop', { onCommit: stopAt('dropping').onCommit })).rejects.toThrow('stopped')
    expect(await recordOf(db, events, first)).toMatchObject({ state: 'dropping' })
    // Also where nothing is declared of archives any more.
    await abortPartition(moveTools(db), { table: { ...events, cold: undefined }, partition: first })
    expect(await recordOf(db, events, first)).toMatchObject({ state: 'hot', archive: null })
    expect(await statesOf()).toEqual(['superseded'])
    expect(await textsOf(db, `select tgname as text from pg_trigger where tgname like 'pgstrata_guard%'`)).toEqual([])
    expect(await rowsOf(db, 'events')).toEqual(before)
    await mover.move('archive')
    await expect(mover.move('drop', { onCommit: stopAt('dropping').onCommit })).rejects.toThrow('stopped')
    expect(await mover.move('drop')).toMatchObject({ state: 'cold' })
  })

  test('nothing that it began is kept as if it went on', async () => {
    let tries = 0
    const onCommit = async (state: string): Promise<void> => {
      if (state !== 'archive:uploading') return
      tries += 1
      if (tries === 2) throw new Error('stopped')
      await rm(work, { recursive: true })
    }
    await expect(mover.move('archive', { onCommit })).rejects.toThrow('stopped')
    expect(await statesOf()).toEqual(['exporting', 'exporting'])
    expect(await abort()).toMatchObject({ state: 'hot' })
    expect(await statesOf()).toEqual(['superseded', 'superseded'])
    expect(await filesBelow(work)).toEqual([])
  })

  test('folders of processes that were killed are removed when they are old', async () => {
    const { id } = await mover.move('archive')
    const left = [`archive-${id}-1`, `restore-${id}`, 'restore-4000', `archive-${id}-2`]
    for (const name of left) {
      await mkdir(join(work, name), { recursive: true })
      await writeFile(join(work, name, '1.parquet'), '')
      if (name === `archive-${id}-2`) continue
      const old = new Date(Date.now() - 48 * 3_600_000)
      await utimes(join(work, name, '1.parquet'), old, old)
      await utimes(join(work, name), old, old)
    }
    await runMoves([events], moveTools(db, { archivingOf: () => mover.archiving, at: new Date('2026-01-01T00:00Z') }))
    // One is young, and one is another table's.
    expect(await filesBelow(work)).toEqual([`archive-${id}-2/1.parquet`, 'restore-4000/1.parquet'])
  })

  test('who reads what is in the table and what is archived is waited for, before it is attached', async () => {
    const before = await rowsOf(db, 'events')
    await mover.move('archive')
    await mover.move('drop')
    const reader = await hold(
      database.url,
      'begin isolation level repeatable read',
      'lock table events_history in access share mode',
    )
    const restoring = mover.move('restore', { ladder: quick })
    await expect(restoring).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' })
    expect(await recordOf(db, events, first)).toMatchObject({ state: 'restore:attaching' })
    expect(await rowsOf(db, 'events')).toHaveLength(1_000)
    await reader.end('commit')
    expect(await mover.move('restore')).toMatchObject({ state: 'hot' })
    expect(await rowsOf(db, 'events')).toEqual(before)
  })

  test('rows of the default partition are not moved where a publication would tell that they are gone', async () => {
    await mover.move('archive')
    await mover.move('drop')
    await run(
      db,
      'create table events_rest partition of events default',
      `insert into events values (1, '2026-01-01 12:30Z', 1, 1.5, 'late')`,
      'create publication others for table events with (publish_via_partition_root = true)',
    )
    await expect(mover.move('restore')).rejects.toMatchObject({ code: 'TIER_REFUSED', message: /"others"/ })
    expect(await recordOf(db, events, first)).toMatchObject({ state: 'restore:attaching' })
    expect(await rowsOf(db, 'events_rest')).toHaveLength(1)
    await run(db, 'drop publication others')
    expect(await mover.move('restore')).toMatchObject({ state: 'hot' })
    expect(await rowsOf(db, 'events')).toHaveLength(1_201)
    expect(await rowsOf(db, 'events_rest')).toEqual([])
  })
})
