import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { onlyRow } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { findBinaries } from '../../src/embedded/binaries.ts'
import { findRunUser } from '../../src/embedded/host.ts'
import { startCluster, type ClusterOptions, type EmbeddedCluster } from '../../src/embedded/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { versions } from '../support/postgres.ts'
import { processesWith } from '../support/processes.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** Starts, works, stops. */
async function during<T>(options: ClusterOptions, work: (cluster: EmbeddedCluster) => Promise<T>): Promise<T> {
  const cluster = await startCluster({ durable: false, ...options })
  try {
    return await work(cluster)
  } finally {
    await cluster.stop()
  }
}

async function ask(url: string, text: string): Promise<readonly object[]> {
  const db = openDb({ url, max: 1 })
  try {
    return (await db.query(sql.raw(text))).rows
  } finally {
    await db.close()
  }
}

describe.each(versions)('kept data of PostgreSQL %i', (version) => {
  it('is there at the next start, with its replica', async () => {
    const dataDir = join(await temporaryFolder(), 'not there yet')
    const options = { version, dataDir, replicas: 1, database: 'shop', durable: true } as const
    const copied = await during(options, async (cluster) => {
      expect(cluster).toMatchObject({ reused: false, dataDir })
      await ask(cluster.primary.url(), 'create table plays (id int); insert into plays values (7)')
      await cluster.replicas[0]?.waitFor()
      return (await stat(join(dataDir, 'replica-1'))).ino
    })
    expect(await processesWith(dataDir)).toEqual([])
    await during(options, async (cluster) => {
      expect(cluster.reused).toBe(true)
      expect(await ask(cluster.primary.url(), 'select id from plays')).toEqual([{ id: 7 }])
      await ask(cluster.primary.url(), 'insert into plays values (8)')
      await cluster.replicas[0]?.waitFor()
      expect(await ask(cluster.replicas[0]?.url() ?? '', 'select id from plays order by id')).toEqual([
        { id: 7 },
        { id: 8 },
      ])
      expect((await stat(join(dataDir, 'replica-1'))).ino).toBe(copied)
    })
  })

  it('gets a new replica where the old one cannot go on', async () => {
    const folder = await temporaryFolder()
    const options = { version, dataDir: join(folder, 'one'), replicas: 1 }
    const streams = async (cluster: EmbeddedCluster): Promise<void> => {
      await ask(cluster.primary.url(), 'create table if not exists plays (id int)')
      await cluster.replicas[0]?.waitFor()
      expect(await ask(cluster.replicas[0]?.url() ?? '', 'select pg_is_in_recovery() as follows')).toEqual([
        { follows: true },
      ])
    }
    // Promoted in an earlier run.
    await during(options, async (cluster) => await cluster.replicas[0]?.promote())
    await during(options, streams)
    // Of another cluster.
    await rm(join(folder, 'one', 'primary'), { recursive: true })
    await during(options, streams)
    // Fallen behind: its slot and the WAL are gone.
    await during({ ...options, replicas: 0 }, async (cluster) => {
      expect(existsSync(join(folder, 'one', 'replica-1'))).toBe(false)
      expect(await ask(cluster.primary.url(), 'select slot_name from pg_replication_slots')).toEqual([])
    })
    await during(options, streams)
  })
})

it('refuses data of another major version', async () => {
  const dataDir = await temporaryFolder()
  await during({ dataDir }, async () => {})
  await writeFile(join(dataDir, 'primary', 'PG_VERSION'), '17\n')
  await expect(startCluster({ dataDir })).rejects.toMatchObject({
    code: 'EMBEDDED_FAILED',
    advice: expect.stringContaining('Ask for version 17'),
  })
  await writeFile(join(dataDir, 'primary', 'PG_VERSION'), '18\n')
  await during({ dataDir }, async (cluster) => expect(cluster.reused).toBe(true))
})

it('refuses a folder with files of somebody else, and leaves them alone', async () => {
  const dataDir = await temporaryFolder()
  await writeFile(join(dataDir, 'thesis.tex'), 'my only copy')
  await expect(startCluster({ dataDir })).rejects.toMatchObject({ code: 'VALUE_INVALID' })
  expect(await readdir(dataDir)).toEqual(['thesis.tex'])
  expect(await readFile(join(dataDir, 'thesis.tex'), 'utf8')).toBe('my only copy')
})

