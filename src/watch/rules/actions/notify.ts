// Tells whoever listens on a channel of the database. Inside the transaction that notes it: exactly once. A payload of NOTIFY has 8,000
// bytes at most, so it has the ids of the alerts, what they are and no evidence.

import { sql } from '../../../sql/sql.ts'
import type { AlertMessage } from '../message.ts'
import type { NotifySettings } from '../options.ts'
import type { Action } from './action.ts'

const mostBytes = 7_900

export function createNotify({ name, channel }: NotifySettings): Action {
  return {
    name,
    hears: ['fired', 'resolved'],
    limitMs: 5_000,
    waitsMs: [5_000, 30_000],
    isInside: true,
    reachesOut: false,
    run: async (message, { on }) => {
      await on.query(sql`select pg_notify(${channel}, ${payloadOf(message)})`)
      return { kind: 'done' }
    },
  }
}

/** As many alerts as there is room for; `more` counts the rest. */
function payloadOf({ id, event, group, alerts }: AlertMessage): string {
  const short = alerts.map(({ id: alert, rule, severity, node, summary }) => ({
    id: alert,
    rule,
    severity,
    node,
    summary: summary.slice(0, 200),
  }))
  for (let count = short.length; ; count = Math.floor(count / 2)) {
    const more = short.length - count
    const text = JSON.stringify({ id, event, group, alerts: short.slice(0, count), ...(more > 0 ? { more } : {}) })
    if (count === 0 || Buffer.byteLength(text) <= mostBytes) return text
  }
}
