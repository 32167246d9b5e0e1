// A partition goes to the archive and comes back: nothing of it is gone before its files were proven, whatever is written meanwhile.

import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../../src/db/db.ts'
import { readArchives } from '../../../src/tiers/archive/catalog.ts'
import { loadManifest } from '../../../src/tiers/archive/manifest-file.ts'
import { openStore } from '../../../src/tiers/store/open.ts'
import { testDatabase, versions, type TestDatabase } from '../../support/postgres.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { recordOf, rowsOf, run, textsOf } from '../exchange-support.ts'
import { createEvents, once, partitionOf } from '../move-support.ts'
import { s3Options } from '../store/store-support.ts'
import { events, filesBelow, first, movesOf, openMover, type Mover } from './life-support.ts'

const inserted = `insert into events values (1, '2026-01-01 12:30Z', 1, 1.5, 'late')`
const exported = ['archive:exporting', 'archive:uploading', 'archive:verifying', 'archived'] as const

describe.each(versions)('a partition that is archived, on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  let mover: Mover
  let folder: string
  let work: string

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await createEvents(db, events)
    const base = await temporaryFolder()
    folder = join(base, 'store')
    work = join(base, 'work')
    mover = openMover(db, { store: openStore({ to: folder, s3: s3Options('http://none') }), work })
  })
  afterEach(() => database.close())

  const statesOf = async (): Promise<readonly string[]> => (await readArchives(db)).map(({ state }) => state)

  test('stays where it is until its grace is over, goes, and comes back', async () => {
    const before = await rowsOf(db, 'events')
    const of = before.length / 6
    const { seen, onCommit } = once('', async () => {})
    const archived = await mover.move('archive', { onCommit })
    expect(archived).toMatchObject({ state: 'archived', rest: 'hot', failure: null })
    expect(seen).toEqual(['archive:guarding', ...exported])
    expect(await rowsOf(db, 'events_history')).toEqual(before)
    expect(await statesOf()).toEqual(['verified'])
    const [file = '', letter = '', ...more] = await filesBelow(folder)
    expect(file).toMatch(
      new RegExp(`^public\\.events/year=2026/month=01/day=01/${String(archived.archive)}-[0-9a-f]{10}-0001\\.parquet$`),
    )
    expect(letter).toMatch(new RegExp(`/_manifest-${String(archived.archive)}-[0-9a-f]{10}\\.json$`))
    expect(more).toEqual([])
    expect(await filesBelow(work)).toEqual([])
    const manifest = await loadManifest(join(folder, letter), letter)
    expect(manifest).toMatchObject({ partition: first, axis: 'at', table: { schema: 'public', table: 'events' } })
    expect(manifest.content).toEqual(archived.content)
    expect(manifest.files[0]).toMatchObject({
      rows: of,
      least: '2026-01-01 00:01:00+00',
      most: '2026-01-01 03:20:00+00',
    })
    expect(manifest.files[0]?.columns['note']).toEqual({ count: of, nulls: 0, min: null, max: null, exceptions: 0 })

    // By folders, as engines read them that know nothing of manifests.
    const instance = await DuckDBInstance.create(':memory:')
    const connection = await instance.connect()
    const files = `read_parquet('${folder}/**/*.parquet', hive_partitioning = true)`
    const read = await connection.runAndReadAll(
      `select year, month, day, count(*), sum(amount) from ${files} group by all`,
    )
    expect(read.getRowsJson()).toEqual([['2026', '01', '01', '200', '5025.00']])
    connection.closeSync()
    instance.closeSync()

    expect(await mover.move('drop')).toMatchObject({ state: 'cold', oid: null })
    expect(await statesOf()).toEqual(['only copy'])
    expect(await textsOf(db, `select 1::text as text where to_regclass('${first}') is not null`)).toEqual([])
    expect(await rowsOf(db, 'events')).toHaveLength(before.length - of)
    expect(
      await textsOf(db, `select month_year || ' ' || record_count as text from pgstrata.archive_metadata`),
    ).toEqual([`2026-01 ${of}`])

    expect(await mover.move('restore')).toMatchObject({ state: 'hot', held: true, archive: null })
    expect(await rowsOf(db, 'events')).toEqual(before)
    expect(await statesOf()).toEqual(['verified'])
    expect(await filesBelow(work)).toEqual([])
    expect(await mover.move('archive')).toMatchObject({ state: 'archived' })
    expect(await statesOf()).toEqual(['superseded', 'verified'])
  })

  test('a packed one, with rows that were changed and that came late', async () => {
    await mover.move('pack')
    await run(
      db,
      inserted,
      `update events_history set note = 'changed' where id = 100007`,
      `delete from events_history where id = 100008`,
    )
    const before = await rowsOf(db, 'events_history')
    expect(await mover.move('archive')).toMatchObject({ state: 'archived', rest: 'packed' })
    expect(await rowsOf(db, 'events_history')).toEqual(before)
    expect(await mover.move('drop')).toMatchObject({ state: 'cold', pack: null })
    expect(await rowsOf(db, 'events_history')).toHaveLength(before.length - 200)
    expect(
      await textsOf(
        db,
        `select relname::text as text from pg_class where relname ~ '^(pack_|late_|tier_._loose_)' and relkind in ('r', 'v', 'p')`,
      ),
    ).toEqual([])
    expect(await mover.move('restore')).toMatchObject({ state: 'hot' })
    expect(await rowsOf(db, 'events')).toEqual(before)
    expect(await rowsOf(db, 'events_history')).toEqual(before)
  })

  test.each([...exported, 'dropping'] as const)(
    'written to when the state is %s: it is archived again, and nothing is lost',
    async (state) => {
      const { seen, onCommit } = once(state, () => run(db, inserted))
      expect(await mover.move('archive', { onCommit })).toMatchObject({ state: 'archived' })
      const after = await mover.move('drop', { onCommit })
      // What came before the snapshot is in it.
      const isSeen = state === 'archive:exporting'
      expect(after.state).toBe(isSeen ? 'cold' : 'archived')
      expect(seen.filter((one) => one === 'archive:exporting')).toHaveLength(isSeen ? 1 : 2)
      expect(await statesOf()).toEqual(isSeen ? ['only copy'] : ['superseded', 'verified'])
      const before = isSeen ? undefined : await rowsOf(db, 'events')
      if (!isSeen) expect(await mover.move('drop')).toMatchObject({ state: 'cold' })
      expect(await rowsOf(db, 'events')).toHaveLength(1_000)
      await mover.move('restore')
      expect(await rowsOf(db, 'events')).toHaveLength(1_201)
      if (before !== undefined) expect(await rowsOf(db, 'events')).toEqual(before)
    },
  )

  test('given up during its grace, it is as it was', async () => {
    const { abortPartition } = await import('../../../src/tiers/move/movers.ts')
    const { moveTools } = await import('../exchange-support.ts')
    const before = await rowsOf(db, 'events')
    await mover.move('archive')
    const tools = moveTools(db, { archivingOf: () => mover.archiving })
    expect(await abortPartition(tools, { table: events, partition: first })).toMatchObject({
      state: 'hot',
      archive: null,
    })
    expect(await statesOf()).toEqual(['superseded'])
    expect(await rowsOf(db, 'events')).toEqual(before)
    expect(
      await textsOf(db, `select tgname::text as text from pg_trigger where tgname like 'pgstrata_guard%'`),
    ).toEqual([])
  })

  test('is not put where a store is no more that was mounted there', async () => {
    await mover.move('archive')
    const before = await rowsOf(db, 'events')
    const kept = await filesBelow(folder)
    await rename(folder, `${folder}-elsewhere`)
    const move = movesOf(db, { store: folder, work })
    // Nor is another one made instead of what is not found.
    await expect(mover.move('drop')).rejects.toMatchObject({ code: 'ARCHIVE_UNREACHABLE' })
    for (const isMountPoint of [false, true]) {
      if (isMountPoint) await mkdir(folder)
      await expect(move(partitionOf(2), 'archive')).rejects.toMatchObject({
        code: 'ARCHIVE_UNREACHABLE',
        advice: expect.stringContaining('mounted') as string,
      })
      expect(await filesBelow(folder)).toEqual([])
    }
    expect(await rowsOf(db, 'events')).toEqual(before)
    await rm(folder, { recursive: true })
    await rename(`${folder}-elsewhere`, folder)
    expect(await move(partitionOf(2), 'archive')).toMatchObject({ state: 'archived', failure: null })
    expect(await filesBelow(folder)).toHaveLength(kept.length * 2)
    expect(await mover.move('drop')).toMatchObject({ state: 'archived', failure: null })
    expect(await mover.move('drop')).toMatchObject({ state: 'cold' })
  })

  test('one without rows has no file, and comes back', async () => {
    await run(db, `delete from ${first}`)
    await mover.move('archive')
    expect(await mover.move('drop')).toMatchObject({ state: 'cold' })
    await mover.move('restore')
    expect((await recordOf(db, events, first)).state).toBe('hot')
    expect(await rowsOf(db, first)).toEqual([])
  })
})
