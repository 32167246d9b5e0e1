// What `pgstrata rollup status` says of what is pending, how long it has been, and who keeps what was merged from being cleared.

import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { createRollups } from '../../src/rollups/facade.ts'
import { insertRollup } from '../../src/rollups/kept/queries.ts'
import { describeSnapshot, readOldestSnapshot } from '../../src/rollups/job/snapshots.ts'
import { readRollupStatus, type RollupStatus } from '../../src/rollups/status.ts'
import { describeOnEachVersion, testDatabase } from '../support/postgres.ts'
import { install, measure, rollupOf, run } from './support.ts'

describeOnEachVersion('the status of rollups', (version, database) => {
  const rollup = rollupOf({ by: ['song', 'amount'], measures: [measure('plays', 'count')] })
  const status = async (): Promise<RollupStatus> => {
    const [one] = await readRollupStatus(database().db, [rollup])
    expect.assert(one !== undefined)
    return one
  }

  test('says what is pending, since when, and that nobody merges', async () => {
    const { db } = database()
    await db.withSession((session) => ensureInstalled(session))
    await run(db, 'create table plays (song int, at timestamptz not null, amount numeric)')
    const [shape] = await install(db, [rollup])
    expect.assert(shape !== undefined)
    await run(db, insertRollup(shape, 'live'))
    expect(await status()).toMatchObject({ pending: 0, lagMs: null, findings: [] })
    await run(db, `insert into plays select n, '2026-01-01', 1 from generate_series(1, 7) n`)
    const soon = await status()
    expect(soon).toMatchObject({ pending: 7, lagMs: expect.any(Number), findings: [] })
    await run(db, `update pgstrata.rollup set filled_at = filled_at - interval '1 hour'`)
    const late = await status()
    expect(late.lagMs).toBeGreaterThanOrEqual(3_600_000)
    expect(late.findings).toEqual([
      {
        what: expect.stringMatching(/^changes are pending that nothing has merged for 1 h/),
        todo: expect.stringContaining('pgstrata serve'),
      },
    ])
    await createRollups({ db, rollups: [rollup], clock: systemClock }).merge('song_plays')
    expect(await status()).toMatchObject({ pending: 0, lagMs: null, findings: [] })
  })

  test('names the session whose old snapshot keeps merged changes, and not what it runs', async () => {
    const { db } = database()
    const rollups = createRollups({ db, rollups: [rollup], clock: systemClock })
    await db.withSession(async (session) => {
      await run(session, 'begin isolation level repeatable read', `select 'my secret' from plays`)
      await run(db, `insert into plays select n, '2026-01-01', 1 from generate_series(1, 300000) n`)
      const full = await status()
      expect(full.pending).toBe(100_000)
      expect(full.findings[0]?.what).toMatch(/^100,000 changes or more are pending/)
      await rollups.merge('song_plays')
      const held = await status()
      expect(held.pending).toBe(0)
      expect(held.oldestSnapshot).toMatchObject({ kind: 'session', name: String(session.pid), since: expect.any(Date) })
      expect(held.findings).toEqual([
        {
          what: expect.stringMatching(
            new RegExp(
              `^changes that were merged still take .* MB.*: a transaction of the session with pid ${session.pid} `,
            ),
          ),
          todo: expect.stringContaining(`pg_terminate_backend(${session.pid})`),
        },
      ])
      expect(JSON.stringify(held)).not.toContain('secret')
      await run(session, 'rollback')
    })
    await run(db, `insert into plays values (0, '2026-01-01', 1)`)
    await rollups.merge('song_plays')
    const cleared = await status()
    expect(cleared.deltaBytes).toBeLessThan(1024 * 1024)
    expect(cleared.findings).toEqual([])
  })

  test('knows a session that has only written, and no other database', async () => {
    const { db } = database()
    await db.withSession(async (session) => {
      await run(session, 'begin', `insert into plays values (0, '2026-01-01', 1)`)
      await run(db, `insert into plays values (0, '2026-01-01', 1)`)
      expect(await readOldestSnapshot(db)).toMatchObject({ kind: 'session', name: String(session.pid) })
      await run(session, 'rollback')
    })
    const elsewhere = await testDatabase(version)
    await elsewhere.db.withSession(async (session) => {
      await run(session, 'begin', 'create table written ()')
      await run(db, `insert into plays values (0, '2026-01-01', 1)`)
      expect(await readOldestSnapshot(elsewhere.db)).toMatchObject({ name: String(session.pid) })
      expect((await readOldestSnapshot(db))?.name).not.toBe(String(session.pid))
      await run(session, 'rollback')
    })
    await elsewhere.close()
  })

  test('says what to do of each that may hold up vacuum', () => {
    const common = { since: new Date(0), ageMs: 1, transactions: 5 }
    expect(
      (['session', 'prepared transaction', 'standby', 'slot'] as const).map((kind) =>
        describeSnapshot({ ...common, kind, name: 'x', since: kind === 'slot' ? null : common.since }),
      ),
    ).toEqual([
      {
        what: 'a transaction of the session with pid x has been open since 1970-01-01T00:00:00Z',
        todo: 'end it; select pg_terminate_backend(x) does',
      },
      {
        what: 'the prepared transaction x has waited since 1970-01-01T00:00:00Z',
        todo: 'commit prepared, or rollback prepared',
      },
      { what: 'a query on standby x needs it (hot_standby_feedback)', todo: 'end the long query there' },
      {
        what: 'the replication slot x needs it',
        todo: 'see that its standby is connected; drop the slot if there is none',
      },
    ])
  })
})
