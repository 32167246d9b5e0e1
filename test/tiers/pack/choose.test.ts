// The smallest codec is taken, but one that costs more to read has to save a share worth it; and where the lists of a segment stand.

import { expect, test } from 'vitest'
import { choose, storagesOf } from '../../../src/tiers/pack/choose.ts'
import type { PackedColumn } from '../../../src/tiers/pack/column.ts'
import type { Measured } from '../../../src/tiers/pack/measure.ts'

function measured(
  attnum: number,
  codec: PackedColumn['codec'],
  bytes: number,
  more: Partial<PackedColumn> = {},
): Measured {
  const column = { name: `c${attnum}`, attnum, type: 'text', codec, ends: false, sum: false, ...more }
  return { column, bytes }
}

const chosen = (those: readonly Measured[]): readonly string[] =>
  choose(those).map(({ column: { attnum, codec } }) => `${attnum} ${codec}`)

test('the smaller one is taken, if it saves enough for what it costs', () => {
  expect(chosen([measured(1, 'word', 84), measured(1, 'array', 100)])).toEqual(['1 word'])
  expect(chosen([measured(1, 'word', 86), measured(1, 'array', 100)])).toEqual(['1 array'])
  expect(chosen([measured(1, 'array', 100), measured(1, 'word', 100)])).toEqual(['1 array'])
})

test('a cheaper one is taken as soon as it is as small', () => {
  expect(chosen([measured(1, 'ints', 50), measured(1, 'array', 50)])).toEqual(['1 array'])
  expect(chosen([measured(1, 'array', 50), measured(1, 'split', 10), measured(1, 'ints', 11)])).toEqual(['1 ints'])
})

test('words in the view cost less than words that are looked up', () => {
  const literal = `array['a']::text[]`
  expect(chosen([measured(1, 'word', 90), measured(1, 'word', 100, { literal })])).toEqual(['1 word'])
  expect(choose([measured(1, 'word', 90), measured(1, 'word', 100, { literal })])[0]?.column.literal).toBe(literal)
})

test('every column has one, in the order in which they came', () => {
  const those = [measured(3, 'array', 9), measured(1, 'array', 9), measured(3, 'ints', 1), measured(2, 'key', 9)]
  expect(chosen(those)).toEqual(['3 ints', '1 array', '2 key'])
})

test('small segments are whole in their row; of large ones, what is small', () => {
  const storages = (...bytes: readonly number[]): readonly string[] => [
    ...storagesOf(bytes.map((size, index) => measured(index, 'array', size))).values(),
  ]
  expect(storages(900, 1_100)).toEqual(['main', 'main'])
  expect(storages(900, 1_101)).toEqual(['extended', 'extended'])
  expect(storages(200, 201, 4_000)).toEqual(['main', 'extended', 'extended'])
})
