// The states of a partition between its tiers: every event is decided in every state, every state can be reached, and from each there
// is a way back to rest.

import { expect, test } from 'vitest'
import {
  events,
  follow,
  isResting,
  moves,
  restingStates,
  states,
  transitions,
  type State,
} from '../../src/tiers/model/states.ts'
import { steps } from '../../src/tiers/move/steps.ts'

/** Whatever may follow on a state, wherever the move began. */
function nextOf(state: State): readonly State[] {
  return events.flatMap((event) => restingStates.flatMap((rest) => follow({ state, rest }, event) ?? []))
}

function reachableFrom(begin: State): ReadonlySet<State> {
  const seen = new Set<State>([begin])
  for (const state of seen) for (const next of nextOf(state)) seen.add(next)
  return seen
}

test('every event is decided in every state', () => {
  expect(Object.keys(transitions).toSorted()).toEqual([...states].toSorted())
  for (const state of states) expect(Object.keys(transitions[state]).toSorted(), state).toEqual([...events].toSorted())
})

test('every state can be reached from an ordinary partition', () => {
  expect([...reachableFrom('hot')].toSorted()).toEqual([...states].toSorted())
})

test.each(states.filter((state) => !isResting(state)))('%s: comes to rest by completing, or by going back', (state) => {
  const follows = (from: State): State | null =>
    follow({ state: from, rest: 'hot' }, from === 'archived' ? 'drop' : 'completed')
  const way: State[] = [state]
  for (let next = follows(state); next !== null && way.length <= states.length; next = follows(next)) {
    way.push(next)
    if (isResting(next)) break
  }
  expect(way.at(-1)).toSatisfy(isResting)
  if (state === 'aborting') return
  expect(follow({ state, rest: 'hot' }, 'abort')).toBe('aborting')
})

test.each(restingStates)('an aborted move goes back to %s', (rest) => {
  expect(follow({ state: 'aborting', rest }, 'completed')).toBe(rest)
})

test('a move begins at rest only, but for the drop behind the grace', () => {
  for (const state of states) {
    for (const move of moves) {
      const next = follow({ state, rest: 'hot' }, move)
      if (move === 'drop') expect(next !== null, state).toBe(state === 'archived')
      else if (next !== null) expect(state).toSatisfy(isResting)
    }
  }
})

test('there is a step for each state in which something is to be done', () => {
  const waiting = states.filter((state) => isResting(state) || state === 'archived')
  expect([...Object.keys(steps), ...waiting].toSorted()).toEqual([...states].toSorted())
})
