// Where no restore was ever verified, or no backup ever made, the time that this goes on is known however long it is, though neither
// backups nor marks are kept that long.

import { beforeEach, afterEach, expect, test } from 'vitest'
import { keepRecords } from '../../src/backup/check-store.ts'
import { forgetMarks, makeMark, readMarksAround } from '../../src/backup/mark.ts'
import type { BackupRecord } from '../../src/backup/model/record.ts'
import { readBackupStatus, type BackupStatus } from '../../src/backup/status.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { onlyRow } from '../../src/db/db.ts'
import { nextTickMs } from '../../src/maintain/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { backupHealth } from '../../src/strata/backing-up.ts'
import { settingsIn } from '../support/backup-settings.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'

const dayMs = 86_400_000

let database: TestDatabase
beforeEach(async () => {
  database = await testDatabase(versions[0] ?? 18)
  await database.db.withSession((session) => ensureInstalled(session))
  // One a day, for thirty days.
  await database.db.query(sql`
    insert into pgstrata.backup_mark (made_at)
    select now() - n * interval '1 day' from generate_series(30, 1, -1) n`)
  await forgetMarks(database.db)
})
afterEach(() => database.close())

const full = (ageMs: number): BackupRecord => {
  const at = new Date(Date.now() - ageMs)
  const sizes = { bytes: 1, storedBytes: 1, walFrom: '', walTo: '', error: null }
  return { label: `${ageMs}`, kind: 'full', beganAt: at, endedAt: at, ...sizes }
}
const status = (): Promise<BackupStatus> =>
  readBackupStatus({ db: database.db, settings: settingsIn('/nowhere', 'app'), nextTickMs })

test('thirty days without a verified restore are thirty days, with the backups of two weeks', async () => {
  await keepRecords(database.db, [full(8 * dayMs), full(dayMs)])
  const health = await backupHealth({ status } as never)
  expect(health.verifiedAgeMs).toBeGreaterThanOrEqual(30 * dayMs)
  expect(health.ageMs).toBeLessThan(2 * dayMs)
  expect((await status()).findings).toContainEqual(
    expect.objectContaining({ kind: 'unverified', gravity: 'fail', what: 'no backup was ever verified' }),
  )
})

test('thirty days without a backup are thirty days', async () => {
  expect((await backupHealth({ status } as never)).ageMs).toBeGreaterThanOrEqual(30 * dayMs)
})

test('the first mark, which is kept for that, tells of no moment after it', async () => {
  const { db } = database
  const counted = await db.query<{ kept: number }>(sql`select count(*)::int4 as kept from pgstrata.backup_mark`)
  expect(onlyRow(counted).kept).toBeLessThan(10)
  const { at } = await makeMark(db)
  const bounds = await readMarksAround(db, at)
  expect(BigInt(bounds.most) - BigInt(bounds.least)).toBe(1n)
  await expect(readMarksAround(db, new Date(Date.now() - 20 * dayMs).toISOString())).rejects.toMatchObject({
    code: 'BACKUP_UNVERIFIED',
  })
})
