// What is done about alerts: once each, in the right order, whoever dies in between; and nobody waits for a receiver that hangs.

import { createHmac } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import pg from 'pg'
import { beforeEach, expect, test } from 'vitest'
import { StrataError } from '../../../src/base/errors.ts'
import { sql } from '../../../src/sql/sql.ts'
import { createAlerts } from '../../../src/watch/rules/facade.ts'
import type { AlertMessage } from '../../../src/watch/rules/message.ts'
import type { WebhookSettings } from '../../../src/watch/rules/options.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { createWorld, forget, install, openReceiver, readActions, ruleOf, type Told } from './support.ts'

const webhook = (url: string, more: Partial<WebhookSettings> = {}): WebhookSettings => ({
  kind: 'webhook',
  name: 'oncall',
  url,
  secret: undefined,
  headers: {},
  timeoutMs: 5_000,
  ...more,
})

describeOnEachVersion(
  'actions',
  (_version, database) => {
    beforeEach(() => forget(database().db))

    test('a webhook is told of beginning and end, signed, once each', async () => {
      const { db } = database()
      const { url, told } = await openReceiver()
      const secret = 'sixteen characters'
      const actions = [webhook(url, { secret, headers: { 'x-team': 'data' } })]
      const { clock, look } = createWorld(db, { rules: [ruleOf({ actions: ['oncall'], keepMs: 0 })], actions })
      await look(12)
      clock.advance(10_000)
      await look(13)
      await look(2)
      expect(told.map(({ body }) => (JSON.parse(body) as AlertMessage).event)).toEqual(['fired', 'resolved'])
      const [first] = told
      const message = JSON.parse(first?.body ?? '') as AlertMessage
      expect(message).toMatchObject({
        group: 'Tested',
        action: 'oncall',
        alerts: [{ rule: 'Tested', severity: 'warning', node: 'primary', value: 12, threshold: 10, resolvedAt: null }],
      })
      const headers: Told['headers'] = first?.headers ?? {}
      expect(headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': message.id, 'x-team': 'data' })
      const signed = `${message.id}.${String(headers['webhook-timestamp'])}.${first?.body ?? ''}`
      expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', secret).update(signed).digest('base64')}`)
      expect(
        (await readActions(db)).map(({ event, action, state, attempts }) => `${event} ${action} ${state} ${attempts}`),
      ).toEqual(['fired log done 1', 'fired oncall done 1', 'resolved log done 1', 'resolved oncall done 1'])
    })

    test('a receiver that fails is told again, with the same id, and no more often than stated', async () => {
      const { db } = database()
      const { url, told } = await openReceiver((response) => void response.writeHead(500).end('x'.repeat(100_000)))
      const { clock, look, dispatcher } = createWorld(db, {
        rules: [ruleOf({ actions: ['oncall'] })],
        actions: [webhook(url)],
      })
      await look(12)
      for (let round = 0; round < 10; round++) {
        clock.advance(15 * 60_000)
        await dispatcher.round()
        await dispatcher.idle()
      }
      expect(told).toHaveLength(5)
      expect(new Set(told.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
      const [, action] = await readActions(db)
      expect(action).toMatchObject({
        action: 'oncall',
        state: 'failed',
        attempts: 5,
        failure: `HTTP 500: ${'x'.repeat(200)}`,
      })
    })

    test('between two tries it waits, and another try succeeds', async () => {
      const { db } = database()
      const { url, told } = await openReceiver(
        (response, count) => void response.writeHead(count === 1 ? 503 : 204).end(),
      )
      const { clock, look, dispatcher } = createWorld(db, {
        rules: [ruleOf({ actions: ['oncall'] })],
        actions: [webhook(url)],
      })
      await look(12)
      expect(await dispatcher.round()).toBe(0)
      clock.advance(6_000)
      expect(await dispatcher.round()).toBe(1)
      await dispatcher.idle()
      expect(told).toHaveLength(2)
      expect((await readActions(db))[1]).toMatchObject({ state: 'done', attempts: 2, failure: null })
    })

    test.each([
      ['a refusal', 400, 'HTTP 400: no'],
      ['a redirect', 302, 'HTTP 302: a redirect, which is not followed'],
    ])('%s is final', async (_name, status, failure) => {
      const { db } = database()
      const { url, told } = await openReceiver(
        (response) => void response.writeHead(status, { location: '/elsewhere' }).end('no\u0000\n'),
      )
      const { clock, look, dispatcher } = createWorld(db, {
        rules: [ruleOf({ actions: ['oncall'] })],
        actions: [webhook(url)],
      })
      await look(12)
      clock.advance(3_600_000)
      await dispatcher.round()
      await dispatcher.idle()
      expect(told).toHaveLength(1)
      expect((await readActions(db))[1]).toMatchObject({ state: 'failed', failure })
    })

    test('a receiver that closes the connection, or is not there, is tried again, and its address is told nobody', async () => {
      const { db } = database()
      const { url } = await openReceiver((response) => void response.socket?.destroy())
      const actions = [webhook(url), webhook('http://127.0.0.1:1/token-in-path', { name: 'nobody' })]
      const { look } = createWorld(db, { rules: [ruleOf({ actions: ['oncall', 'nobody'] })], actions })
      await look(12)
      const [, nobody, oncall] = await readActions(db)
      expect(nobody).toMatchObject({
        action: 'nobody',
        state: 'due',
        failure: expect.stringMatching(/^no answer/) as string,
      })
      expect(oncall).toMatchObject({
        action: 'oncall',
        state: 'due',
        failure: expect.stringMatching(/^no answer/) as string,
      })
      expect(JSON.stringify([nobody, oncall])).not.toMatch(/token-in-path|127\.0\.0\.1/)
    })

    test('one that hangs holds up no other and no further look', async () => {
      const { db } = database()
      const hanging = await openReceiver(() => undefined)
      const quick = await openReceiver()
      const actions = [
        webhook(hanging.url, { name: 'hanging', timeoutMs: 60_000 }),
        webhook(quick.url, { name: 'quick' }),
      ]
      const rules = Array.from({ length: 12 }, (_, index) =>
        ruleOf({ name: `R${index}`, actions: ['hanging', 'quick'] }),
      )
      const { readings, engine, dispatcher } = createWorld(db, { rules, actions })
      readings.set('pgstrata_blocked_sessions', { '[]': 12 })
      await engine.tick()
      await waitUntil(
        async () => {
          await dispatcher.round()
          return quick.told.length === 12
        },
        { what: 'all of the quick ones' },
      )
      expect(hanging.told).toHaveLength(2)
      await engine.tick()
      await dispatcher.stop()
      const left = (await readActions(db)).filter(({ action }) => action === 'hanging')
      // Whoever watches next goes on with those.
      expect(left.map(({ state }) => state)).toEqual(left.map(() => 'due'))
    })

    test.each([
      ['before its answer', (): void => undefined, 'no answer within 200 ms'],
      [
        'in its answer',
        (response: ServerResponse): void => void response.writeHead(500).write('begun, and'),
        'HTTP 500',
      ],
    ])('one that hangs %s is given up after its timeout', async (_name, answer, failure) => {
      const { db } = database()
      const { url } = await openReceiver(answer)
      const { look } = createWorld(db, {
        rules: [ruleOf({ actions: ['oncall'] })],
        actions: [webhook(url, { timeoutMs: 200 })],
      })
      await look(12)
      expect((await readActions(db))[1]).toMatchObject({ state: 'due', attempts: 1, failure })
    })

    test('a function that does not look at its signal has no place for longer than it may', async () => {
      const { db } = database()
      const run = (): Promise<unknown> => new Promise(() => undefined)
      const { look, dispatcher } = createWorld(db, {
        rules: [ruleOf({ actions: ['mine'] })],
        actions: [{ kind: 'hook', name: 'mine', run }],
      })
      const looking = look(12)
      await waitUntil(
        async () => (await readActions(db)).some(({ action, attempts }) => action === 'mine' && attempts === 1),
        {
          what: 'its first try',
        },
      )
      await dispatcher.stop()
      await looking
      expect((await readActions(db))[1]).toMatchObject({
        action: 'mine',
        state: 'due',
        failure: 'it took longer than it may',
      })
    })

    test('what is claimed while the process stops is left to the next one', async () => {
      const { db } = database()
      const run = (): Promise<unknown> => new Promise(() => undefined)
      const { readings, engine, dispatcher } = createWorld(db, {
        rules: [ruleOf({ actions: ['mine'] })],
        actions: [{ kind: 'hook', name: 'mine', run }],
      })
      readings.set('pgstrata_blocked_sessions', { '[]': 12 })
      await engine.tick()
      await dispatcher.round()
      // Claimed, and not begun yet.
      await dispatcher.stop()
      expect((await readActions(db))[1]).toMatchObject({ action: 'mine', state: 'due', attempts: 1 })
    })

    test('alerts of a group that come within a few seconds are one message; of another group another', async () => {
      const { db } = database()
      const { url, told } = await openReceiver()
      const rules = [
        ruleOf({ name: 'A', group: 'locks', actions: ['oncall'] }),
        ruleOf({ name: 'B', group: 'locks', metric: 'pgstrata_lock_wait_seconds', actions: ['oncall'] }),
        ruleOf({ name: 'C', group: 'other', actions: ['oncall'] }),
      ]
      const { clock, look, readings, engine, dispatcher } = createWorld(db, {
        rules,
        actions: [webhook(url)],
        groupMs: 5_000,
      })
      await look(12)
      clock.advance(3_000)
      readings.set('pgstrata_lock_wait_seconds', { '[]': 60 })
      await engine.tick()
      await dispatcher.round()
      await dispatcher.idle()
      expect(told).toEqual([])
      clock.advance(2_000)
      await dispatcher.round()
      await dispatcher.idle()
      const said = told.map(({ body }) => (JSON.parse(body) as AlertMessage).alerts.map(({ rule }) => rule))
      expect(said.toSorted()).toEqual([['A', 'B'], ['C']])
    })

    test('NOTIFY tells whoever listens, exactly once', async () => {
      const { db, url } = database()
      const heard: string[] = []
      const client = new pg.Client({ connectionString: url })
      client.on('notification', ({ payload }) => void heard.push(payload ?? ''))
      await client.connect()
      await client.query('listen "alarm Ü"')
      const { look } = createWorld(db, {
        rules: [ruleOf({ actions: ['channel'] })],
        actions: [{ kind: 'notify', name: 'channel', channel: 'alarm Ü' }],
      })
      await look(12)
      await waitUntil(() => heard.length > 0, { what: 'the notification' })
      await client.end()
      expect(heard.map((text) => JSON.parse(text) as unknown)).toMatchObject([
        { event: 'fired', alerts: [{ rule: 'Tested', node: 'primary' }] },
      ])
      expect((await readActions(db))[0]).toMatchObject({ action: 'channel', state: 'done', attempts: 1 })
    })

    test('a job is run when an alert fires, and not when it ends', async () => {
      const { db } = database()
      const ran: string[] = []
      const runJob = (name: string): Promise<{ state: string; did: string }> => {
        ran.push(name)
        if (ran.length > 1) throw new StrataError('JOB_BUSY', { message: 'Job "repair" is running already' })
        return Promise.resolve({ state: 'done', did: 'mended' })
      }
      const { clock, look } = createWorld(db, {
        rules: [ruleOf({ actions: ['repair'], keepMs: 0 })],
        actions: [{ kind: 'job', name: 'repair', job: 'analyze' }],
        runJob,
      })
      await look(12)
      await look(0)
      expect(ran).toEqual(['analyze'])
      await look(12)
      const alerts = await createAlerts({ db, rules: [], clock }).history()
      expect(alerts.map(({ actions }) => actions.find(({ action }) => action === 'repair')?.report)).toEqual([
        { job: 'analyze', did: 'it was running already' },
        { job: 'analyze', did: 'mended' },
      ])
    })

    test('a silence keeps everybody but the log from hearing; what still fires afterwards is told then', async () => {
      const { db } = database()
      const { url, told } = await openReceiver()
      const rule = ruleOf({ actions: ['oncall'], keepMs: 0 })
      const { clock, look } = createWorld(db, { rules: [rule], actions: [webhook(url)] })
      const alerts = createAlerts({ db, rules: [rule], clock })
      await alerts.silence({ rule: 'Tested', untilMs: clock.now() + 60_000, reason: 'known' })
      await look(12)
      await look(0)
      expect(told).toEqual([])
      expect((await readActions(db)).map(({ event, action, state }) => `${event} ${action} ${state}`)).toEqual([
        'fired log done',
        'fired oncall silenced',
        'resolved log done',
        'resolved oncall silenced',
      ])
      await look(12)
      clock.advance(61_000)
      await look(12)
      expect(told.map(({ body }) => (JSON.parse(body) as AlertMessage).event)).toEqual(['fired'])
      expect(await alerts.silences()).toEqual([])
    })

    test('a silence of another node, series or rule is none', async () => {
      const { db } = database()
      const { url, told } = await openReceiver()
      const rules = [ruleOf({ actions: ['oncall'] }), ruleOf({ name: 'Other' })]
      const { clock, look } = createWorld(db, { rules, actions: [webhook(url)] })
      const alerts = createAlerts({ db, rules, clock })
      const untilMs = clock.now() + 60_000
      await alerts.silence({ rule: 'Other', untilMs, reason: 'x', madeBy: 'ada' })
      await alerts.silence({ rule: 'Tested', node: 'replica', untilMs, reason: 'x' })
      await alerts.silence({ rule: 'Tested', series: '["x"]', untilMs, reason: 'x' })
      const { id } = await alerts.silence({ rule: 'Tested', untilMs, reason: 'ended at once' })
      expect(await alerts.unsilence(id)).toBe(true)
      expect(await alerts.unsilence(id)).toBe(false)
      await look(12)
      expect(told).toHaveLength(1)
      expect((await alerts.silences()).map(({ madeBy }) => madeBy)).toEqual(['postgres', 'postgres', 'ada'])
      await expect(alerts.silence({ rule: 'Testd', untilMs, reason: 'x' })).rejects.toMatchObject({
        code: 'ALERT_RULE_UNKNOWN',
        message: 'There is no rule "Testd" (did you mean "Tested"?)',
      })
    })

    test('the end is told after the beginning, whatever came in between', async () => {
      const { db } = database()
      const { url, told } = await openReceiver(
        (response, count) => void response.writeHead(count < 3 ? 500 : 200).end(),
      )
      const { clock, look, dispatcher } = createWorld(db, {
        rules: [ruleOf({ actions: ['oncall'], keepMs: 0 })],
        actions: [webhook(url)],
      })
      await look(12)
      await look(0)
      for (let round = 0; round < 4; round++) {
        clock.advance(60_000)
        await dispatcher.round()
        await dispatcher.idle()
      }
      expect(told.map(({ body }) => (JSON.parse(body) as AlertMessage).event)).toEqual([
        'fired',
        'fired',
        'fired',
        'resolved',
      ])
    })

    test('an action that is not declared any more is noted as failed', async () => {
      const { db } = database()
      const { look } = createWorld(db, { rules: [ruleOf({ actions: ['gone'] })] })
      await look(12)
      expect((await readActions(db))[0]).toMatchObject({
        action: 'gone',
        state: 'failed',
        failure: 'no such action is declared',
      })
    })

    test('a claim that ran out is taken up by another, under the same id', async () => {
      const { db } = database()
      const { url, told } = await openReceiver()
      const world = createWorld(db, { rules: [ruleOf({ actions: ['oncall'] })], actions: [webhook(url)] })
      await world.look(12)
      await db.query(sql`update pgstrata.alert_action set state = 'due' where action = 'oncall'`)
      world.clock.advance(20_000)
      expect(await world.dispatcher.round()).toBe(0)
      world.clock.advance(20_000)
      expect(await world.dispatcher.round()).toBe(1)
      await world.dispatcher.idle()
      expect(new Set(told.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
      expect(told).toHaveLength(2)
    })
  },
  install,
)
