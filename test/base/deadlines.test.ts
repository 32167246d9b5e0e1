import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createDeadlines, type Deadline } from '../../src/base/deadlines.ts'
import type { Clock } from '../../src/base/clock.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { checkProperty } from '../support/property.ts'

/** The fake clock, counting the timers that are set. */
function countingClock(): {
  clock: Clock
  advance: (durationMs: number) => void
  set: () => number
  made: () => number
} {
  const fake = fakeClock()
  let set = 0
  let made = 0
  const after: Clock['after'] = (delayMs, callback) => {
    set++
    made++
    let isOver = false
    const finish = (): void => {
      if (!isOver) set--
      isOver = true
    }
    const callOff = fake.after(delayMs, () => {
      finish()
      callback()
    })
    return () => {
      finish()
      callOff()
    }
  }
  return {
    clock: { ...fake, after },
    advance: (durationMs) => fake.advance(durationMs),
    set: () => set,
    made: () => made,
  }
}

type Step =
  | { readonly kind: 'add'; readonly delayMs: number; readonly adds: number }
  | { readonly kind: 'remove'; readonly index: number }
  | { readonly kind: 'advance'; readonly durationMs: number }

const delays = fc.oneof(fc.constantFrom(1, 20, 100, 1_000, 5_000), fc.integer({ min: 1, max: 3_000 }))
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('add' as const), delayMs: delays, adds: fc.constantFrom(0, 0, 0, 1) }),
    fc.record({ kind: fc.constant('remove' as const), index: fc.nat(60) }),
    fc.record({ kind: fc.constant('advance' as const), durationMs: fc.integer({ min: 0, max: 700 }) }),
  ),
  { maxLength: 120 },
)

const allowedMs = (delayMs: number): number => Math.min(50, Math.max(1, delayMs / 20))

describe('deadlines', () => {
  test('are called once, never early, never later than their share, and not after they were removed', async () => {
    await checkProperty(
      'deadlines against a list of due times',
      steps,
      (script: readonly Step[]) => {
        const { clock, advance } = countingClock()
        const deadlines = createDeadlines(clock)
        interface Known {
          readonly deadline: Deadline
          readonly addedMs: number
          readonly delayMs: number
          calledMs: number | undefined
          removed: boolean
        }
        const known: Known[] = []
        const add = (delayMs: number, adds: number): void => {
          const index = known.length
          const deadline = deadlines.add(delayMs, () => {
            const entry = known[index]
            if (entry === undefined) throw new Error('called before add() returned')
            expect(entry.calledMs).toBeUndefined()
            expect(entry.removed).toBe(false)
            entry.calledMs = clock.monotonic()
            if (adds > 0) add(delayMs, adds - 1)
          })
          known.push({ deadline, addedMs: clock.monotonic(), delayMs, calledMs: undefined, removed: false })
        }
        for (const step of script) {
          if (step.kind === 'add') add(step.delayMs, step.adds)
          else if (step.kind === 'advance') advance(step.durationMs)
          else {
            const entry = known[step.index]
            if (entry === undefined) continue
            deadlines.remove(entry.deadline)
            entry.removed ||= entry.calledMs === undefined
          }
          for (const { addedMs, delayMs, calledMs, removed } of known) {
            const latestMs = addedMs + delayMs + allowedMs(delayMs)
            if (calledMs === undefined) expect(removed || clock.monotonic() <= latestMs + 1).toBe(true)
            else {
              expect(calledMs).toBeGreaterThanOrEqual(addedMs + delayMs)
              expect(calledMs).toBeLessThanOrEqual(latestMs + 1)
            }
          }
        }
      },
      { runs: 300 },
    )
  })

  test('of few lengths share one timer, and none is set once they are gone', () => {
    const { clock, advance, set, made } = countingClock()
    const deadlines = createDeadlines(clock)
    expect(set()).toBe(0)
    for (let n = 0; n < 10_000; n++) deadlines.remove(deadlines.add(n % 2 === 0 ? 1_000 : 1_500, () => {}))
    expect(made()).toBe(1)
    const called: string[] = []
    deadlines.add(1_000, () => called.push('short'))
    deadlines.add(1_500, () => called.push('long'))
    expect(set()).toBe(1)
    advance(10_000)
    expect(called).toEqual(['short', 'long'])
    expect(set()).toBe(0)
  })

  test('of more lengths than there are lists are called all the same, and can be called off', () => {
    const { clock, advance, set } = countingClock()
    const deadlines = createDeadlines(clock)
    const called: number[] = []
    const all = Array.from({ length: 100 }, (_, n) => deadlines.add(100 + n, () => called.push(n)))
    for (const [n, deadline] of all.entries()) if (n % 3 === 0) deadlines.remove(deadline)
    advance(1_000)
    const expected = Array.from(all.keys()).filter((n) => n % 3 !== 0)
    expect(called.toSorted((a, b) => a - b)).toEqual(expected)
    expect(set()).toBe(0)
    // The lists are free again for other lengths.
    for (let n = 0; n < 32; n++) deadlines.add(1_000 + n, () => {})
    expect(set()).toBe(1)
  })

  test('whose time lies beyond what a timer can hold are not called early', () => {
    const { clock, advance } = countingClock()
    const deadlines = createDeadlines(clock)
    const longMs = 2 ** 31 + 1_000
    let calls = 0
    deadlines.add(longMs, () => calls++)
    for (let n = 0; n < 40; n++) deadlines.add(longMs + n, () => calls++)
    advance(longMs - 1)
    expect(calls).toBe(0)
    advance(1_000)
    expect(calls).toBe(41)
  })

  test('go on after a callback that throws', () => {
    const { clock, advance, set } = countingClock()
    const deadlines = createDeadlines(clock)
    const called: string[] = []
    deadlines.add(100, () => {
      throw new Error('of the callback')
    })
    deadlines.add(100, () => called.push('same length'))
    deadlines.add(101, () => called.push('other length'))
    expect(() => advance(200)).toThrow('of the callback')
    advance(200)
    expect(called).toEqual(['same length', 'other length'])
    expect(set()).toBe(0)
  })

  test('may be removed by each other', () => {
    const { clock, advance } = countingClock()
    const deadlines = createDeadlines(clock)
    const called: string[] = []
    const second = { deadline: undefined as Deadline | undefined }
    deadlines.add(100, () => {
      called.push('first')
      if (second.deadline !== undefined) deadlines.remove(second.deadline)
    })
    second.deadline = deadlines.add(100, () => called.push('second'))
    deadlines.add(100, () => called.push('third'))
    advance(500)
    expect(called).toEqual(['first', 'third'])
  })

  test('must lie ahead', () => {
    const deadlines = createDeadlines(fakeClock())
    expect(() => deadlines.add(0, () => {})).toThrow('A deadline must lie ahead')
  })
})
