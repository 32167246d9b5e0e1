// What is refused of a declaration without asking a server: names that collide or leave no room, and what is beyond the bounds.

import { expect, test } from 'vitest'
import { checkRollup } from '../../src/rollups/declared/check.ts'
import type { Rollup } from '../../src/rollups/model/options.ts'
import { measure, rollupOf } from './support.ts'

test.each<[string, Partial<Rollup>]>([
  ['a name that leaves no room for what belongs to it', { name: 'x'.repeat(57), bucket: undefined }],
  ['a name that leaves no room for its functions', { name: 'x'.repeat(56) }],
  ['an empty name', { name: '' }],
  ['a NUL', { name: 'a\0b' }],
  ['the name of its source', { name: 'plays' }],
  ['a name of which what belongs to it is called like its source', { name: 'song', table: 'song_merged' }],
  ['a measure twice', { measures: [measure('n', 'count'), measure('n', 'sum', { of: 'x' })] }],
  ['a key twice', { by: ['song', 'song'] }],
  ['a measure called like a key', { measures: [measure('song', 'count')] }],
  ['a measure called bucket', { measures: [measure('bucket', 'count')] }],
  ['a key called bucket', { by: ['bucket'] }],
  ['a measure called row_count', { measures: [measure('row_count', 'count')] }],
  ['a key called row_count', { by: ['row_count'] }],
  [
    'a measure called only, where there are no keys',
    { bucket: undefined, by: [], measures: [measure('only', 'count')] },
  ],
  [
    'a measure called like what is kept for another',
    { measures: [measure('x', 'sum', { of: 'a' }), measure('x_n', 'count')] },
  ],
  ['a key called like what is kept for a measure', { by: ['x_inf'], measures: [measure('x', 'sum', { of: 'a' })] }],
  ['a measure whose name leaves no room', { measures: [measure('x'.repeat(60), 'sum', { of: 'a' })] }],
  ['too many keys', { by: Array.from({ length: 32 }, (_, n) => `k${n}`) }],
  ['too many measures', { measures: Array.from({ length: 101 }, (_, n) => measure(`m${n}`, 'count')) }],
  ['a sum of nothing', { measures: [measure('x', 'sum')] }],
  ['five hours', { bucket: { column: 'at', span: { unit: 'hour', count: 5 }, zone: 'UTC' } }],
  ['no minutes', { bucket: { column: 'at', span: { unit: 'minute', count: 0 }, zone: 'UTC' } }],
])('refused without asking a server: %s', (_what, said) => {
  expect(() => checkRollup(rollupOf(said))).toThrow(expect.objectContaining({ code: 'ROLLUP_IMPOSSIBLE' }))
})

test('what only looks like a collision is taken', () => {
  checkRollup(
    rollupOf({
      bucket: undefined,
      by: ['bucket'],
      measures: [measure('only', 'count'), measure('x', 'count'), measure('x_n', 'count')],
    }),
  )
  checkRollup(rollupOf({ name: 'x'.repeat(55), measures: [measure('x'.repeat(63), 'count')] }))
  checkRollup(rollupOf({ name: 'x'.repeat(56), bucket: undefined }))
})
