// What is said of backups: which findings there are at which age, what doctor makes of them, and what is watched.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { backupProbes } from '../../src/backup/index.ts'
import { keepRecords } from '../../src/backup/check-store.ts'
import { readBackupStatus, type BackupStatus } from '../../src/backup/status.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import type { BackupRecord } from '../../src/backup/model/record.ts'
import { nextTickMs } from '../../src/maintain/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { settingsIn } from '../support/backup-settings.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { createBackupProbe, defaultRules } from '../../src/watch/index.ts'
import { backupHealth } from '../../src/strata/backing-up.ts'

const dayMs = 86_400_000
const settings = settingsIn('/nowhere', 'app')

describe('what is known of backups', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase(versions[0] ?? 18)
    await database.db.withSession((session) => ensureInstalled(session))
  })
  afterAll(() => database.close())

  const status = (verify: Partial<typeof settings.verify> = {}): Promise<BackupStatus> =>
    readBackupStatus({
      db: database.db,
      settings: { ...settings, verify: { ...settings.verify, ...verify } },
      nextTickMs,
    })
  const record = (label: string, ageMs: number): BackupRecord => {
    const at = new Date(Date.now() - ageMs)
    const sizes = { bytes: 5_000_000_000, storedBytes: 1_000_000_000 }
    return { label, kind: 'full', beganAt: at, endedAt: at, ...sizes, walFrom: 'a', walTo: 'b', error: null }
  }
  const findings = async (verify?: Partial<typeof settings.verify>): Promise<readonly string[]> =>
    (await status(verify)).findings.map(({ kind, gravity }) => `${kind} ${gravity}`)

  test('the clusters of tests archive nothing, which is said first', async () => {
    expect(await findings()).toEqual(['archive fail', 'stale fail'])
  })

  test('records that are gone from the repository go, others are kept as they are', async () => {
    await keepRecords(database.db, [record('old', 30 * dayMs), record('new', dayMs)])
    expect(await status()).toMatchObject({
      backups: 2,
      newest: { label: 'new', bytes: 5_000_000_000 },
      oldest: { label: 'old' },
    })
    await keepRecords(database.db, [record('new', dayMs)])
    expect(await status()).toMatchObject({ backups: 1, oldest: { label: 'new' } })
  })

  test('a backup that is overdue for a day is a finding', async () => {
    await keepRecords(database.db, [record('overdue', 9 * dayMs)])
    expect(await findings()).toEqual(['archive fail', 'stale fail', 'unverified warn'])
    await keepRecords(database.db, [record('newer', 1_000)])
    expect(await findings()).toEqual(['archive fail', 'unverified warn'])
  })

  test('the newest verified restore is too old after `alertAfter`, and where there never was one', async () => {
    const { db } = database
    await keepRecords(db, [record('ancient', 20 * dayMs), record('newer', 1_000)])
    expect(await findings()).toEqual(['archive fail', 'unverified fail'])
    await db.query(sql`
      insert into pgstrata.backup_check (backup, target, began_at, ended_at, outcome)
      values ('newer', now() - interval '3 days', now(), now(), 'verified'),
        ('newer', now() - interval '5 days', now(), now(), 'verified')`)
    expect(await findings()).toEqual(['archive fail'])
    expect((await status()).verifiedAgeMs).toBeGreaterThanOrEqual(3 * dayMs)
    expect((await status()).verifiedAgeMs).toBeLessThan(4 * dayMs)
    expect(await findings({ alertAfterMs: 2 * dayMs })).toEqual(['archive fail', 'unverified fail'])
    await db.query(sql`
      insert into pgstrata.backup_check (backup, target, began_at, ended_at, outcome, failure)
      values ('newer', now(), now(), now(), 'failed', 'The repository is damaged: a byte')`)
    const last = (await status()).findings.at(-1)
    expect(last).toMatchObject({ gravity: 'warn', what: expect.stringContaining('a byte') })
  })

  test('doctor fails where declared ones are not as they have to be', async () => {
    const [probe] = backupProbes({ db: database.db, status })
    expect(await probe?.run()).toMatchObject({ verdict: 'fail', found: expect.stringContaining('archive_mode is off') })
  })

  test('doctor warns where nothing at all backs the database up', async () => {
    const [probe] = backupProbes({ db: database.db, status: undefined })
    expect(await probe?.run()).toMatchObject({
      verdict: 'warn',
      found: expect.stringContaining('nothing backs this database up'),
      fix: expect.stringContaining('docs/backup.md'),
    })
  })

  test('both ages are watched, and rules say when they are too old', async () => {
    const probe = createBackupProbe(() => backupHealth({ status } as never))
    const { points } = await probe.read(undefined as never)
    const ages = Object.fromEntries(points.map(({ metric, value }) => [metric, value]))
    expect(ages['pgstrata_backup_age_seconds']).toBeGreaterThanOrEqual(1)
    expect(ages['pgstrata_backup_verified_age_seconds']).toBeGreaterThanOrEqual((3 * dayMs) / 1_000)
    const over = Object.fromEntries(defaultRules().map((rule) => [rule.name, rule.over]))
    expect(over['BackupOld']).toBe((2 * dayMs) / 1_000)
    expect(over['BackupUnverified']).toBe((14 * dayMs) / 1_000)
  })
})
