// The states hang together: every one is reached, every one leads to an end, and none that was swapped goes back.

import { expect, test } from 'vitest'
import {
  events,
  firstState,
  follow,
  isFinal,
  states,
  type LiveMethod,
  type State,
} from '../../../src/partitions/convert/states.ts'

const methods: readonly LiveMethod[] = ['relabel', 'copy']

function reachable(method: LiveMethod, from: State): ReadonlySet<State> {
  const seen = new Set<State>([from])
  for (const state of seen) {
    for (const event of events) {
      const next = follow(method, state, event)
      if (next !== null) seen.add(next)
    }
  }
  return seen
}

test.each(methods)('%s: what completes leads from the first state to the end', (method) => {
  let state: State = firstState[method]
  const way: State[] = []
  while (!isFinal(state)) {
    way.push(state)
    expect(way.length).toBeLessThan(states.length)
    state = follow(method, state, 'completed') ?? 'aborted'
  }
  expect(state).toBe('done')
  expect(way.at(-2)).toBe('swapping')
})

test.each(methods)(
  '%s: from everywhere there is a way to an end; from before the swap, to the plain table',
  (method) => {
    for (const state of reachable(method, firstState[method])) {
      const ends = [...reachable(method, state)].filter(isFinal)
      expect(ends.length, state).toBeGreaterThan(0)
      const isSwapped = state === 'settling' || state === 'done'
      expect(ends.includes('aborted'), state).toBe(!isSwapped)
      expect(follow(method, state, 'abort') !== null, state).toBe(!isSwapped && !isFinal(state))
    }
  },
)

test('no state is in vain', () => {
  const used = new Set(methods.flatMap((method) => [...reachable(method, firstState[method])]))
  expect([...used].toSorted()).toEqual([...states].toSorted())
})
