// From a configuration to whoever is told: the newest verified restore becomes too old, and is not any more.

import { expect, onTestFinished, test } from 'vitest'
import { keepRecords } from '../../src/backup/check-store.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { resolveConfig } from '../../src/config/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { openStrata } from '../../src/strata.ts'
import { testDatabase, versions } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { waitUntil } from '../support/wait.ts'

test('an alert is raised where no restore was verified for too long, and ends with the next one', async () => {
  const database = await testDatabase(versions[0] ?? 18)
  onTestFinished(() => database.close())
  const { db, url } = database
  await db.withSession((session) => ensureInstalled(session))
  const at = new Date()
  const sizes = { bytes: 1, storedBytes: 1, walFrom: '', walTo: '', error: null }
  await keepRecords(db, [{ label: 'newest', kind: 'full', beganAt: at, endedAt: at, ...sizes }])
  const verify = (ago: string) =>
    db.query(sql`
      insert into pgstrata.backup_check (backup, target, began_at, ended_at, outcome)
      values ('newest', now() - ${ago}::interval, now(), now(), 'verified')`)
  await verify('4 days')
  const root = await temporaryFolder()
  const strata = openStrata(
    resolveConfig(
      {
        database: { primary: url },
        backup: {
          repository: { path: 'repository' },
          config: 'none.conf',
          verify: { every: '1 day', alertAfter: '3 days' },
        },
        watch: { every: { backup: '1s' } },
        alerts: { every: '1s', rules: { BackupUnverified: { keep: '1s' } } },
      },
      { root, name: 'x' },
    ),
  )
  onTestFinished(() => strata.close())
  const told: string[] = []
  await strata.start({
    jobs: true,
    onAlert: ({ event, alerts }) =>
      void told.push(...alerts.map(({ rule }) => `${rule} ${event}`).filter((one) => one.startsWith('Backup'))),
  })
  await waitUntil(() => told.includes('BackupUnverified fired'), { what: 'the alert', timeoutMs: 45_000 })
  await verify('1 minute')
  await waitUntil(() => told.includes('BackupUnverified resolved'), { what: 'its end', timeoutMs: 45_000 })
  expect(told).toEqual(['BackupUnverified fired', 'BackupUnverified resolved'])
})
