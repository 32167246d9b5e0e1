// Nobody has to be a superuser: the grants of the page are enough, and each of them is needed for something that is done here.

import { readFile } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import { createBackup } from '../../src/backup/index.ts'
import { systemClock } from '../../src/base/clock.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { nextTickMs } from '../../src/maintain/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { startBackedUp } from '../support/pgbackrest.ts'
import { parsePage } from '../repo/markdown.ts'

test('backups are made and verified by the roles of the page', async () => {
  const { db: admin, server, settings, close } = await startBackedUp({ user: 'shop_backup' })
  onTestFinished(() => close())
  await admin.query(sql`create role shop_migrate login; create table orders as select 1 as amount`)
  await admin.query(sql`grant create on database postgres to shop_migrate; grant select on orders to shop_migrate`)
  const db = openDb({ url: server.url.replace('postgres@', 'shop_migrate@') })
  onTestFinished(() => db.close())
  await db.withSession((session) => ensureInstalled(session))
  const checks = [{ name: 'orders', sql: 'select count(*), sum(amount) from orders' }]
  const verify = { ...settings.verify, checks, amcheck: true }
  const backup = createBackup({ db, settings: { ...settings, verify }, nextTickMs, clock: systemClock })
  await expect(backup.init()).rejects.toMatchObject({
    code: 'DATABASE_PRIVILEGE',
    advice: expect.stringContaining('grant pg_read_all_settings to "shop_migrate"'),
  })
  await admin.query(sql.raw(await grantsOfThePage()))
  expect(await backup.init()).toMatchObject({ requirements: [] })
  expect(await backup.run({ kind: 'full' })).toMatchObject({ made: { error: null } })
  expect(await backup.verify()).toMatchObject({
    outcome: 'verified',
    found: { checks: { orders: 'equal' }, amcheck: 'passed' },
  })
}, 180_000)

/** The block of SQL under its heading. */
async function grantsOfThePage(): Promise<string> {
  const path = 'docs/backup.md'
  const text = await readFile(new URL(`../../${path}`, import.meta.url), 'utf8')
  const { fences } = parsePage(path, text.slice(text.indexOf('\n## Roles\n')))
  return fences.find(({ language }) => language === 'sql')?.text ?? ''
}
