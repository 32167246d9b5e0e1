// That a server does not answer is told while the database that holds the alerts is away as well: once, and it is in the table as soon as
// that is back.

import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { silentLogger } from '../../../src/base/logger.ts'
import { systemRandom } from '../../../src/base/random.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { createActions } from '../../../src/watch/rules/actions/index.ts'
import { Alerting } from '../../../src/watch/rules/alerting.ts'
import { createAlerts } from '../../../src/watch/rules/facade.ts'
import type { AlertMessage } from '../../../src/watch/index.ts'
import { describeOnEachVersion, type TestDatabase } from '../../support/postgres.ts'
import { startTcpProxy } from '../../support/tcp-proxy.ts'
import { waitUntil } from '../../support/wait.ts'
import { forget, install, Readings, readActions, readStates, ruleOf } from './support.ts'

interface World {
  readonly readings: Readings
  readonly told: string[]
  onTold: (() => void) | undefined
  cut(isAway: boolean): void
  /** Once, at the statement with this in it. */
  cutAt(text: string): void
  cuts: number
}

const rules = [
  ruleOf({
    name: 'Down',
    metric: 'pgstrata_up',
    under: 1,
    over: undefined,
    clear: 1,
    forMs: 300,
    keepMs: 0,
    actions: ['oncall', 'shy'],
  }),
  ruleOf({ forMs: 0, keepMs: 0, actions: ['oncall'] }),
]

/** Whoever is told, with what is told by a function of the name 'oncall'. */
async function start(url: string, isWatching = (): boolean => true): Promise<World> {
  const target = new URL(url)
  const proxy = await startTcpProxy(() => Number(target.port))
  const address = Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(proxy.port) }).href
  const db = openDb({ url: address, max: 2 })
  const readings = new Readings(systemClock)
  const world: World = {
    readings,
    told: [],
    onTold: undefined,
    cuts: 0,
    cut: (isAway) => void (proxy.cutWhen = isAway ? () => true : undefined),
    cutAt: (text) => {
      proxy.cutWhen = (data) => {
        const isIt = data.includes(text)
        if (isIt) proxy.cutWhen = undefined
        world.cuts += isIt ? 1 : 0
        return isIt
      }
    },
  }
  const tools = { db, clock: systemClock, logger: silentLogger }
  const run = ({ event, alerts }: AlertMessage): Promise<void> => {
    world.told.push(...alerts.map(({ rule, node }) => `${event} ${rule} ${node}`))
    world.onTold?.()
    return Promise.resolve()
  }
  const actions = createActions({
    ...tools,
    settings: [
      { kind: 'hook', name: 'oncall', run },
      { kind: 'notify', name: 'shy', channel: 'shy' },
    ],
    runJob: () => Promise.reject(new Error('there are no jobs')),
  })
  const settings = { rules, actions: [], everyMs: 250, groupMs: 0, historyMs: 86_400_000 }
  const { latest } = readings
  const alerting = new Alerting({ ...tools, settings, actions, latest, measured: [], isWatching, random: systemRandom })
  onTestFinished(async () => {
    await alerting.stop()
    await db.close({ now: true })
    await proxy.close()
  })
  readings.set('pgstrata_up', { '[]': 1 })
  alerting.start()
  return world
}

async function waitForLook({ db }: TestDatabase, { readings }: World): Promise<void> {
  readings.set('pgstrata_blocked_sessions', { '[]': 12 })
  await waitUntil(async () => (await readStates(db)).includes('Tested primary [] firing'), {
    timeoutMs: 30_000,
    what: 'a first look',
  })
}

