// Whatever becomes of measuring (a probe that fails and is asked less and less often, a daemon that is away for a while, a probe that is
// slower than its rule): an alert fires, and ends, by what was read, and never through a hole. The real agenda, readings and plans, on a
// clock that is moved on.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Latest } from '../../../src/watch/model/latest.ts'
import type { ServerProbe } from '../../../src/watch/model/server-probe.ts'
import { lookAt } from '../../../src/watch/rules/look.ts'
import { planTick, type OpenAlert } from '../../../src/watch/rules/plan-tick.ts'
import { holeMs } from '../../../src/watch/rules/step.ts'
import { createAgenda } from '../../../src/watch/sampler/agenda.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { checkProperty } from '../../support/property.ts'
import { ruleOf } from './support.ts'

type Mode = 'bad' | 'between' | 'well' | 'failing' | 'away'

interface Stretch {
  readonly mode: Mode
  readonly looks: number
}

interface Case {
  readonly everyMs: number
  readonly forMs: number
  readonly keepMs: number
  readonly stretches: readonly Stretch[]
}

const lookMs = 10_000
const values: Readonly<Partial<Record<Mode, number>>> = { bad: 12, between: 7, well: 1 }
const metric = 'pgstrata_blocked_sessions'
const gauge = { name: metric, help: '', kind: 'gauge', labels: [], most: 1 } as const

interface Moment {
  readonly atMs: number
  readonly read: number | undefined
  /** A reading that is not too old, in the same life of the daemon. */
  readonly isKnown: boolean
  readonly event: 'fired' | 'resolved' | undefined
  readonly isFiring: boolean
}

function probeOf(everyMs: number): ServerProbe {
  return {
    name: 'locks',
    question: '',
    everyMs,
    limitMs: 1_000,
    of: 'each',
    metrics: [gauge],
    unavailable: () => undefined,
    read: () => Promise.resolve({ points: [] }),
  }
}

function simulate({ everyMs, forMs, keepMs, stretches }: Case): readonly Moment[] {
  const clock = fakeClock()
  const rule = ruleOf({ forMs, keepMs })
  const probe = probeOf(everyMs)
  const begin = (): { latest: Latest; agenda: ReturnType<typeof createAgenda> } => ({
    latest: new Latest(clock),
    agenda: createAgenda({ node: 'primary', probes: [probe], everyMs: () => everyMs, clock, random: () => 0 }),
  })
  let daemon: ReturnType<typeof begin> | undefined = begin()
  let open: readonly OpenAlert[] = []
  let lastRead: { readonly atMs: number; readonly everyMs: number } | undefined
  return stretches.flatMap(({ mode, looks }) =>
    Array.from({ length: looks }, (): Moment => {
      clock.advance(lookMs)
      const atMs = clock.now()
      if (mode === 'away') {
        daemon = lastRead = undefined
        return { atMs, read: undefined, isKnown: false, event: undefined, isFiring: isFiring(open) }
      }
      daemon ??= begin()
      const { latest, agenda } = daemon
      const errand = agenda.next()
      const value = values[mode]
      const isDue = errand !== undefined && errand.dueMs <= clock.monotonic()
      if (isDue && value !== undefined) {
        latest.note(agenda.answered(errand, { points: [{ metric, labels: [], value }] }, 1))
        lastRead = { atMs, everyMs: everyMs * errand.slowdown }
      } else if (isDue) latest.note(agenda.failed(errand, 'it failed'))
      const look = lookAt(latest, [{ probe: 'locks', metrics: [gauge] }], atMs)
      const plan = planTick({ rules: [rule], open, look, nowMs: atMs })
      open = applied(open, plan)
      const began = plan.begun[0]?.state === 'firing' ? 'fired' : undefined
      return {
        atMs,
        read: isDue ? value : undefined,
        isKnown: lastRead !== undefined && atMs - lastRead.atMs <= 3 * lastRead.everyMs + 5_000,
        event: plan.changed[0]?.event ?? began,
        isFiring: isFiring(open),
      }
    }),
  )
}

/** As the table would have it. */
function applied(open: readonly OpenAlert[], plan: ReturnType<typeof planTick>): readonly OpenAlert[] {
  const changed = new Map(plan.changed.map(({ id, row }) => [id, row]))
  const kept = open
    .filter(({ id }) => !plan.dropped.includes(id))
    .map((alert): OpenAlert => ({ ...alert, ...changed.get(alert.id) }))
    .filter(({ id }) => changed.get(id)?.state !== 'resolved')
  return [...kept, ...plan.begun.map((row, index): OpenAlert => ({ ...row, id: `new ${index}` }))]
}

