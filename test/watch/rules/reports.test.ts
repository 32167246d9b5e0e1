// The actions by name that look into things when an alert fires: each attaches what it found, and scaling asks whoever can do it.

import { beforeEach, expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { createAlerts } from '../../../src/watch/rules/facade.ts'
import type { AlertMessage } from '../../../src/watch/rules/message.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { createWorld, forget, install, readActions, ruleOf, type World } from './support.ts'

describeOnEachVersion(
  'an action by name',
  (_version, database) => {
    beforeEach(() => forget(database().db))

    const reportOf = async ({ clock }: World, action: string): Promise<unknown> => {
      const [alert] = await createAlerts({ db: database().db, rules: [], clock }).history()
      return alert?.actions.find((one) => one.action === action)?.report
    }

    test('scale_read_replicas hands the evidence to the function that is declared, once', async () => {
      const messages: AlertMessage[] = []
      const run = (message: AlertMessage): Promise<unknown> => {
        messages.push(message)
        return Promise.resolve({ made: 'replica-3' })
      }
      const world = createWorld(database().db, {
        rules: [ruleOf({ actions: ['scale_read_replicas'], keepMs: 0 })],
        actions: [{ kind: 'hook', name: 'scale_read_replicas', run }],
      })
      await world.look(12)
      await world.look(0)
      expect(messages).toHaveLength(1)
      expect(messages[0]?.alerts).toMatchObject([
        {
          rule: 'Tested',
          value: 12,
          evidence: { load: { maxConnections: expect.any(Number) as number, replicasConnected: 0 } },
        },
      ])
      expect(await reportOf(world, 'scale_read_replicas')).toMatchObject({ asked: true, answer: { made: 'replica-3' } })
    })

    test('scale_read_replicas says so where no function is declared', async () => {
      const world = createWorld(database().db, { rules: [ruleOf({ actions: ['scale_read_replicas'] })] })
      await world.look(12)
      expect(await reportOf(world, 'scale_read_replicas')).toMatchObject({
        asked: false,
        why: 'no function is declared: alerts.actions.scale_read_replicas',
        evidence: { connections: expect.any(Object) as object },
      })
    })

    test('a function that fails is called again, and what it says is kept', async () => {
      let calls = 0
      const run = (): Promise<unknown> =>
        ++calls === 1 ? Promise.reject(new Error('no quota')) : Promise.resolve({ of: 10n })
      const world = createWorld(database().db, {
        rules: [ruleOf({ actions: ['mine'] })],
        actions: [{ kind: 'hook', name: 'mine', run }],
      })
      await world.look(12)
      expect((await readActions(database().db))[1]).toMatchObject({ action: 'mine', state: 'due', failure: 'no quota' })
      world.clock.advance(10_000)
      await world.look(12)
      expect(await reportOf(world, 'mine')).toEqual({ of: '10' })
    })

    test('analyze_missing_indexes names large tables that are read whole', async () => {
      const { db } = database()
      await db.query(
        sql`create table "Plays" as select g as id, repeat('x', 800) as filler from generate_series(1, 12000) as g`,
      )
      await db.withSession(async (session) => {
        await session.query(sql`select count(*) from "Plays" where id = 5`)
        await session.query(sql`select pg_stat_force_next_flush()`)
        await session.query(sql`select 1`)
      })
      const world = createWorld(db, { rules: [ruleOf({ actions: ['analyze_missing_indexes'] })] })
      await world.look(12)
      expect(await reportOf(world, 'analyze_missing_indexes')).toMatchObject({
        readWhole: [{ schema: 'public', table: 'Plays', rows_read: expect.any(Number) as number }],
      })
    })

    test('investigate_replication says what it found, and that nobody reads a slot', async () => {
      const { db, name } = database()
      const slot = `idle_${name}`.slice(0, 60)
      await db.query(sql`select pg_create_physical_replication_slot(${slot}, true)`)
      try {
        const world = createWorld(db, { rules: [ruleOf({ actions: ['investigate_replication'] })] })
        await world.look(12)
        const report = (await reportOf(world, 'investigate_replication')) as {
          findings: string[]
          slots: { slot: string }[]
        }
        expect(report.findings).toContain('No replica is connected to the primary')
        expect(report.findings).toContain(`Nobody reads slot ${slot}: its replica or consumer is away`)
        expect(report.slots.map((one) => one.slot)).toContain(slot)
      } finally {
        await db.query(sql`select pg_drop_replication_slot(${slot})`)
      }
    })

    test('log_and_alert attaches what is known of the statement', async () => {
      const { db } = database()
      await db.query(sql`
        insert into pgstrata.watch_shape (shape, kind, text, queryid)
        values ('s1', 'read', 'select * from plays where id = $1', 42)
        on conflict do nothing`)
      const rule = ruleOf({ metric: 'pgstrata_call_max_seconds', over: 5, actions: ['log_and_alert'] })
      const world = createWorld(db, { rules: [rule] })
      world.readings.set('pgstrata_call_max_seconds', { '["s1"]': 7 })
      await world.engine.tick()
      await world.dispatcher.round()
      await world.dispatcher.idle()
      expect(await reportOf(world, 'log_and_alert')).toEqual({
        statements: [{ shape: 's1', kind: 'read', text: 'select * from plays where id = $1', queryid: '42' }],
      })
    })
  },
  install,
)
