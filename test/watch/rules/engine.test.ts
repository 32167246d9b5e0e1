// Alerts in the database: begun, fired and ended once each, whoever looks, and however often a process ends in between.

import { beforeEach, expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { createAlerts } from '../../../src/watch/rules/facade.ts'
import { mostOpenOfRule } from '../../../src/watch/rules/plan-tick.ts'
import { noDataMs } from '../../../src/watch/rules/step.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { createWorld, forget, install, readActions, readStates, ruleOf } from './support.ts'

const lasting = ruleOf({ forMs: 30_000, keepMs: 20_000 })

describeOnEachVersion(
  'the engine',
  (_version, database) => {
    beforeEach(() => forget(database().db))

    test('an alert is pending, fires and ends, with what it was about', async () => {
      const { db } = database()
      const { clock, look } = createWorld(db, { rules: [{ ...lasting, summary: '{value} sessions of {node} wait' }] })
      await look(12)
      expect(await readStates(db)).toEqual(['Tested primary [] pending'])
      expect(await readActions(db)).toEqual([])
      clock.advance(30_000)
      await look(40)
      expect(await readStates(db)).toEqual(['Tested primary [] firing'])
      const alerts = createAlerts({ db, rules: [lasting], clock })
      expect(await alerts.open()).toMatchObject([
        {
          rule: 'Tested',
          severity: 'warning',
          state: 'firing',
          value: 40,
          summary: '40 sessions of primary wait',
          evidence: { metric: 'pgstrata_blocked_sessions', threshold: 10, worst: 40, detail: { seen: { '[]': 40 } } },
          actions: [{ event: 'fired', action: 'log', state: 'done', attempts: 1 }],
        },
      ])
      clock.advance(10_000)
      await look(3)
      clock.advance(20_000)
      await look(2)
      expect(await readStates(db)).toEqual(['Tested primary [] resolved'])
      expect(await alerts.open()).toEqual([])
      expect(await alerts.history()).toMatchObject([
        { state: 'resolved', value: 2, evidence: { worst: 40, why: 'it is well again' } },
      ])
      expect((await readActions(db)).map(({ event, state }) => `${event} ${state}`)).toEqual([
        'fired done',
        'resolved done',
      ])
    })

    test('what was pending and came to nothing leaves nothing', async () => {
      const { db } = database()
      const { clock, look } = createWorld(db, { rules: [lasting] })
      await look(12)
      clock.advance(10_000)
      await look(8)
      expect(await readStates(db)).toEqual([])
    })

    test('a process that starts anew goes on where the other one ended', async () => {
      const { db } = database()
      const first = createWorld(db, { rules: [lasting] })
      await first.look(12)
      const second = createWorld(db, { rules: [lasting] })
      second.clock.advance(30_000)
      // It has measured nothing yet.
      await second.engine.tick()
      expect(await readStates(db)).toEqual(['Tested primary [] pending'])
      await second.look(12)
      expect(await readStates(db)).toEqual(['Tested primary [] firing'])
      const third = createWorld(db, { rules: [lasting] })
      third.clock.advance(40_000)
      await third.look(12)
      expect(await readStates(db)).toEqual(['Tested primary [] firing'])
      expect(await readActions(db)).toHaveLength(1)
    })

    test('two that look at once raise one alert, and tell of it once', async () => {
      const { db } = database()
      const rules = [ruleOf({ keepMs: 0 }), ruleOf({ name: 'Other', metric: 'pgstrata_lock_wait_seconds', keepMs: 0 })]
      const worlds = Array.from({ length: 4 }, () => createWorld(db, { rules }))
      for (let round = 0; round < 10; round++) {
        for (const { readings, clock } of worlds) {
          clock.advance(10_000)
          readings.set('pgstrata_blocked_sessions', { '[]': round % 2 === 0 ? 12 : 0 })
          readings.set('pgstrata_lock_wait_seconds', { '[]': round % 2 === 0 ? 12 : 0 })
        }
        await Promise.all(worlds.map(({ engine }) => engine.tick()))
      }
      expect(await readStates(db)).toHaveLength(10)
      expect((await readActions(db)).filter(({ event }) => event === 'fired')).toHaveLength(10)
      expect((await readActions(db)).filter(({ event }) => event === 'resolved')).toHaveLength(10)
    })

    test('what another one ends meanwhile is ended, and not begun again by what was read before', async () => {
      const { db } = database()
      const { look, readings, engine } = createWorld(db, { rules: [ruleOf()] })
      await look(12)
      readings.set('pgstrata_blocked_sessions', { '[]': 40 })
      const ticking = await db.withSession(async (session) => {
        await session.query(sql`begin`)
        await session.query(sql`update pgstrata.alert set state = 'resolved', resolved_at = now()`)
        const waiting = engine.tick()
        const isWaiting = sql`select from pg_locks where not granted and database = (select oid from pg_database where datname = current_database()) or not granted and locktype = 'transactionid'`
        await waitUntil(async () => (await db.query(isWaiting)).rows.length > 0, { what: 'it waits for the other one' })
        await session.query(sql`commit`)
        return { waiting }
      })
      await ticking.waiting
      expect(await readStates(db)).toEqual(['Tested primary [] resolved', 'Tested primary [] firing'])
    })

    test('each series has an alert of its own, and of one rule only the worst so many are open', async () => {
      const { db } = database()
      const rule = ruleOf({ metric: 'pgstrata_table_dead_ratio', over: 0.2, clear: 0.1 })
      const { engine, readings } = createWorld(db, { rules: [rule] })
      readings.set(
        'pgstrata_table_dead_ratio',
        Object.fromEntries(
          Array.from({ length: 120 }, (_, index) => [JSON.stringify(['public', `t${index}`]), 0.3 + index / 1_000]),
        ),
      )
      expect(await engine.tick()).toMatchObject({ fired: mostOpenOfRule, leftOut: 20 })
      const { rows } = await db.query<{ least: number }>(sql`select min(value) as least from pgstrata.alert`)
      expect(rows).toEqual([{ least: 0.32 }])
    })

    test('a series that is gone where its probe answers is over; where it does not, nothing is known', async () => {
      const { db } = database()
      const rule = ruleOf({ metric: 'pgstrata_unused_index_bytes', over: 10, clear: 5, keepMs: 0 })
      const { engine, readings, clock } = createWorld(db, { rules: [rule] })
      readings.set('pgstrata_unused_index_bytes', { '["public","plays","plays_genre_idx"]': 99 })
      await engine.tick()
      clock.advance(noDataMs + 120_000)
      await engine.tick()
      expect(await readStates(db)).toEqual(['Tested primary ["public","plays","plays_genre_idx"] firing'])
      const [open] = await createAlerts({ db, rules: [rule], clock }).open()
      expect(open?.evidence['noDataSince']).toBeDefined()
      readings.set('pgstrata_unused_index_bytes', {})
      await engine.tick()
      const [over] = await createAlerts({ db, rules: [rule], clock }).history()
      expect(over).toMatchObject({ state: 'resolved', evidence: { why: 'it is not there any more' } })
      expect(over?.evidence['noDataSince']).toBeUndefined()
    })

    test('a share of too little to tell is over, and not gone', async () => {
      const { db } = database()
      const metric = 'pgstrata_rollback_ratio'
      const rule = ruleOf({ metric, over: 0.1, clear: 0.09, keepMs: 0 })
      const { engine, readings, clock } = createWorld(db, { rules: [rule] })
      readings.set(metric, { '[]': Number.NaN })
      await engine.tick()
      expect(await readStates(db)).toEqual([])
      readings.set(metric, { '[]': 0.5 })
      await engine.tick()
      readings.set(metric, { '[]': Number.NaN })
      await engine.tick()
      expect(await createAlerts({ db, rules: [rule], clock }).history()).toMatchObject([
        { state: 'resolved', value: 0.5, evidence: { why: 'there is too little of it to tell' } },
      ])
    })

    test('only what a rule is about is looked at', async () => {
      const { db } = database()
      const rule = ruleOf({ metric: 'pgstrata_connections', where: { state: ['active', 'other'], node: 'primary' } })
      const { engine, readings } = createWorld(db, { rules: [rule] })
      const busy = { '["active"]': 90, '["idle"]': 90, '["other"]': 90 }
      readings.set('pgstrata_connections', busy)
      readings.set('pgstrata_connections', busy, 'replica')
      await engine.tick()
      expect(await readStates(db)).toEqual(['Tested primary ["active"] firing', 'Tested primary ["other"] firing'])
    })

    test('of a counter, what is added per second is looked at', async () => {
      const { db } = database()
      const { engine, readings } = createWorld(db, { rules: [ruleOf({ metric: 'pgstrata_deadlocks_total', over: 0 })] })
      readings.set('pgstrata_deadlocks_total', { '[]': 0 })
      await engine.tick()
      expect(await readStates(db)).toEqual([])
      readings.set('pgstrata_deadlocks_total', { '[]': 0.1 })
      await engine.tick()
      expect(await readStates(db)).toEqual(['Tested primary [] firing'])
    })

    test('the alert of a rule that is not declared any more ends', async () => {
      const { db } = database()
      await createWorld(db, { rules: [ruleOf(), ruleOf({ name: 'Slow', forMs: 60_000 })] }).look(12)
      const { clock, look } = createWorld(db, { rules: [] })
      await look(12)
      expect(await readStates(db)).toEqual(['Tested primary [] resolved'])
      expect(await createAlerts({ db, rules: [], clock }).history()).toMatchObject([
        { evidence: { why: 'its rule is not declared any more' } },
      ])
    })

    test('an alert ends when its rule is about something else, whatever is measured', async () => {
      const { db } = database()
      const metric = 'pgstrata_connections'
      const busy = { '["active"]': 90, '["idle"]': 90 }
      const first = createWorld(db, { rules: [ruleOf({ metric }), ruleOf({ name: 'Slow', metric, forMs: 60_000 })] })
      first.readings.set(metric, busy)
      await first.engine.tick()
      const rules = [
        ruleOf({ metric, where: { state: 'active' } }),
        ruleOf({ name: 'Slow', metric, forMs: 60_000, where: { node: 'replica' } }),
      ]
      const second = createWorld(db, { rules })
      second.readings.set(metric, busy)
      await second.engine.tick()
      expect(await readStates(db)).toEqual(['Tested primary ["active"] firing', 'Tested primary ["idle"] resolved'])
      const past = await createAlerts({ db, rules, clock: second.clock }).history()
      expect(past.find(({ state }) => state === 'resolved')?.evidence['why']).toBe('its rule is not about it any more')
      expect((await readActions(db)).filter(({ event }) => event === 'resolved')).toMatchObject([{ action: 'log' }])
      const third = createWorld(db, { rules: [ruleOf()] })
      third.readings.set(metric, busy)
      third.readings.set('pgstrata_blocked_sessions', { '[]': 99 })
      await third.engine.tick()
      const ended = await createAlerts({ db, rules, clock: second.clock }).history()
      expect(ended.find(({ series }) => series === '["active"]')).toMatchObject({
        state: 'resolved',
        evidence: { why: 'its rule is about another metric now' },
      })
    })

    test('a statement is told by its text as soon as that is known, and never by what it was given', async () => {
      const { db } = database()
      await db.query(sql`truncate pgstrata.watch_shape, pgstrata.watch_query`)
      const summary = 'A call of {shape} took {value}'
      const rules = [
        ruleOf({ metric: 'pgstrata_call_max_seconds', over: 5, summary }),
        ruleOf({ name: 'Long', metric: 'pgstrata_statement_seconds_total', over: 5 }),
      ]
      const { clock, engine, readings } = createWorld(db, { rules })
      readings.set('pgstrata_call_max_seconds', { '["s1"]': 7, '["work:checkout"]': 8 })
      readings.set('pgstrata_statement_seconds_total', { '["42"]': 9, '["other"]': 99 })
      const summaries = async (): Promise<readonly string[]> =>
        (await createAlerts({ db, rules, clock }).open()).map((alert) => alert.summary).toSorted()
      await engine.tick()
      expect(await summaries()).toEqual([
        'A call of s1 took 7 s',
        'A call of work:checkout took 8 s',
        'pgstrata_statement_seconds_total of primary queryid=42 is 9 s a second, over 5 s a second',
        'pgstrata_statement_seconds_total of primary queryid=other is 1 min 39 s a second, over 5 s a second',
      ])
      const text = `select *\n\tfrom plays where song_id = $1 and title = $2 ${'or true '.repeat(40)}`
      await db.query(sql`insert into pgstrata.watch_shape (shape, kind, text) values ('s1', 'statement', ${text})`)
      await db.query(sql`insert into pgstrata.watch_query (queryid, text) values (42, 'vacuum plays')`)
      clock.advance(60_000)
      readings.set('pgstrata_call_max_seconds', { '["s1"]': 7, '["work:checkout"]': 8 })
      readings.set('pgstrata_statement_seconds_total', { '["42"]': 9, '["other"]': 99 })
      await engine.tick()
      const [first, ...rest] = await summaries()
      expect(first).toMatch(
        /^A call of `select \* from plays where song_id = \$1 and title = \$2 or true [^\n]{20,80}…` took 7 s$/,
      )
      expect(rest).toEqual([
        'A call of work:checkout took 8 s',
        'pgstrata_statement_seconds_total of primary queryid=`vacuum plays` is 9 s a second, over 5 s a second',
        'pgstrata_statement_seconds_total of primary queryid=other is 1 min 39 s a second, over 5 s a second',
      ])
    })

    test('names of any kind and values without end are kept as they are', async () => {
      const { db } = database()
      const rule = ruleOf({ metric: 'pgstrata_table_dead_rows', over: 10 })
      const { engine, readings, clock } = createWorld(db, { rules: [rule] })
      const series = JSON.stringify(['Od"d {schema}', "ta'ble\\ü"])
      // Cut in the middle of a character that takes two.
      const long = JSON.stringify(['Od"d {schema}', '🎵'.repeat(300)])
      const escaped = JSON.stringify(['Od"d {schema}', String.raw`\u0000`])
      readings.set('pgstrata_table_dead_rows', { [series]: Number.POSITIVE_INFINITY, [long]: 20, [escaped]: 30 })
      await engine.tick()
      clock.advance(10_000)
      await engine.tick()
      const open = await createAlerts({ db, rules: [rule], clock }).open()
      expect(open.map((alert) => alert.series).toSorted()).toEqual([series, escaped, long].toSorted())
      expect(open.find((alert) => alert.series === series)).toMatchObject({
        value: Number.POSITIVE_INFINITY,
        evidence: { labels: { schema: 'Od"d {schema}', table: "ta'ble\\ü" } },
      })
    })

    test('who does not watch any more changes nothing', async () => {
      const { db } = database()
      const world = createWorld(db, { rules: [ruleOf()], confirm: () => Promise.resolve(false) })
      await world.look(12)
      expect(await readStates(db)).toEqual([])
    })

    test('alerts that are over for longer than they are kept are forgotten', async () => {
      const { db } = database()
      const { clock, look } = createWorld(db, { rules: [ruleOf({ keepMs: 0 })] })
      await look(12)
      clock.advance(10_000)
      await look(0)
      clock.advance(91 * 86_400_000)
      await look(12)
      expect(await readStates(db)).toEqual(['Tested primary [] firing'])
    })
  },
  install,
)