function isFiring(open: readonly OpenAlert[]): boolean {
  return open.some(({ standing }) => standing.phase === 'firing')
}

/** Undefined: all that was read in the time before was so, and it was read often enough to say so. */
function whyNotLasted(
  before: readonly Moment[],
  lengthMs: number,
  isSo: (value: number) => boolean,
): string | undefined {
  const fromMs = (before.at(-1)?.atMs ?? 0) - lengthMs
  const other = before.find(({ atMs, read }) => atMs >= fromMs && read !== undefined && !isSo(read))
  if (other !== undefined) return `${other.read ?? ''} was read at ${other.atMs}`
  // What is known of its beginning was read before.
  const first = before.findLast(({ atMs, read }) => read !== undefined && atMs <= fromMs)
  if (first?.read === undefined || !isSo(first.read)) return 'nothing of its beginning was read'
  let knownMs = first.atMs
  for (const { atMs, isKnown } of before) {
    if (atMs <= knownMs || !isKnown) continue
    if (atMs - knownMs > holeMs) return `nothing was known from ${knownMs} to ${atMs}`
    knownMs = atMs
  }
  return undefined
}

const cases: fc.Arbitrary<Case> = fc.record({
  everyMs: fc.constantFrom(10_000, 30_000, 60_000, 300_000),
  forMs: fc.constantFrom(0, 30_000, 120_000, 600_000),
  keepMs: fc.constantFrom(0, 60_000, 300_000),
  stretches: fc.array(
    fc.record({
      mode: fc.constantFrom<Mode>('bad', 'bad', 'bad', 'well', 'well', 'between', 'failing', 'away'),
      looks: fc.constantFrom(1, 3, 12, 13, 61, 120),
    }),
    { minLength: 1, maxLength: 10 },
  ),
})

test('nothing fires or ends through a hole, and what lasts does', async () => {
  let fired = 0
  let resolved = 0
  await checkProperty(
    'holes in measuring',
    cases,
    (given) => {
      const moments = simulate(given)
      moments.forEach(({ event }, index) => {
        if (event === undefined) return
        const before = moments.slice(0, index + 1)
        if (event === 'fired') {
          fired++
          expect(whyNotLasted(before, given.forMs, (value) => value > 10)).toBe(undefined)
        }
        if (event === 'resolved') {
          resolved++
          expect(whyNotLasted(before, given.keepMs, (value) => value <= 5)).toBe(undefined)
        }
      })
      if (given.stretches.some(({ mode }) => mode === 'failing' || mode === 'away')) return
      // Without a hole it fires as soon as it has lasted, from the reading that says so.
      let badMs: number | undefined
      for (const { atMs, read, isFiring: firing } of moments) {
        if (read !== undefined) badMs = read > 10 ? (badMs ?? atMs) : undefined
        if (badMs !== undefined && atMs - badMs >= given.forMs && !firing) expect.fail(`it does not fire at ${atMs}`)
      }
    },
    { runs: 200 },
  )
  expect(fired).toBeGreaterThan(50)
  expect(resolved).toBeGreaterThan(20)
})

test('a probe that fails ever more seldom does not keep its last reading alive', () => {
  const moments = simulate({
    everyMs: 60_000,
    forMs: 600_000,
    keepMs: 60_000,
    stretches: [
      { mode: 'bad', looks: 7 },
      { mode: 'failing', looks: 240 },
    ],
  })
  expect(moments.filter(({ event }) => event !== undefined)).toEqual([])
})

test('a daemon that is away for ten minutes comes back to what it knew, and no more', () => {
  const away = { mode: 'away', looks: 60 } as const
  const some = (mode: Mode): Stretch => ({ mode, looks: 3 })
  const pending = { everyMs: 10_000, forMs: 120_000, keepMs: 120_000 }
  expect(
    simulate({ ...pending, stretches: [some('bad'), away, some('bad')] }).flatMap(({ event }) => event ?? []),
  ).toEqual([])
  const long: Stretch = { mode: 'bad', looks: 20 }
  const events = simulate({
    ...pending,
    stretches: [long, some('well'), away, some('well'), { mode: 'well', looks: 12 }],
  })
  expect(events.flatMap(({ event }) => event ?? [])).toEqual(['fired', 'resolved'])
  expect(events.findIndex(({ event }) => event === 'resolved')).toBeGreaterThanOrEqual(20 + 3 + 60 + 12)
})
