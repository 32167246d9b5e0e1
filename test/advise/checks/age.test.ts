// How old an index is, where the server keeps times of commits, and where all that is left of its transaction is that it ended long ago.

import { readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Finding, Limits } from '../../../src/advise/model.ts'
import type { Db } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { startCluster, type EmbeddedCluster } from '../../../src/embedded/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import { versions } from '../../support/postgres.ts'
import { about, ask, run, script } from './support.ts'

/** Some time has to be proven, however little. */
const limits: Limits = { warn: 0, critical: Infinity, least: 0, leastHours: 1e-9 }

describe.each(versions)('the age of an index on PostgreSQL %i', (version) => {
  let cluster: EmbeddedCluster
  let db: Db

  beforeAll(async () => {
    cluster = await startCluster({
      version,
      inMemory: true,
      settings: { track_commit_timestamp: 'on', autovacuum: 'off', checkpoint_timeout: '1h', max_wal_size: '8GB' },
    })
    db = openDb({ url: cluster.primary.url(), max: 2 })
    await script(
      db,
      `create table aged (a int); insert into aged values (1); analyze aged; create index aged_a on aged (a);`,
    )
  })
  afterAll(async () => {
    await db.close()
    await cluster.stop()
  })

  const own = async (): Promise<Finding> => about(await ask(db, 'unused-index', { limits }), 'index public.aged_a')

  test('when its transaction committed is when it was made', async () => {
    const found = await own()
    expect(found.fix).toEqual(['drop index concurrently "public"."aged_a"'])
    const { rows } = await db.query<{ days: number }>(sql`
      select (extract(epoch from clock_timestamp() - pg_xact_commit_timestamp(xmin)) / 86400)::float8 as days
      from pg_class
      where relname = 'aged_a'`)
    expect(found.evidence['days']).toBeGreaterThan(0)
    expect(found.evidence['days']).toBeLessThanOrEqual(rows[0]?.days ?? 0)
  })

  test('what was frozen is older than the oldest file of transactions', async () => {
    // A file holds a million of them.
    await db.query(sql`create unlogged table burnt ()`)
    await db.query(
      sql`do $$ begin for n in 1..1100000 loop begin insert into burnt default values; exception when division_by_zero then null; end; end loop; end $$`,
    )
    await db.query(sql`alter database template0 allow_connections true`)
    for (const name of ['template0', 'template1', 'postgres']) {
      const one = openDb({ url: cluster.primary.url(name), max: 1 })
      await run(one, ['set vacuum_freeze_min_age = 0', 'set vacuum_freeze_table_age = 0', 'vacuum (freeze)'])
      await one.close()
    }
    // Its own time is gone with the rest.
    const { rows } = await db.query(
      sql`select from pg_class where relname = 'aged_a' and pg_xact_commit_timestamp(xmin) is null`,
    )
    expect(rows).toHaveLength(1)
    await db.query(sql`checkpoint`)
    const folder = join(cluster.primary.dataDir, 'pg_xact')
    expect((await readdir(folder)).toSorted()).toEqual(['0001'])
    expect(await own()).toMatchObject({ fix: ['drop index concurrently "public"."aged_a"'] })
    // Were that file written only now, nothing would have been proven for long.
    const soon = new Date(Date.now() + 3_600_000)
    await utimes(join(folder, '0001'), soon, soon)
    expect(await own()).toMatchObject({ fix: [] })
  })
})
