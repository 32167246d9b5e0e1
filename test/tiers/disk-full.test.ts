// The server's disk fills up while a partition is packed: one clear error, every row can be read as before, nothing of the pack is
// left; and when there is space again the move goes on.

import { rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDb } from '../../src/db/pg-db.ts'
import { startCluster } from '../../src/embedded/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { movePartition, runMoves } from '../../src/tiers/move/movers.ts'
import { openSmallDisk } from '../support/small-disk.ts'
import { moveTools, recordOf, rowsOf, textsOf } from './exchange-support.ts'
import { createEvents, once, partitionOf, sumOf, tieredEvents } from './move-support.ts'

test('a full disk while a partition is packed', { timeout: 180_000 }, async (context) => {
  const disk = await openSmallDisk(400)
  if (disk === undefined) return context.skip('no small disk can be mounted here')
  const first = partitionOf(1)
  try {
    const cluster = await startCluster({
      dataDir: join(disk.folder, 'data'),
      durable: false,
      settings: { max_wal_size: '96MB', min_wal_size: '96MB', wal_level: 'minimal', max_wal_senders: '0' },
    })
    const db = openDb({ url: cluster.primary.url() })
    const events = tieredEvents()
    await createEvents(db, events, 1_000)
    // Of one size with what is packed of it, or less: random text is not compressed.
    await db.query(sql`
      insert into events
      select 700000 + g, timestamptz '2026-01-01 00:00Z' + g * interval '1 second', g % 3, 1,
        (select string_agg(md5(g::text || i), '') from generate_series(1, 12) as i)
      from generate_series(1, 40000) as g`)
    const before = await sumOf(db)
    // Recycled segments of WAL are there already: what grows is the pack.
    for (let round = 0; round < 6; round++) await db.query(sql`checkpoint`)
    const ballast = join(disk.folder, 'ballast')
    const { seen, onCommit } = once('pack:building', async () => {
      const { bavail, bsize } = await statfs(disk.folder)
      await writeFile(ballast, Buffer.alloc(bavail * bsize - 4 * 1024 ** 2))
    })
    const failing = movePartition(moveTools(db, { onCommit }), { table: events, partition: first, move: 'pack' })
    await expect(failing).rejects.toMatchObject({ code: 'DATABASE_FULL', exitCode: 4 })
    expect(seen).toEqual(['pack:guarding', 'pack:building'])
    expect(await sumOf(db)).toBe(before)
    expect(await recordOf(db, events, first)).toMatchObject({ state: 'pack:building', failures: 1, nextPack: null })
    expect(await textsOf(db, `select relname as text from pg_class where relname like 'pack_%'`)).toEqual([])
    // It rests for an hour: a job leaves it alone.
    expect(await runMoves([events], moveTools(db, { at: new Date('2026-01-01T00:00Z') }))).toMatchObject({
      moved: [],
      warnings: [],
    })
    await rm(ballast)
    const moved = await movePartition(moveTools(db), { table: events, partition: first, move: 'pack' })
    expect(moved).toMatchObject({ state: 'packed', failure: null, failures: 0 })
    expect(await sumOf(db)).toBe(before)
    expect(await rowsOf(db, first)).toEqual([])
    await db.close()
    await cluster.stop()
  } finally {
    await disk.close()
  }
})
