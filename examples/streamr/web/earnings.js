// @ts-check
// What one and one's friends have earned: counting up, of the last day, and by how many nodes.

import { fill, h } from '/kit/dom.js'
import { createState } from '/kit/state.js'
import { createCounter } from './counter.js'
import { formatTokens } from './money.js'
import { read } from '/kit/reading.js'
import { createTile } from '/kit/tiles.js'

export function createEarnings() {
  const counterHost = h('div', { class: 'tile tile-wide' })
  const counter = createCounter(counterHost)
  const [day, active] = [createTile('Last 24 hours'), createTile('Friends’ nodes')]
  const body = h('div', { class: 'tiles' }, counterHost, day.element, active.element)
  const host = h('section', { 'aria-label': 'Earnings', id: 'earnings' })
  const state = createState(host, {
    load: async (signal) => await read('/earnings', signal),
    render: ({ as_of, hours_back, own, friends }, place) => {
      /** @param {'amount' | 'amount_1d' | 'amount_last'} name */
      const both = (name) => BigInt(own[name]) + BigInt(friends[name])
      if (!place.contains(body)) fill(place, body)
      counter.update({ paid: both('amount'), perHour: both('amount_last') / BigInt(hours_back), since: as_of })
      day.set(formatTokens(both('amount_1d')), `${formatTokens(own.amount_1d)} by your own nodes`, 'tokens')
      active.set(
        friends.nodes === 0 ? 'None' : `${friends.active} of ${friends.nodes}`,
        [friends.nodes > 0 && 'active', own.nodes > 0 && `${own.active} of ${own.nodes} of your own`]
          .filter(Boolean)
          .join(', and '),
      )
    },
    skeleton: 'tiles',
    rows: 3,
  })
  return {
    element: host,
    refresh: state.refresh,
    close: () => {
      counter.close()
      state.close()
    },
  }
}
