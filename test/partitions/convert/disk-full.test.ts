// The server's disk fills up while rows are copied: one clear error, the table is untouched, and when there is space again the
// conversion goes on. (WAL that finds no space takes the whole server down, which is another test: so the table is small
// beside its ballast, and checkpoints are frequent.)

import { rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDb } from '../../../src/db/pg-db.ts'
import { startCluster } from '../../../src/embedded/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import { openSmallDisk } from '../../support/small-disk.ts'
import { byHash, contentOf, createPlays, declare, openConversion } from './support.ts'

test('a full disk while copying', { timeout: 180_000 }, async (context) => {
  const disk = await openSmallDisk(400)
  if (disk === undefined) return context.skip('no small disk can be mounted here')
  try {
    const cluster = await startCluster({
      dataDir: join(disk.folder, 'data'),
      durable: false,
      settings: { max_wal_size: '96MB', min_wal_size: '96MB', wal_level: 'minimal', max_wal_senders: '0' },
    })
    const db = openDb({ url: cluster.primary.url() })
    await createPlays(db, 'plays', 60_000)
    const before = await contentOf(db, 'plays')
    // Recycled segments of WAL are there already: what grows is the copy.
    for (let round = 0; round < 6; round++) await db.query(sql`checkpoint`)
    const ballast = join(disk.folder, 'ballast')
    const conversion = openConversion(db)
    const declared = declare('plays', byHash)
    let filled = false
    const failing = conversion.convert(declared, {
      full: true,
      onEvent: async (event) => {
        if (filled || event.type !== 'progress' || event.state !== 'copying') return
        filled = true
        const { bavail, bsize } = await statfs(disk.folder)
        await writeFile(ballast, Buffer.alloc(bavail * bsize - 1024 ** 2))
      },
    })
    await expect(failing).rejects.toMatchObject({ code: 'DATABASE_FULL', exitCode: 4 })
    expect(await conversion.status(declared)).toMatchObject({ state: 'copying', finishedAt: null })
    expect(await contentOf(db, 'plays')).toEqual(before)
    await rm(ballast)
    expect(await conversion.resume(declared)).toMatchObject({ ending: 'done', record: { rowsCopied: 60_000 } })
    expect(await contentOf(db, 'plays')).toEqual(before)
    await db.close()
    await cluster.stop()
  } finally {
    await disk.close()
  }
})
