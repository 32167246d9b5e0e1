// `pgstrata backup` as a person runs it, from a server that archives nothing to a restore that was proven.

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { command } from '../support/command.ts'
import { createProject, type Project } from '../support/project.ts'
import {
  archiveCommandOf,
  ruinTable,
  setArchiveCommand,
  startBackedUp,
  type BackedUpServer,
} from '../support/pgbackrest.ts'

describe('pgstrata backup', () => {
  let backedUp: BackedUpServer
  let project: Project
  beforeAll(async () => {
    backedUp = await startBackedUp()
    const { server, settings, db, folder } = backedUp
    await db.withSession((session) => ensureInstalled(session))
    await setArchiveCommand(db, 'false')
    project = await createProject(server.url, {
      config: {
        backup: {
          stanza: settings.stanza,
          config: settings.configFile,
          repository: { path: join(folder, 'repository') },
          verify: { dir: join(folder, 'verify'), amcheck: false, checks: { marks: 'select 1 as one' } },
        },
      },
    })
  })
  afterAll(async () => {
    await project.close()
    await backedUp.close()
  })
  const backup = (...args: readonly string[]): ReturnType<typeof command> => command(project.dir, 'backup', ...args)

  test('without a declaration it says where to make one', async () => {
    const other = await createProject(backedUp.server.url)
    try {
      const { code, err } = await command(other.dir, 'backup', 'list')
      expect([code, err]).toEqual([3, expect.stringContaining('docs/backup.md')])
    } finally {
      await other.close()
    }
  })

  test('init says what is left to be set, and is done when that is', async () => {
    const { settings, db } = backedUp
    const told = await backup('init')
    expect([told.code, told.err]).toEqual([2, ''])
    const wanted = `archive_command = 'pgbackrest --config=${settings.configFile} --stanza=${settings.stanza} archive-push %p'`
    expect(told.out).toContain(`alter system set ${wanted};`)
    await setArchiveCommand(db, archiveCommandOf(settings))
    const done = await backup('init')
    expect([done.code, done.err]).toEqual([0, ''])
    expect(done.out).toContain('WAL is archived, and the repository has it.')
  })

  test('status fails until there is a backup, and warns until it is proven', async () => {
    const none = await backup('status')
    expect([none.code, none.out]).toEqual([6, expect.stringContaining('there is no backup yet')])
    const made = await backup('run', '--full')
    expect([made.code, made.out]).toEqual([0, expect.stringMatching(/^\d{8}-\d{6}F: full, /)])
    const one = await backup('status')
    expect([one.code, one.out]).toEqual([0, expect.stringContaining('no backup is verified yet')])
    const listed = JSON.parse((await backup('list', '--json')).out) as { backups: { kind: string }[] }
    expect(listed.backups.map(({ kind }) => kind)).toEqual(['full'])
    const doctor = JSON.parse((await command(project.dir, 'doctor', '--json')).out) as {
      checks: { name: string; verdict: string }[]
    }
    expect(doctor.checks.find(({ name }) => name === 'backup')?.verdict).toBe('warn')
  })

  test('verify restores it and says what was found', async () => {
    const { code, out } = await backup('verify')
    expect([code, out]).toEqual([0, expect.stringMatching(/restored to .*Z and verified/)])
    expect(out).toContain('marks  as the primary answered')
    const status = await backup('status')
    expect(status.code).toBe(0)
    expect(status.out).not.toContain('→')
  })

  test('restore says how the server is started, and refuses a moment without its zone', async () => {
    const { folder } = backedUp
    const vague = await backup('restore', '--to', join(folder, 'vague'), '--at', '2026-11-22 17:59:59')
    expect([vague.code, vague.err]).toEqual([3, expect.stringContaining('a time with its zone')])
    const early = await backup('restore', '--to', join(folder, 'early'), '--at', '2020-01-01 00:00:00+00')
    expect([early.code, early.err]).toEqual([6, expect.stringContaining('no backup from before that moment')])
    const dir = join(folder, 'latest')
    const { code, out } = await backup('restore', '--to', dir, '--at', 'latest')
    expect([code, out]).toEqual([
      0,
      expect.stringContaining(`pg_ctl -D ${dir} -o '-p 5433 -c max_logical_replication_workers=0' start`),
    ])
  })

  test('run fails where what it made is damaged, for whoever calls it by cron', async () => {
    await ruinTable(backedUp.db)
    const { code, out } = await backup('run', '--full')
    expect([code, out]).toEqual([6, expect.stringContaining('pages with a wrong checksum')])
    expect(out).not.toContain('removed')
    const status = await backup('status')
    expect([status.code, status.out]).toEqual([0, expect.stringContaining('is damaged')])
  })
})
