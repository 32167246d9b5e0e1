import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { onlyRow } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { openScratch, startCluster } from '../../src/embedded/index.ts'
import { systemIdentifier } from '../../src/embedded/initdb.ts'
import { sql } from '../../src/sql/sql.ts'
import { versions } from '../support/postgres.ts'
import { aliveOf, childrenOf, processesWith } from '../support/processes.ts'

describe.each(versions)('a temporary cluster of PostgreSQL %i', (version) => {
  it('answers, and leaves no process and no folder', async () => {
    const cluster = await startCluster({ version, replicas: 1 })
    const pids = await processesWith(cluster.dataDir)
    const backends = await childrenOf(cluster.primary.pid)
    expect(pids).toEqual(expect.arrayContaining([cluster.primary.pid, cluster.replicas[0]?.pid]))
    expect(backends.length).toBeGreaterThan(0)
    expect(Number.parseInt(cluster.version, 10)).toBe(version)
    expect(cluster.reused).toBe(false)

    const db = openDb({ url: cluster.primary.url() })
    const { rows } = await db.query(
      sql`select current_user as who, inet_server_addr()::text as address, current_database() as place`,
    )
    expect(rows).toEqual([{ who: 'postgres', address: '127.0.0.1/32', place: 'postgres' }])
    await db.close()

    await cluster.stop()
    expect(await processesWith(cluster.dataDir)).toEqual([])
    expect(await aliveOf(backends)).toEqual([])
    expect(existsSync(cluster.dataDir)).toBe(false)
    await cluster.stop()
  })

  it('has the settings asked for, and logical decoding without asking', async () => {
    const scratch = await openScratch({
      version,
      preload: ['pg_stat_statements'],
      settings: { work_mem: '7MB', search_path: `"o'clock", public` },
    })
    try {
      const { rows } = await scratch.db.query(sql`
        select current_setting('work_mem') as memory, current_setting('search_path') as path,
          current_setting('wal_level') as wal, current_setting('shared_preload_libraries') as preloaded,
          current_setting('listen_addresses') as listens, current_database() as place`)
      expect(rows).toEqual([
        {
          memory: '7MB',
          path: `"o'clock", public`,
          wal: 'logical',
          preloaded: 'pg_stat_statements',
          listens: '127.0.0.1',
          place: 'scratch',
        },
      ])
      await scratch.db.query(sql`create extension pg_stat_statements`)
    } finally {
      await scratch.close()
    }
    expect(existsSync(scratch.cluster.dataDir)).toBe(false)
  })

  it('makes and drops databases, also as copies of one', async () => {
    const cluster = await startCluster({ version, database: 'a "first" one' })
    try {
      const first = openDb({ url: cluster.primary.url() })
      await first.query(sql`create table plays (id int); insert into plays values (7)`)
      await first.close()

      const url = await cluster.createDatabase('copy/1', { template: 'a "first" one' })
      const copy = openDb({ url })
      expect((await copy.query(sql`select id from plays`)).rows).toEqual([{ id: 7 }])
      await expect(cluster.createDatabase('copy/1')).rejects.toMatchObject({ code: 'EMBEDDED_FAILED' })
      await expect(cluster.createDatabase('another', { template: 'copy/1' })).rejects.toMatchObject({
        advice: 'Close the connections to the template first.',
      })
      await cluster.dropDatabase('copy/1')
      await copy.close()
      await cluster.dropDatabase('copy/1')
    } finally {
      await cluster.stop()
    }
  })

  it('goes on after its server was killed', async () => {
    const cluster = await startCluster({ version, durable: true })
    try {
      const db = openDb({ url: cluster.primary.url() })
      await db.query(sql`create table plays (id int); insert into plays values (1)`)
      const { port, pid } = cluster.primary
      const backends = await childrenOf(pid)
      await cluster.primary.kill()
      expect(cluster.primary).toMatchObject({ running: false, pid: 0, port })
      expect(await aliveOf([pid, ...backends])).toEqual([])

      await cluster.primary.start()
      expect(cluster.primary).toMatchObject({ running: true, port })
      expect(onlyRow(await db.query(sql`select count(*)::int as count from plays`))).toEqual({ count: 1 })
      await db.close()

      await cluster.primary.stop('immediate')
      await cluster.primary.stop()
      await cluster.primary.start()
      await cluster.primary.start()
      expect(cluster.primary.running).toBe(true)
    } finally {
      await cluster.stop()
    }
    expect(await processesWith(cluster.dataDir)).toEqual([])
  })

  it('leaves no shared memory when it was killed and then stopped', async () => {
    const cluster = await startCluster({ version })
    const lock = await readFile(join(cluster.primary.dataDir, 'postmaster.pid'), 'utf8')
    const segment = lock.split('\n')[6]?.trim().split(/\s+/)[1]
    expect(segment).toMatch(/^\d+$/)
    await cluster.primary.kill()
    await cluster.stop()
    expect(existsSync(cluster.dataDir)).toBe(false)
    if (process.platform !== 'linux') return
    const left = (await readFile('/proc/sysvipc/shm', 'utf8')).split('\n').map((line) => line.trim().split(/\s+/)[1])
    expect(left).not.toContain(segment)
  })
})

it('gives each cluster a system identifier of its own, and replicas that of their primary', async () => {
  const [one, other] = await Promise.all([startCluster({ replicas: 1 }), startCluster()])
  try {
    const [first, replica, second] = await Promise.all(
      [one.primary, one.replicas[0] ?? one.primary, other.primary].map(
        async ({ dataDir }) => await systemIdentifier(dataDir),
      ),
    )
    const db = openDb({ url: one.primary.url() })
    const asked = await db.query<{ id: string }>(sql`select system_identifier::text as id from pg_control_system()`)
    await db.close()
    expect(first).toBe(onlyRow(asked).id)
    expect(replica).toBe(first)
    expect(second).not.toBe(first)
  } finally {
    await Promise.all([one.stop(), other.stop()])
  }
})
