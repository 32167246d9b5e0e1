// The server's disk fills up in the middle of a migration: one clear error, nothing half-done, and when there is space
// again the next run goes on. (The large table is unlogged: WAL that finds no space takes the whole server down, which is
// another test, test/embedded/small-disk.test.ts.)

import { rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDb } from '../../src/db/pg-db.ts'
import { onlyRow } from '../../src/db/db.ts'
import { startCluster } from '../../src/embedded/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { openMigrations } from '../support/migrations.ts'
import { openSmallDisk } from '../support/small-disk.ts'

test('a full disk', { timeout: 180_000 }, async (context) => {
  const disk = await openSmallDisk(220)
  if (disk === undefined) return context.skip('no small disk can be mounted here')
  try {
    const cluster = await startCluster({
      dataDir: join(disk.folder, 'data'),
      durable: false,
      settings: { max_wal_size: '32MB', min_wal_size: '32MB', wal_level: 'replica' },
    })
    const db = openDb({ url: cluster.primary.url() })
    const folder = await openMigrations(db, {
      '0001_small.sql': 'create table small (id int);\ncreate index concurrently small_idx on small (id);\n',
      '0002_large.sql': `create unlogged table large (id int, text text);\ninsert into large select g, repeat('x', 1000) from generate_series(1, 60000) as g;\ncreate index concurrently large_idx on large (id);\n`,
    })
    const ballast = join(disk.folder, 'ballast')
    const { bavail, bsize } = await statfs(disk.folder)
    await writeFile(ballast, Buffer.alloc(bavail * bsize - 30 * 1024 ** 2))
    await expect(folder.migrate.up()).rejects.toMatchObject({
      code: 'DATABASE_FULL',
      exitCode: 4,
      message: expect.stringContaining('0002_large.sql:2'),
    })
    expect((await folder.migrate.status()).map((status) => status.state)).toEqual(['applied', 'pending'])
    await rm(ballast)
    expect((await folder.migrate.up()).ran.map((item) => item.name)).toEqual(['0002_large'])
    expect(onlyRow(await db.query(sql`select count(*)::int as count from large`))).toEqual({ count: 60_000 })
    await folder.close()
    await db.close()
    await cluster.stop()
  } finally {
    await disk.close()
  }
})
