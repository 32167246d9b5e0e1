// What becomes of an alert, step by step: against every sequence of readings, told by what a person would say of them.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Rule } from '../../../src/watch/model/rule.ts'
import {
  forgetMs,
  holeMs,
  step,
  type Happening,
  type Observation,
  type Standing,
} from '../../../src/watch/rules/step.ts'
import { checkProperty } from '../../support/property.ts'
import { ruleOf } from './support.ts'

interface Moment {
  readonly atMs: number
  readonly observation: Observation
}

interface Seen extends Moment {
  readonly happening: Happening
  readonly state: Standing | undefined
}

function run(rule: Rule, moments: readonly Moment[]): readonly Seen[] {
  let state: Standing | undefined
  return moments.map((moment) => {
    const outcome = step(rule, state, moment.observation, moment.atMs)
    state = outcome.state
    return { ...moment, happening: outcome.happening, state }
  })
}

const value = (number: number): Observation => ({ kind: 'value', value: number })
const every = (stepMs: number, observations: readonly Observation[]): readonly Moment[] =>
  observations.map((observation, index) => ({ atMs: index * stepMs, observation }))
const happenings = (rule: Rule, stepMs: number, values: readonly number[]): readonly Happening[] =>
  run(rule, every(stepMs, values.map(value))).map(({ happening }) => happening)

describe('an alert', () => {
  const rule = ruleOf({ over: 10, clear: 5, forMs: 30_000, keepMs: 20_000 })

  test('fires once it has lasted, and ends once it has been well for long enough', () => {
    expect(happenings(rule, 10_000, [11, 11, 11, 11, 11, 4, 4, 4, 4])).toEqual([
      'began',
      'nothing',
      'nothing',
      'fired',
      'nothing',
      'nothing',
      'nothing',
      'resolved',
      'nothing',
    ])
  })

  test('fires at once where it need not last', () => {
    expect(happenings(ruleOf({ over: 10, forMs: 0 }), 10_000, [11, 12])).toEqual(['fired', 'nothing'])
  })

  test('is dropped when the value comes back before it has lasted', () => {
    expect(happenings(rule, 10_000, [11, 11, 9, 11])).toEqual(['began', 'nothing', 'dropped', 'began'])
  })

  test('goes on while the value moves between threshold and clear, and begins anew to be well afterwards', () => {
    expect(happenings({ ...rule, forMs: 0 }, 10_000, [11, 4, 7, 4, 4, 4])).toEqual([
      'fired',
      'nothing',
      'nothing',
      'nothing',
      'nothing',
      'resolved',
    ])
  })

  test('of a value that must not be low is the same the other way round', () => {
    const low = ruleOf({ over: undefined, under: 0.9, clear: 0.95, forMs: 0, keepMs: 0 })
    expect(happenings(low, 10_000, [0.9, 0.89, 0.92, 0.94, 0.95])).toEqual([
      'nothing',
      'fired',
      'nothing',
      'nothing',
      'resolved',
    ])
  })

  test('ends when what it is about is gone', () => {
    const moments = every(10_000, [value(11), { kind: 'gone' }, { kind: 'gone' }, { kind: 'gone' }])
    expect(run({ ...rule, forMs: 0 }, moments).map(({ happening }) => happening)).toEqual([
      'fired',
      'nothing',
      'nothing',
      'resolved',
    ])
  })

  test('knows the worst of its values', () => {
    const seen = run({ ...rule, forMs: 0 }, every(10_000, [11, 40, 12].map(value)))
    expect(seen.at(-1)?.state).toMatchObject({ value: 12, worst: 40 })
  })
})

