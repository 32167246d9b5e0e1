// GET /live: live events over Server-Sent Events, of the topics that a page names.
//
// Who may hear what: what may be read may be heard, and that is open to everybody: prices, alerts and what fired, what is counted of prices and
// wallets. Balances and the values of portfolios go one wallet at a time, or a few by name: there is no listening to all wallets at once, which
// would be most of what the database writes.

import type { Conditions, TopicSpec, TopicValue } from 'pgstrata'
import { fastifyLive } from 'pgstrata/http'
import type { App } from 'pgstrata-example-kit'
import type { ApiContext } from './context.ts'

export async function addLive(app: App, { strata }: ApiContext): Promise<void> {
  await app.register(fastifyLive<TopicSpec>(strata.live, { path: '/live', authorize: (_, topic) => mayBeHeard(topic) }))
}

function mayBeHeard(topic: TopicSpec): boolean {
  if ('table' in topic) return topic.table !== 'TokenBalance' || names(topic.key, 'walletId')
  if ('rollup' in topic) return topic.rollup !== 'portfolio_hourly' || names(topic.by, 'walletId')
  return true
}

/** With a value to be compared with: a condition on null is no condition of one wallet. */
function names(conditions: Conditions | undefined, column: string): boolean {
  const value = conditions?.[column]
  const values: readonly TopicValue[] = value === undefined ? [] : isList(value) ? value : [value]
  return values.length > 0 && !values.includes(null)
}

function isList(value: TopicValue | readonly TopicValue[]): value is readonly TopicValue[] {
  return Array.isArray(value)
}
