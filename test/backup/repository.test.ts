// The repository: kinds of backups, what is kept of them, what is damaged, and what is left to be set on a server that archives nothing.

import { open, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { onlyRow, type Db } from '../../src/db/db.ts'
import type { JobContext } from '../../src/db/job.ts'
import { sql } from '../../src/sql/sql.ts'
import { ruinTable, startBackedUp, type BackedUpServer } from '../support/pgbackrest.ts'

describe('a repository', () => {
  let backedUp: BackedUpServer
  beforeAll(async () => {
    backedUp = await startBackedUp({ keep: { full: 1, differential: undefined } })
    const { db, backup } = backedUp
    await db.withSession((session) => ensureInstalled(session))
    await db.query(sql`create table plays as select n as id, md5(n::text) as song from generate_series(1, 5000) n`)
    await backup.init()
  })
  afterAll(() => backedUp.close())

  test('there is no backup until one is made, and status and verify say so', async () => {
    const { backup } = backedUp
    expect(await backup.list()).toEqual([])
    expect((await backup.status()).findings).toEqual([
      expect.objectContaining({ kind: 'stale', gravity: 'fail', what: 'there is no backup yet' }),
    ])
    await expect(backup.verify()).rejects.toMatchObject({ code: 'BACKUP_FAILED', message: 'There is no backup yet' })
  })

  test('full, differential and incremental ones are made, and what need not be kept goes', async () => {
    const { backup, db } = backedUp
    // The first is full, whatever is asked for.
    const first = await backup.run()
    expect(first).toMatchObject({ made: { kind: 'full', error: null }, expired: [] })
    await db.query(sql`insert into plays select n, 'more' from generate_series(5001, 6000) n`)
    const second = await backup.run({ kind: 'differential' })
    const third = await backup.run({ kind: 'incremental' })
    expect([second.made.kind, third.made.kind]).toEqual(['differential', 'incremental'])
    expect(second.made.storedBytes).toBeLessThan(first.made.storedBytes)
    expect(first.made.walFrom).toMatch(/^[0-9A-F]{24}$/)
    // One full one is kept, and nothing of what needs those before it.
    const fourth = await backup.run({ kind: 'full' })
    expect(fourth.expired).toEqual([first, second, third].map(({ made }) => made.label))
    expect((await backup.list()).map(({ label }) => label)).toEqual([fourth.made.label])
    expect(await backup.status()).toMatchObject({ backups: 1, newest: { label: fourth.made.label } })
  }, 180_000)

  test('its job makes what is due, and nothing where nothing is', async () => {
    const { backup, db } = backedUp
    expect(backup.jobs.map(({ name }) => name)).toEqual(['backup', 'backup-mark', 'backup-verify'])
    const before = await backup.list()
    const ran = await backup.jobs[0]?.run(contextOf(db))
    expect(ran).toEqual({ did: '' })
    expect(await backup.list()).toEqual(before)
  })

  test('a damaged backup takes the place of none, is not made again at once, and goes when it is mended', async () => {
    const { backup, db } = backedUp
    const whole = (await backup.list()).at(-1)
    await ruinTable(db)
    const damage = { kind: 'full', error: expect.stringContaining('wrong checksum') }
    const first = await backup.run({ kind: 'full' })
    const second = await backup.run({ kind: 'full' })
    expect([first, second]).toMatchObject([
      { made: damage, expired: [] },
      { made: damage, expired: [] },
    ])
    expect(await backup.jobs[0]?.run(contextOf(db))).toEqual({ did: '' })
    const labels = [whole, first.made, second.made].map((one) => one?.label)
    expect((await backup.list()).map(({ label }) => label)).toEqual(labels)
    const { newest, findings } = await backup.status()
    expect(newest?.label).toBe(whole?.label)
    expect(findings).toContainEqual(
      expect.objectContaining({ gravity: 'warn', what: expect.stringContaining(second.made.label) }),
    )
    await db.query(sql`drop table ruined`)
    // It stands on the damaged one, which goes on to be counted.
    expect(await backup.run({ kind: 'incremental' })).toMatchObject({ made: { error: null }, expired: [] })
    const { made, expired } = await backup.run({ kind: 'full' })
    expect(made.error).toBeNull()
    expect(expired).toEqual(expect.arrayContaining(labels))
    expect((await backup.list()).map(({ label }) => label)).toEqual([made.label])
  }, 180_000)

  test('a flipped byte in a backup is found, and the verification is kept as failed with the reason', async () => {
    const { backup, settings } = backedUp
    const label = (await backup.list()).at(-1)?.label ?? ''
    const damaged = await largestOf(join(settings.configFile, '..', 'repository', 'backup', settings.stanza, label))
    await flipByte(damaged)
    await expect(backup.verify()).rejects.toMatchObject({
      code: 'BACKUP_UNVERIFIED',
      message: expect.stringMatching(new RegExp(`^The repository is damaged: .*invalid.*${label}/pg_data`)),
    })
    await flipByte(damaged)
    const status = await backup.status()
    expect(status.lastCheck).toMatchObject({ outcome: 'failed', failure: expect.stringContaining('damaged') })
    expect(status.findings).toEqual([expect.objectContaining({ kind: 'unverified' })])
  }, 180_000)

  test('a segment of WAL that was lost is found, though the newest backup does without it', async () => {
    const { backup, db, settings } = backedUp
    const name = sql`select pg_walfile_name(pg_current_wal_lsn() - 1) as name, pg_switch_wal()`
    const lost = onlyRow(await db.query<{ name: string }>(name)).name
    await db.query(sql`create table after_it (); select pg_switch_wal()`)
    await backup.run({ kind: 'incremental' })
    const archive = join(settings.configFile, '..', 'repository', 'archive', settings.stanza)
    const files = await readdir(archive, { recursive: true })
    await rm(join(archive, files.find((file) => file.includes(`/${lost}-`)) ?? 'none'))
    await expect(backup.verify()).rejects.toMatchObject({
      code: 'BACKUP_UNVERIFIED',
      message: expect.stringContaining('WAL is missing between'),
    })
  })

  test('a configuration of somebody else is not overwritten', async () => {
    const { backupWith, folder } = backedUp
    const configFile = join(folder, 'theirs.conf')
    await writeFile(configFile, '[global]\nrepo1-path=/srv/theirs\n')
    await expect(backupWith({ configFile }).init()).rejects.toMatchObject({
      code: 'BACKUP_FAILED',
      message: expect.stringContaining('is not ours'),
    })
  })

  test('another pass than that of the repository is told', async () => {
    const { backupWith, folder, settings } = backedUp
    const other = backupWith({ configFile: join(folder, 'other.conf'), pass: 'quite another pass' })
    await expect(other.init()).rejects.toMatchObject({ code: 'BACKUP_FAILED' })
    expect(settings.pass).toBeUndefined()
  })

  test('a server that archives by another command is told what to set', async () => {
    const { backupWith, folder } = backedUp
    const report = await backupWith({ configFile: join(folder, 'second.conf'), stanza: `second${process.pid}` }).init()
    expect(report.requirements).toEqual([
      expect.objectContaining({
        setting: 'archive_command',
        restart: false,
        needed: expect.stringContaining('second.conf'),
      }),
    ])
  })
})

function contextOf(db: Db): JobContext {
  const { signal } = new AbortController()
  const tools = { clock: systemClock, random: Math.random, logger: silentLogger }
  return { db, tick: new Date(), attempt: 1, fence: 1, signal, ...tools, confirm: () => Promise.resolve() }
}

async function largestOf(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile() && /^\d+(?:\.\d+)?\.(?:gz|zst|lz4)$/.test(entry.name))
  const sized = await Promise.all(
    files.map(async ({ parentPath, name }) => {
      const path = join(parentPath, name)
      const file = await open(path)
      const { size } = await file.stat()
      await file.close()
      return { path, size }
    }),
  )
  return sized.toSorted((a, b) => b.size - a.size)[0]?.path ?? ''
}

async function flipByte(path: string): Promise<void> {
  const file = await open(path, 'r+')
  const { size } = await file.stat()
  const place = Math.floor(size / 2)
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, place)
  await file.write(Buffer.from([(byte[0] ?? 0) ^ 0xff]), 0, 1, place)
  await file.close()
}
