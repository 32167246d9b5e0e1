// The actions by name that look into things when an alert fires: each attaches what it found, and scaling asks whoever can do it.

import pg from 'pg'
import { beforeEach, expect, test } from 'vitest'
import type { Db, Queryable } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { collectScannedTables } from '../../../src/watch/rules/actions/evidence.ts'
import { investigateReplication } from '../../../src/watch/rules/actions/investigate-replication.ts'
import { createAlerts } from '../../../src/watch/rules/facade.ts'
import type { AlertMessage } from '../../../src/watch/rules/message.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { createWorld, forget, install, readActions, ruleOf, type World } from './support.ts'

/** As a role without any grant. */
async function asNobody<T>(db: Db, ask: (on: Queryable) => Promise<T>): Promise<T> {
  return await db.withSession(async (session) => {
    await session.query(sql`begin; create role pgstrata_nobody; set local role pgstrata_nobody`)
    try {
      return await ask(session)
    } finally {
      await session.query(sql`rollback`)
    }
  })
}

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
        since: expect.any(String) as string,
        readWhole: [{ schema: 'public', table: 'Plays', rows_read: expect.any(Number) as number }],
      })
    })

    test('analyze_missing_indexes waits for nobody who has a table for himself alone', async () => {
      const { db } = database()
      await db.query(
        sql`create table locked as select g as id, repeat('x', 800) as filler from generate_series(1, 12000) as g`,
      )
      await db.query(sql`analyze locked`)
      await db.withSession(async (session) => {
        await session.query(sql`select count(*) from locked where id = 5`)
        await session.query(sql`select pg_stat_force_next_flush()`)
        await session.query(sql`select 1`)
      })
      await db.withSession(async (holder) => {
        await holder.query(sql`begin`)
        await holder.query(sql`lock table locked in access exclusive mode`)
        const { readWhole } = await collectScannedTables(db)
        await holder.query(sql`rollback`)
        expect(readWhole).toContainEqual(
          expect.objectContaining({ table: 'locked', bytes: expect.closeTo(12_000_000, -7) as number }),
        )
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

    test('a consumer of changes is no replica, for scaling and for replication', async () => {
      const { db, name, url } = database()
      const slot = `changes_${name}`.slice(0, 60)
      await db.query(sql`create publication everything for all tables`)
      await db.query(sql`select pg_create_logical_replication_slot(${slot}, 'pgoutput')`)
      const consumer = new pg.Client({ connectionString: url, replication: 'database' } as pg.ClientConfig)
      consumer.on('error', () => undefined)
      await consumer.connect()
      // It never ends by itself.
      void consumer
        .query(`START_REPLICATION SLOT "${slot}" LOGICAL 0/0 (proto_version '1', publication_names 'everything')`)
        .catch(() => undefined)
      const isActive = sql`select from pg_replication_slots where slot_name = ${slot} and active`
      try {
        await waitUntil(async () => (await db.query(isActive)).rows.length > 0, { what: 'a consumer' })
        const actions = ['investigate_replication', 'scale_read_replicas']
        const world = createWorld(db, { rules: [ruleOf({ actions })] })
        await world.look(12)
        // Feeds of other tests may be there as well.
        expect(await reportOf(world, 'investigate_replication')).toMatchObject({
          senders: expect.arrayContaining([expect.objectContaining({ kind: 'logical' })]) as unknown,
          findings: expect.arrayContaining(['No replica is connected to the primary']) as unknown,
        })
        expect(await reportOf(world, 'scale_read_replicas')).toMatchObject({
          evidence: { node: 'primary', replicasConnected: 0 },
        })
        // A role that may not see what they are at is told so, and guesses nothing.
        const blind = await asNobody(db, investigateReplication)
        expect(blind.findings.filter((one) => one.includes('grant pg_monitor'))).toHaveLength(1)
        expect(blind.findings.join()).not.toContain('catches up')
      } finally {
        await db.query(sql`select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = ${slot}`)
        await waitUntil(async () => (await db.query(isActive)).rows.length === 0, { what: 'that it is gone' })
        await db.query(sql`select pg_drop_replication_slot(${slot})`)
        await consumer.end().catch(() => undefined)
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