describeOnEachVersion(
  'while the database is away',
  (_version, database) => {
    beforeEach(() => forget(database().db))

    test('a server that does not answer is told once; the table has it afterwards, and its end', async () => {
      const { db, url } = database()
      const world = await start(url)
      await waitForLook(database(), world)
      await waitUntil(() => world.told.length === 1, { timeoutMs: 30_000, what: 'the other alert is told' })
      await waitUntil(async () => (await readActions(db)).every(({ state }) => state === 'done'), {
        timeoutMs: 30_000,
        what: 'that is noted',
      })
      world.cut(true)
      world.readings.set('pgstrata_up', { '[]': 0 })
      await waitUntil(() => world.told.includes('fired Down primary'), { timeoutMs: 30_000, what: 'that it is told' })
      // What needs the table, or stands in it already, is not told without it.
      expect(await readStates(db)).toEqual(['Tested primary [] firing'])
      world.readings.set('pgstrata_up', { '[]': 1 })
      world.readings.set('pgstrata_blocked_sessions', { '[]': 0 })
      world.cut(false)
      await waitUntil(() => world.told.length === 4, { timeoutMs: 30_000, what: 'both ends are told' })
      expect(world.told.toSorted()).toEqual([
        'fired Down primary',
        'fired Tested primary',
        'resolved Down primary',
        'resolved Tested primary',
      ])
      expect((await readStates(db)).toSorted()).toEqual(['Down primary [] resolved', 'Tested primary [] resolved'])
      await waitUntil(async () => (await readActions(db)).every(({ state }) => state === 'done'), {
        timeoutMs: 30_000,
        what: 'all is done',
      })
      const down = (await readActions(db)).filter(({ rule }) => rule === 'Down')
      expect(down.map(({ event, action, attempts }) => `${event} ${action} ${attempts}`)).toEqual([
        'fired log 1',
        'fired oncall 1',
        'fired shy 1',
        'resolved log 1',
        'resolved oncall 1',
        'resolved shy 1',
      ])
    })

    test('what is told as it goes away is noted when it is back, long before somebody else would tell it again', async () => {
      const { db, url } = database()
      const world = await start(url)
      world.onTold = () => world.cut(true)
      await waitForLook(database(), world)
      await waitUntil(() => world.told.length === 1, { timeoutMs: 30_000, what: 'that it is told' })
      expect((await readActions(db)).filter(({ action }) => action === 'oncall').map(({ state }) => state)).toEqual([
        'due',
      ])
      world.onTold = undefined
      world.readings.set('pgstrata_blocked_sessions', { '[]': 0 })
      world.cut(false)
      await waitUntil(() => world.told.length > 1, { timeoutMs: 20_000, what: 'that its end is told' })
      expect(world.told).toEqual(['fired Tested primary', 'resolved Tested primary'])
    })

    test('what was taken up and could not be read is told as soon as it can', async () => {
      const { url } = database()
      const world = await start(url)
      world.cutAt('select id::text as id, rule, severity, node, value, summary')
      await waitForLook(database(), world)
      await waitUntil(() => world.told.length > 0, { timeoutMs: 20_000, what: 'that it is told' })
      expect([world.cuts, ...world.told]).toEqual([1, 'fired Tested primary'])
    })

    test('one that is told of already, or silenced, is not told', async () => {
      const { db, url } = database()
      const world = await start(url)
      const alerts = createAlerts({ db, rules, clock: systemClock })
      world.readings.set('pgstrata_up', { '[]': 0 }, 'replica-1')
      await alerts.silence({ rule: 'Down', node: 'replica-2', untilMs: Date.now() + 600_000, reason: 'it is moved' })
      await waitUntil(() => world.told.includes('fired Down replica-1'), {
        timeoutMs: 30_000,
        what: 'that one is down',
      })
      await waitForLook(database(), world)
      world.cut(true)
      world.readings.set('pgstrata_up', { '[]': 0 }, 'replica-2')
      world.readings.set('pgstrata_up', { '[]': 0 }, 'replica-3')
      await waitUntil(() => world.told.includes('fired Down replica-3'), {
        timeoutMs: 30_000,
        what: 'that another one is',
      })
      world.cut(false)
      const states = async (): Promise<readonly string[]> =>
        (await readStates(db)).filter((one) => one.startsWith('Down'))
      await waitUntil(async () => (await states()).length === 3, { timeoutMs: 30_000, what: 'that the table has them' })
      expect(world.told.filter((one) => one.includes('Down'))).toEqual(['fired Down replica-1', 'fired Down replica-3'])
    })
  },
  install,
)
