// For as long as a process watches: it looks and does what is due, waits for a database that is away, and does neither once another
// process watches.

import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { systemRandom } from '../../../src/base/random.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { createActions } from '../../../src/watch/rules/actions/index.ts'
import { Alerting, type AlertingOptions } from '../../../src/watch/rules/alerting.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { startTcpProxy } from '../../support/tcp-proxy.ts'
import { waitUntil } from '../../support/wait.ts'
import { install, Readings, readActions, readStates, ruleOf } from './support.ts'

describeOnEachVersion(
  'alerting',
  (_version, database) => {
    test('goes on from what it knows when the database is back, and says once that it waits', async () => {
      const { db, url } = database()
      const target = new URL(url)
      const proxy = await startTcpProxy(() => Number(target.port))
      onTestFinished(() => proxy.close())
      const through = openDb({
        url: Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(proxy.port) }).href,
        max: 2,
      })
      onTestFinished(() => through.close({ now: true }))
      const readings = new Readings(systemClock)
      const warned: string[] = []
      const logger = { debug: () => undefined, info: () => undefined, warn: (text: string) => void warned.push(text) }
      const tools = { db: through, clock: systemClock, logger }
      let isWatching = true
      let asked = 0
      const options: AlertingOptions = {
        ...tools,
        settings: {
          rules: [ruleOf({ forMs: 300, keepMs: 0 })],
          actions: [],
          everyMs: 250,
          groupMs: 0,
          historyMs: 86_400_000,
        },
        actions: createActions({
          ...tools,
          settings: [],
          runJob: () => Promise.reject(new Error('there are no jobs')),
        }),
        latest: readings.latest,
        measured: [],
        isWatching: () => {
          asked++
          return isWatching
        },
        random: systemRandom,
      }
      const alerting = new Alerting(options)
      onTestFinished(() => alerting.stop())
      readings.set('pgstrata_blocked_sessions', { '[]': 12 })
      alerting.start()
      await waitUntil(async () => (await readStates(db)).length > 0, { what: 'a pending alert' })
      proxy.cutWhen = () => true
      await waitUntil(() => warned.some((text) => text === 'Alerts wait for the database'), { what: 'that it waits' })
      const states = await readStates(db)
      proxy.cutWhen = undefined
      await waitUntil(async () => (await readStates(db))[0]?.endsWith('firing'), { what: 'the alert fires' })
      await waitUntil(async () => (await readActions(db))[0]?.state === 'done', { what: 'the log has it' })
      expect(states).toHaveLength(1)
      expect(await readStates(db)).toHaveLength(1)
      expect(warned.filter((text) => text === 'Alerts wait for the database')).toHaveLength(1)

      isWatching = false
      const last = asked
      // A round that had begun is over by then.
      await waitUntil(() => asked > last + 1, { what: 'it knows' })
      await db.query(sql`update pgstrata.alert_action set state = 'due', due_at = now(), attempts = 7`)
      const looked = (await db.query<{ seen: Date }>(sql`select seen_at as seen from pgstrata.alert`)).rows[0]?.seen
      readings.set('pgstrata_blocked_sessions', { '[]': 0 })
      const before = asked
      await waitUntil(() => asked > before + 3, { what: 'it has asked again and again' })
      expect(await readStates(db)).toEqual(['Tested primary [] firing'])
      expect((await readActions(db))[0]).toMatchObject({ state: 'due', attempts: 7 })
      expect((await db.query<{ seen: Date }>(sql`select seen_at as seen from pgstrata.alert`)).rows[0]?.seen).toEqual(
        looked,
      )
    })
  },
  install,
)
