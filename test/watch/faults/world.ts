// Servers of their own to put faults into, with what the faults are about, and the daemon that watches them.

import type pg from 'pg'
import { openDb } from '../../../src/db/pg-db.ts'
import type { Db } from '../../../src/db/db.ts'
import { startCluster, type EmbeddedCluster } from '../../../src/embedded/index.ts'
import type { Strata } from '../../../src/strata.ts'
import type { TestedMajor } from '../../support/versions.ts'
import { run } from '../support.ts'
import { config, sizes } from './list.ts'
import { connect, isUsual, open } from './support.ts'

export interface World {
  readonly cluster: EmbeddedCluster
  readonly url: string
  readonly db: Db
  readonly daemon: Strata
  /** Ended with the world. */
  readonly opened: (() => Promise<unknown>)[]
}

const rowCount = 600_000

export async function openWorld(version: TestedMajor): Promise<World> {
  const cluster = await startCluster({
    version,
    replicas: 1,
    inMemory: true,
    preload: ['pg_stat_statements'],
    settings: {
      autovacuum: 'off',
      max_connections: String(sizes.connections),
      ...(isUsual ? { shared_buffers: '8MB' } : {}),
      deadlock_timeout: '100ms',
      max_slot_wal_keep_size: '128MB',
      archive_mode: 'on',
      archive_command: 'true',
    },
  })
  const url = await cluster.createDatabase('faults')
  const db = openDb({ url })
  await run(
    db,
    'create extension pg_stat_statements',
    `create table plays (id int, song_id int, filler int)`,
    `insert into plays select g, g % 50000, g from generate_series(1, ${rowCount}) g`,
    'create index plays_song_idx on plays (song_id)',
    ...(isUsual ? ['create index plays_id_idx on plays (id)'] : []),
    `create table rewritten as select g as id, repeat('x', 900) as filler from generate_series(1, 10000) g`,
    'create table fought_over as select g as id from generate_series(1, 3) g',
    'create sequence few_numbers maxvalue 100',
    'create sequence fewer_numbers maxvalue 100',
    'vacuum analyze',
    // A slot keeps what was written since.
    'checkpoint',
  )
  // A statement that is slow and run often, for whoever asks what index would serve it.
  const slow = Array.from(
    { length: 25 },
    (_, song) => `select count(*), min(id), pg_sleep(0.025) from plays where song_id = ${song}`,
  )
  await Promise.all([1, 2, 3, 4].map(() => once(url, ...slow)))
  const daemon = open(url, { ...config, database: { replicas: [{ url: cluster.replicas[0]?.url('faults') }] } })
  await daemon.apply()
  await daemon.jobs.runNow('broken').catch(() => undefined)
  return { cluster, url, db, daemon, opened: [] }
}

export async function closeWorld({ cluster, db, daemon, opened }: World): Promise<void> {
  await Promise.allSettled(opened.map((close) => close()))
  await daemon.close()
  await db.close({ now: true })
  await cluster.stop()
}

/** A session that stays. */
export async function openSession({ url, opened }: World, ...statements: readonly string[]): Promise<pg.Client> {
  const client = await connect(url, ...statements)
  opened.push(() => client.end())
  return client
}

/** Statistics of a session are told when it ends. */
export async function once(url: string, ...statements: readonly string[]): Promise<void> {
  const client = await connect(url, ...statements)
  await client.end()
}