describe('where nothing is known', () => {
  const rule = ruleOf({ over: 10, clear: 5, forMs: 30_000, keepMs: 20_000 })
  const unknown: Observation = { kind: 'unknown' }

  test('an alert neither fires nor ends, and is given up after a week', () => {
    const fired: Standing = { ...firing, seenMs: 0 }
    expect(step(rule, fired, unknown, forgetMs)).toMatchObject({ state: { phase: 'firing' }, happening: 'nothing' })
    expect(step(rule, fired, unknown, forgetMs + 1)).toEqual({ state: undefined, happening: 'forgotten' })
  })

  test('what was pending has not lasted through it', () => {
    const pending: Standing = { ...firing, phase: 'pending', firedMs: undefined, seenMs: 0, beganMs: 0 }
    const after = holeMs + 1
    expect(step(rule, pending, value(11), after)).toMatchObject({ state: { beganMs: after }, happening: 'nothing' })
    expect(step(rule, pending, unknown, after)).toEqual({ state: undefined, happening: 'dropped' })
    expect(step(rule, pending, value(11), 60_000).happening).toBe('fired')
  })

  test('what was well has not been well through it', () => {
    const well: Standing = { ...firing, seenMs: 0, wellSinceMs: 0 }
    expect(step(rule, well, value(1), holeMs + 1)).toMatchObject({ state: { wellSinceMs: holeMs + 1 } })
    expect(step(rule, well, value(1), holeMs).happening).toBe('resolved')
  })

  test('NaN is nothing known', () => {
    expect(step(rule, undefined, value(Number.NaN), 0).happening).toBe('nothing')
    expect(step(rule, firing, value(Number.NaN), 60_000)).toMatchObject({ state: firing })
  })

  const firing: Standing = {
    phase: 'firing',
    beganMs: 0,
    firedMs: 0,
    wellSinceMs: undefined,
    seenMs: 0,
    value: 11,
    worst: 11,
  }
})

const moments = fc
  .array(
    fc.record({
      gapMs: fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom(5_000, 10_000, 20_000) },
        { weight: 1, arbitrary: fc.constantFrom(holeMs, holeMs + 1, 10 * 60_000, forgetMs + 1) },
      ),
      observation: fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom(0, 5, 6, 10, 11, 99).map(value) },
        { weight: 2, arbitrary: fc.constant<Observation>({ kind: 'unknown' }) },
        { weight: 1, arbitrary: fc.constantFrom<Observation>({ kind: 'gone' }, { kind: 'quiet' }) },
      ),
    }),
    { maxLength: 60 },
  )
  .map((gaps) => {
    let atMs = 0
    return gaps.map(({ gapMs, observation }): Moment => ({ atMs: (atMs += gapMs), observation }))
  })

const cases = fc.record({
  rule: fc
    .record({ forMs: fc.constantFrom(0, 10_000, 30_000, 300_000), keepMs: fc.constantFrom(0, 20_000, 60_000, 300_000) })
    .map((lasting) => ruleOf({ over: 10, clear: 5, ...lasting })),
  moments,
})

const isBad = ({ observation }: Moment): boolean => observation.kind === 'value' && observation.value > 10
const isWell = ({ observation }: Moment): boolean =>
  observation.kind === 'gone' ||
  observation.kind === 'quiet' ||
  (observation.kind === 'value' && observation.value <= 5)
const isUnknown = ({ observation }: Moment): boolean => observation.kind === 'unknown'

/** The last stretch up to `index` in which all that was known was so, without an interruption. */
function lastedMs(seen: readonly Seen[], index: number, isSo: (moment: Moment) => boolean): number {
  const end = seen[index]?.atMs ?? 0
  let sinceMs = end
  let knownMs = end
  for (let at = index; at >= 0; at--) {
    const moment = seen[at]
    if (moment === undefined || (!isUnknown(moment) && !isSo(moment)) || knownMs - moment.atMs > holeMs) break
    if (isUnknown(moment)) continue
    sinceMs = moment.atMs
    knownMs = moment.atMs
  }
  return end - sinceMs
}

test('whatever is seen: fired once an episode, never early, and over only after it was well for long enough', async () => {
  await checkProperty(
    'steps of alerts',
    cases,
    ({ rule, moments: given }) => {
      const seen = run(rule, given)
      let isFiring = false
      seen.forEach((moment, index) => {
        const { happening, state } = moment
        if (happening === 'fired') {
          expect(isFiring).toBe(false)
          expect(isBad(moment)).toBe(true)
          expect(lastedMs(seen, index, isBad)).toBeGreaterThanOrEqual(rule.forMs)
          isFiring = true
        }
        if (happening === 'resolved') {
          expect(isFiring).toBe(true)
          expect(isWell(moment)).toBe(true)
          expect(lastedMs(seen, index, isWell)).toBeGreaterThanOrEqual(rule.keepMs)
          isFiring = false
        }
        if (happening === 'forgotten') {
          expect(isFiring && isUnknown(moment)).toBe(true)
          isFiring = false
        }
        if (happening === 'dropped') expect(isFiring).toBe(false)
        expect(state?.phase === 'firing').toBe(isFiring)
        // As soon as it may, too.
        if (isBad(moment) && lastedMs(seen, index, isBad) >= rule.forMs) expect(isFiring).toBe(true)
        if (isWell(moment) && lastedMs(seen, index, isWell) >= rule.keepMs) expect(isFiring).toBe(false)
      })
    },
    { runs: 2_000 },
  )
})
