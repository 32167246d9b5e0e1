// What backups are for: data that was destroyed at a known moment is back as of one second before it. And what `verify` says of them.

import type { ChildProcess } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { onlyRow, type Db } from '../../src/db/db.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { sql } from '../../src/sql/sql.ts'
import { childrenOf, processesWith } from '../support/processes.ts'
import { startBackedUp, startRestored, type BackedUpServer } from '../support/pgbackrest.ts'
import { createProject } from '../support/project.ts'
import { waitUntil } from '../support/wait.ts'

/** Of all rows, whatever their order. */
async function contentOf(db: Db): Promise<{ rows: number; content: string }> {
  const answer = await db.query<{ rows: number; content: string }>(sql`
    select count(*)::int4 as rows, md5(string_agg(p::text, '|' order by p.id)) as content
    from plays as p`)
  return onlyRow(answer)
}

describe('backups of a server that is written to', () => {
  let backedUp: BackedUpServer
  beforeAll(async () => {
    backedUp = await startBackedUp({ pass: 'a pass with blanks # and = signs' })
    const { db } = backedUp
    await db.withSession((session) => ensureInstalled(session))
    await db.query(sql`
      create table plays (id int primary key, song text not null, at timestamptz not null default clock_timestamp());
      insert into plays (id, song) select n, 'song ' || n % 7 from generate_series(1, 2000) n`)
  })
  afterAll(() => backedUp.close())

  test('init makes an encrypted repository, and nobody but the server reads the pass', async () => {
    const { backup, settings, folder } = backedUp
    const report = await backup.init()
    expect(report).toEqual({ configFile: settings.configFile, written: true, requirements: [] })
    expect((await backup.init()).written).toBe(false)
    const { mode, uid } = await stat(settings.configFile)
    expect(mode & 0o777).toBe(0o600)
    expect(uid).toBe((await stat(join(folder, 'repository'))).uid)
    expect(await backup.list()).toEqual([])
  })

  test('what was destroyed at a moment is there again as of one second before it', async () => {
    const { backup, db, folder } = backedUp
    const { made } = await backup.run({ kind: 'full' })
    // Its end is told in whole seconds.
    await waitUntil(() => Date.now() >= made.endedAt.getTime() + 1_000, { what: 'the backup is of a time before' })
    await db.query(sql`insert into plays (id, song) select n, 'later' from generate_series(2001, 2500) n`)
    const before = await contentOf(db)
    // A moment that is one second before the destruction, and after all that was written until then.
    const { moment } = onlyRow(await db.query<{ moment: Date }>(sql`select clock_timestamp() as moment`))
    const whole = new Date(moment.getTime() + 1)
    await waitUntil(
      async () => {
        const answer = await db.query<{ over: boolean }>(
          sql`select clock_timestamp() >= ${whole}::timestamptz + interval '1 second' as over`,
        )
        return onlyRow(answer).over
      },
      { what: 'a second has passed' },
    )
    const destroyed = await db.query<{ at: Date }>(
      sql`delete from plays where id % 3 = 0 returning clock_timestamp() as at`,
    )
    await db.query(sql`update plays set song = 'ruined'`)
    await db.query(sql`drop table if exists nothing; select pg_switch_wal()`)
    expect((destroyed.rows[0]?.at.getTime() ?? 0) - whole.getTime()).toBeGreaterThanOrEqual(999)
    const dir = join(folder, 'restored')
    const report = await backup.restore({ dir, at: whole })
    expect(report).toMatchObject({ dir, backup: { kind: 'full' } })
    const restored = await startRestored(dir)
    try {
      expect(await contentOf(restored.db)).toEqual(before)
      const archiving = await restored.db.query<{ mode: string }>(sql`select current_setting('archive_mode') as mode`)
      expect(onlyRow(archiving).mode).toBe('off')
      // It takes writes, and what was destroyed on the original stays so.
      await restored.db.query(sql`insert into plays (id, song) values (9999, 'new')`)
      expect((await contentOf(db)).rows).toBeLessThan(before.rows)
    } finally {
      await restored.stop()
    }
    await expect(backup.restore({ dir, at: whole })).rejects.toMatchObject({
      code: 'BACKUP_FAILED',
      message: expect.stringContaining('is not empty'),
    })
  }, 180_000)

  test('verify restores into a server of its own, to a moment, asks it, and leaves nothing behind', async () => {
    const { backupWith, settings, db, folder } = backedUp
    await db.query(sql`create table if not exists counted (n bigint)`)
    const checks = [
      { name: 'plays', sql: 'select count(*), sum(id), md5(string_agg(song, $$,$$ order by id)) from plays;' },
      { name: 'since', sql: "select count(*) from plays where at < current_setting('pgstrata.moment')::timestamptz" },
      { name: 'moving', sql: 'select clock_timestamp()' },
    ]
    const verify = { ...settings.verify, checks, amcheck: true }
    const backup = backupWith({ verify })
    const told: string[] = []
    const check = await backup.verify({ onProgress: ({ note = '' }) => void told.push(note) })
    expect(check).toMatchObject({
      outcome: 'verified',
      failure: null,
      found: { checks: { plays: 'equal', since: 'equal', moving: 'answered' }, amcheck: 'passed' },
    })
    expect(told).toEqual(['archiving', 'reading the repository', 'restoring', 'recovering', 'looking', 'verified'])
    expect((await readdir(verify.dir)).filter((name) => name.startsWith('restore-'))).toEqual([])
    expect(await processesWith(join(folder, 'verify'))).toEqual([])
    const status = await backup.status()
    expect(status).toMatchObject({ backups: 1, verified: { id: check.id }, findings: [] })
    // To a moment that somebody names, between the marks around it.
    const earlier = await backup.verify({ at: new Date(check.target.getTime() + 1) })
    expect(earlier).toMatchObject({ outcome: 'verified', found: { checks: { plays: 'answered' } } })
    await expect(backup.verify({ at: new Date(Date.now() + 60_000) })).rejects.toMatchObject({
      code: 'BACKUP_UNVERIFIED',
    })
  }, 180_000)

  test('what a killed run has left, its server too, is removed by the next', async () => {
    const { backupWith, server, settings } = backedUp
    const project = await createProject(server.url, {
      config: {
        backup: {
          stanza: settings.stanza,
          config: settings.configFile,
          repository: { path: join(settings.configFile, '..', 'repository') },
          encryption: { pass: settings.pass },
          verify: { dir: settings.verify.dir, amcheck: false, checks: { waits: 'select pg_sleep(60)::text' } },
        },
      },
    })
    onTestFinished(() => project.close())
    // It hangs in the question, with its server running, until it is killed.
    let child: ChildProcess | undefined
    onTestFinished(() => void child?.kill('SIGKILL'))
    const at = new Date((await backedUp.backup.status()).verified?.target ?? 0).toISOString()
    const run = project.cli(['backup', 'verify', '--at', at], { onSpawn: (spawned) => (child = spawned) })
    await waitUntil(() => isAsked(settings.verify.dir), {
      what: 'the restored server is asked',
      timeoutMs: 120_000,
    })
    child?.kill('SIGKILL')
    expect((await run).signal).toBe('SIGKILL')
    expect(await processesWith(settings.verify.dir)).not.toEqual([])
    const check = await backupWith({}).verify()
    expect(check.outcome).toBe('verified')
    expect(await readdir(settings.verify.dir)).toEqual([])
    expect(await processesWith(settings.verify.dir)).toEqual([])
  }, 240_000)
})

/** Whether a backend of the restored server carries out a SELECT: its command line says so. */
async function isAsked(verifyDir: string): Promise<boolean> {
  const servers = await processesWith(verifyDir)
  const backends = (await Promise.all(servers.map(childrenOf))).flat()
  const asking = await processesWith('[local] SELECT')
  return backends.some((pid) => asking.includes(pid))
}
