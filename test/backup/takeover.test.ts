// The machine is gone, with its server and its configuration of pgBackRest: the repository and the pass bring all of it back, and what
// is back goes on in the same repository.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createBackup } from '../../src/backup/index.ts'
import { systemClock } from '../../src/base/clock.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { onlyRow, type Db } from '../../src/db/db.ts'
import { nextTickMs } from '../../src/maintain/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { startBackedUp, startRestored, type BackedUpServer } from '../support/pgbackrest.ts'

describe('a machine that is gone', () => {
  let backedUp: BackedUpServer
  beforeAll(async () => {
    backedUp = await startBackedUp({ pass: 'kept elsewhere as well' })
    const { backup, db } = backedUp
    await db.withSession((session) => ensureInstalled(session))
    await db.query(sql`create table orders as select n as id from generate_series(1, 1000) n`)
    await backup.init()
    await backup.run({ kind: 'full' })
    await db.query(sql`insert into orders select n from generate_series(1001, 1500) n`)
    // What is archived is there; all else is gone with the machine.
    await backup.init()
    await backedUp.stopServer()
    await rm(backedUp.settings.configFile)
  })
  afterAll(() => backedUp.close())

  const contentOf = async (db: Db): Promise<unknown> =>
    onlyRow(await db.query(sql`select count(*)::int4 as rows, sum(id)::int4 as sum from orders`))

  test('is restored from the repository alone, takes its place, and is backed up again', async () => {
    const { db: gone, folder, settings } = backedUp
    await expect(gone.query(sql`select 1`)).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
    const dir = join(folder, 'restored')
    const report = await backedUp.backup.restore({ dir, at: 'latest' })
    expect(report).toMatchObject({ dir, target: 'latest', backup: { kind: 'full' } })
    // The option stands for `alter system reset archive_mode` and a restart.
    const restored = await startRestored(dir, { archive_mode: 'on', archive_timeout: '60' })
    try {
      expect(await contentOf(restored.db)).toEqual({ rows: 1500, sum: 1_125_750 })
      const backup = createBackup({ db: restored.db, settings, nextTickMs, clock: systemClock })
      // Of a server in another place.
      expect(await backup.init()).toMatchObject({ written: true, requirements: [] })
      await restored.db.query(sql`insert into orders values (-1)`)
      const { made } = await backup.run({ kind: 'incremental' })
      expect(made.walFrom).toMatch(/^00000002/)
      const checks = [{ name: 'orders', sql: 'select count(*), sum(id) from orders' }]
      const verifying = createBackup({
        db: restored.db,
        settings: { ...settings, verify: { ...settings.verify, checks } },
        nextTickMs,
        clock: systemClock,
      })
      expect(await verifying.verify()).toMatchObject({ backup: made.label, found: { checks: { orders: 'equal' } } })
    } finally {
      await restored.stop()
    }
  }, 180_000)
})
