import { expect, it, onTestFinished } from 'vitest'
import { openDb } from '../../src/db/pg-db.ts'
import { startCluster } from '../../src/embedded/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { openSmallDisk } from '../support/small-disk.ts'

it('a server whose disk is full says so, and goes on when there is room again', async (context) => {
  const disk = await openSmallDisk(160)
  if (disk === undefined) return context.skip('no small disk can be mounted here')
  onTestFinished(() => disk.close())
  const cluster = await startCluster({
    dataDir: `${disk.folder}/data`,
    durable: false,
    settings: { max_wal_size: '48MB' },
  })
  const db = openDb({ url: cluster.primary.url() })
  try {
    await db.query(sql`create unlogged table plays (filler text); alter table plays alter filler set storage plain`)
    const fill = db.query(sql`insert into plays select repeat('x', 7000) from generate_series(1, 50000)`)
    await expect(fill).rejects.toMatchObject({ code: '53100' })
    // Not truncate, which makes the new file before it lets go of the old one.
    await db.query(sql`drop table plays`)
    await db.query(sql`create table plays (filler text)`)
    await db.query(sql`insert into plays values ('there is room')`)
    expect((await db.query(sql`select filler from plays`)).rows).toEqual([{ filler: 'there is room' }])
  } finally {
    await db.close()
    await cluster.stop()
  }
})
