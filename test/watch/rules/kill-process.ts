// A daemon of its own, for tests that kill it: looks at one value, and tells a webhook. It begins when it is told to: to load everything takes
// longer than all else.

import { systemClock } from '../../../src/base/clock.ts'
import { silentLogger } from '../../../src/base/logger.ts'
import { systemRandom } from '../../../src/base/random.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { createActions } from '../../../src/watch/rules/actions/index.ts'
import { Alerting } from '../../../src/watch/rules/alerting.ts'
import type { AlertSettings } from '../../../src/watch/rules/options.ts'
import { Readings } from './support.ts'

export interface DaemonCall {
  readonly url: string
  readonly settings: AlertSettings
  readonly value: number
}

process.stdout.write('ready\n')
await new Promise((resolve) => process.stdin.once('data', resolve))
process.stdin.destroy()

const call = JSON.parse(process.argv[2] ?? '') as DaemonCall
const { url, settings, value } = call
const db = openDb({ url })
const readings = new Readings(systemClock)
readings.set('pgstrata_blocked_sessions', { '[]': value })
const tools = { db, clock: systemClock, logger: silentLogger }
const runJob = (): Promise<never> => Promise.reject(new Error('there are no jobs'))
new Alerting({
  ...tools,
  settings,
  actions: createActions({ ...tools, settings: settings.actions, runJob }),
  latest: readings.latest,
  measured: [],
  random: systemRandom,
}).start()
