// What is refused of distinct values in totals, with the reason.

import { expect, test } from 'vitest'
import { isStrataError } from '../../src/base/errors.ts'
import { inspectSource } from '../../src/rollups/declared/inspect.ts'
import type { Rollup, Totals } from '../../src/rollups/model/options.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { measure, rollupOf, run } from './support.ts'

const totals: Totals = { windows: [{ name: '7d', span: { unit: 'day', count: 7 } }], compute: [], index: [] }

describeOnEachVersion('distinct values in totals', (_version, database) => {
  const named = (...measures: Rollup['measures']): Partial<Rollup> => ({
    measures: [measure('plays', 'count'), ...measures],
    totals,
  })
  const listeners = measure('listeners', 'countDistinct', { of: 'listener', windows: true })
  test.each<[what: string, said: Partial<Rollup>, message: RegExp]>([
    [
      'without totals',
      { ...named(listeners), totals: undefined },
      /"listeners" is to be counted in windows, and there are no totals/,
    ],
    ['without a bucket', { ...named(listeners), bucket: undefined }, /without a bucket there is no window "7d"/],
    [
      'of another kind',
      named(measure('usual', 'mode', { of: 'kind', windows: true })),
      /measure "usual" asks for windows/,
    ],
    [
      'beside a measure of that name',
      named(listeners, measure('listeners_7d', 'count')),
      /"listeners_7d" of its totals would be both/,
    ],
    [
      'beside a key of that name',
      { ...named(listeners), table: 'called', by: ['n_7d'] },
      /"n_7d" of the tables of its distinct values would be both key "n_7d" and how often/,
    ],
    [
      'without windows of theirs',
      {
        ...named(measure('listeners', 'countDistinct', { of: 'listener' })),
        totals: { ...totals, index: [{ column: 'listeners_7d', descending: true }] },
      },
      /no column "listeners_7d" to index/,
    ],
    [
      'of what has no order',
      named(measure('spots', 'countDistinct', { of: 'point(1, listener)', windows: true })),
      /"spots" cannot count its values/,
    ],
  ])('are refused %s', async (_what, said, message) => {
    const { db } = database()
    await run(
      db,
      'create table if not exists plays (song int, at timestamptz not null, listener int, kind text)',
      'create table if not exists called (at timestamptz not null, listener int, n_7d int)',
    )
    const error = await db
      .withSession((session) => inspectSource(session, rollupOf(said)))
      .catch((caught: unknown) => caught)
    expect.assert(isStrataError(error, 'ROLLUP_IMPOSSIBLE'), String(error))
    expect(error.message).toMatch(message)
  })
})