it('refuses a second live cluster in the folder, and harms neither', async () => {
  const dataDir = await temporaryFolder()
  await during({ dataDir }, async (cluster) => {
    const outcomes = await Promise.allSettled([startCluster({ dataDir }), startCluster({ dataDir })])
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'EMBEDDED_FAILED', details: { pid: process.pid } },
      })
    }
    expect(await ask(cluster.primary.url(), 'select 1 as one')).toEqual([{ one: 1 }])
  })
})

it('lets one of several that start at once have the folder', async () => {
  const dataDir = await temporaryFolder()
  const outcomes = await Promise.allSettled([1, 2, 3].map(async () => await startCluster({ dataDir, durable: false })))
  const started = outcomes.filter((outcome) => outcome.status === 'fulfilled')
  expect(started.length).toBe(1)
  await started[0]?.value.stop()
})

it('begins anew where an earlier start was killed while it made the data', async () => {
  const dataDir = await temporaryFolder()
  await during({ dataDir }, async () => {})
  await rm(join(dataDir, 'primary'), { recursive: true })
  await mkdir(join(dataDir, 'primary.draft'))
  await writeFile(join(dataDir, 'primary.draft', 'PG_VERSION'), '18\n')
  await during({ dataDir }, async (cluster) => expect(cluster.reused).toBe(false))
})

it('flushes commits of kept data to disk, unless told otherwise', async () => {
  const dataDir = await temporaryFolder()
  const durability = 'select current_setting($$fsync$$) as fsync, current_setting($$full_page_writes$$) as pages'
  await during({ dataDir, durable: true }, async (cluster) =>
    expect(await ask(cluster.primary.url(), durability)).toEqual([{ fsync: 'on', pages: 'on' }]),
  )
  await during({ dataDir, durable: false }, async (cluster) =>
    expect(await ask(cluster.primary.url(), durability)).toEqual([{ fsync: 'off', pages: 'off' }]),
  )
})

it('flushes what was written without fsync before a durable start, once', async () => {
  const folder = await temporaryFolder()
  const dataDir = join(folder, 'data')
  const { binDir, calls } = await noteInitdb(folder)
  await during(
    { binDir, dataDir, durable: false },
    async ({ primary }) => await ask(primary.url(), 'create table plays (id int)'),
  )
  await during({ binDir, dataDir, durable: false }, async () => {})
  expect(await calls()).toEqual([expect.stringMatching(/^-D .*primary\.draft /)])
  await during({ binDir, dataDir, durable: true }, async () => {})
  await during({ binDir, dataDir, durable: true }, async () => {})
  expect(await calls()).toEqual([expect.anything(), `--sync-only -D ${join(dataDir, 'primary')}`])
})

/** The binaries of PostgreSQL, with an initdb that notes what it was called with. */
async function noteInitdb(
  folder: string,
): Promise<{ readonly binDir: string; readonly calls: () => Promise<readonly string[]> }> {
  const { binDir: real } = await findBinaries({}, await findRunUser())
  const [binDir, log] = [join(folder, 'bin'), join(folder, 'calls')]
  await mkdir(binDir)
  for (const name of ['postgres', 'pg_ctl']) await symlink(join(real, name), join(binDir, name))
  await writeFile(join(binDir, 'initdb'), `#!/bin/sh\necho "$@" >> '${log}'\nexec '${real}/initdb' "$@"\n`, {
    mode: 0o755,
  })
  await writeFile(log, '')
  // Under root another user runs it.
  await chmod(log, 0o666)
  return { binDir, calls: async () => (await readFile(log, 'utf8')).split('\n').filter((line) => line !== '') }
}

it('keeps what was set by alter system, above the settings asked for', async () => {
  const dataDir = await temporaryFolder()
  const options = { dataDir, settings: { work_mem: '5MB', maintenance_work_mem: '33MB' } }
  await during(options, async (cluster) => await ask(cluster.primary.url(), `alter system set work_mem = '9MB'`))
  await during(options, async (cluster) => {
    const db = openDb({ url: cluster.primary.url() })
    const set = await db.query(
      sql`select current_setting('work_mem') as work, current_setting('maintenance_work_mem') as maintenance`,
    )
    await db.close()
    expect(onlyRow(set)).toEqual({ work: '9MB', maintenance: '33MB' })
  })
})
