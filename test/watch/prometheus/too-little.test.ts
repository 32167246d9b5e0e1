// A share that there was too little of to tell: its series is there all the time, and nothing takes its value for one.

import { expect, test } from 'vitest'
import { Latest } from '../../../src/watch/model/latest.ts'
import type { ServerProbe } from '../../../src/watch/model/server-probe.ts'
import { available, counter, gauge } from '../../../src/watch/probes/metrics.ts'
import { formatExposition } from '../../../src/watch/prometheus/exposition.ts'
import { familiesOfLatest } from '../../../src/watch/prometheus/latest-families.ts'
import { createAgenda } from '../../../src/watch/sampler/agenda.ts'
import { createMinutes } from '../../../src/watch/store/minutes.ts'
import { fakeClock } from '../../support/fake-clock.ts'

const probe: ServerProbe = {
  name: 'shares',
  question: 'How much of it?',
  everyMs: 1_000,
  limitMs: 100,
  of: 'each',
  metrics: [gauge('pgstrata_some_ratio', 'Some.'), counter('pgstrata_some_total', 'Some.')],
  unavailable: available,
  read: () => Promise.reject(new Error('not asked here')),
}

test('Prometheus has it as NaN; rules and the store have it not, nor a counter of no number', () => {
  const clock = fakeClock()
  const latest = new Latest(clock)
  const minutes = createMinutes()
  const agenda = createAgenda({ node: 'n', probes: [probe], everyMs: () => 1_000, clock, random: () => 0 })
  const [errand] = agenda.errands
  expect.assert(errand !== undefined)
  const exposed = (value: number): string => {
    const points = [
      { metric: 'pgstrata_some_ratio', labels: [], value },
      { metric: 'pgstrata_some_total', labels: [], value: Number.NaN },
    ]
    const taken = agenda.answered(errand, { points }, 1)
    latest.note(taken)
    minutes.add(taken)
    return (
      formatExposition(familiesOfLatest(latest))
        .split('\n')
        .find((line) => line.startsWith('pgstrata_some')) ?? ''
    )
  }
  expect(exposed(Number.NaN)).toBe('pgstrata_some_ratio{node="n"} NaN')
  expect(latest.series()).toEqual([])
  expect(minutes.close(clock.now(), 'all')).toEqual([])
  expect(exposed(0.5)).toBe('pgstrata_some_ratio{node="n"} 0.5')
  expect(latest.series()).toMatchObject([{ value: 0.5 }])
  expect(exposed(Number.NaN)).toBe('pgstrata_some_ratio{node="n"} NaN')
  expect(latest.series()).toEqual([])
  // One reading that says nothing does not make the mean of the others nothing.
  expect(minutes.close(clock.now(), 'all')).toMatchObject([{ metric: 'pgstrata_some_ratio', value: 0.5 }])
})
