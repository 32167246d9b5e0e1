// What apply changed itself is no drift, also where a later step of the same apply failed.

import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { applyPlan, readPlan, type Contribution } from '../../src/plan/index.ts'
import { describeOnEachVersion } from '../support/postgres.ts'

const identity = 'function public.answer'

function contribution(body: string, last: string): Contribution {
  const make = `create or replace function public.answer() returns integer language sql as '${body}'`
  return {
    feature: 'test',
    steps: [
      { title: 'Change it', statements: [make], undo: [], changes: [identity] },
      { title: 'Then this', statements: [last], undo: [] },
    ],
    manages: [{ identity, ref: { kind: 'function', schema: 'public', name: 'answer' } }],
  }
}

describeOnEachVersion('an object that apply changed', (_version, database) => {
  test('is no drift for the next plan, though the step after it failed', async () => {
    const { db } = database()
    const apply = (one: Contribution): ReturnType<typeof applyPlan> =>
      applyPlan({
        db,
        contribute: () => Promise.resolve([one]),
        ladder: { firstTimeoutMs: 50, lastTimeoutMs: 100, tries: 3, concurrentTimeoutMs: 10_000 },
        waitMs: 5_000,
        clock: systemClock,
        random: () => 0.5,
      })
    await apply(contribution('select 1', 'select 1'))
    await expect(apply(contribution('select 2', 'select 1 / 0'))).rejects.toMatchObject({ code: 'APPLY_FAILED' })
    expect((await readPlan(db, [contribution('select 2', 'select 1')])).drift).toEqual([])
  })
})
