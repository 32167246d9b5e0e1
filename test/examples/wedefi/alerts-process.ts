// Evaluates alerts and tells of their events as fast as it can, as a process of its own, for tests that kill it.
//   node --import jiti/register test/examples/wedefi/alerts-process.ts postgres://… http://…

import { setTimeout as pause } from 'node:timers/promises'
import { openDb } from 'pgstrata'
import { deliverEvents } from '../../../examples/wedefi/src/alerts/deliver.ts'
import { evaluateAlerts } from '../../../examples/wedefi/src/alerts/evaluate.ts'
import { createWebhook } from '../../../examples/wedefi/src/alerts/sender.ts'

const [url = '', webhook = ''] = process.argv.slice(2)
const db = openDb({ url })
const stopping = new AbortController()
process.once('SIGTERM', () => stopping.abort())
const send = createWebhook({ url: webhook })
process.stdout.write('ready\n')
while (!stopping.signal.aborted) {
  await evaluateAlerts(db, { pricesAtOnce: 7 })
  // A lease of 1.2 seconds: what a killed process had taken comes again soon.
  await deliverEvents(db, { send, timeoutMs: 200, atOnce: 3 })
  await pause(5)
}
await db.close()
