// What a client may ask for, and that the same is the same however it is said.

import { expect, test } from 'vitest'
import { isStrataError } from '../../src/base/errors.ts'
import type { Declared } from '../../src/live/topic.ts'
import { parseTopic } from '../../src/live/topic.ts'
import { item } from './support.ts'

const digits = Array.from({ length: 10 }, (_, n) => n)
const declared: Declared = {
  tables: [item],
  rollups: [{ name: 'item_counts', schema: 'public', table: 'item', by: ['owner'] }],
  tops: [{ name: 'item_counts', orderBy: ['n'], sources: [], read: () => Promise.resolve({ rows: [], lsn: 0n }) }],
}
const nameOf = (spec: unknown): string => parseTopic(spec, declared).name

test('the same topic has one name, whatever the order and the types of its parts', () => {
  expect(nameOf({ table: 'item', where: { room: 'a', owner: 7 } })).toBe(
    nameOf({ where: { owner: '7', room: ['a'] }, table: 'item' }),
  )
  expect(nameOf({ table: 'item', where: { owner: [1, 2, 2] } })).toBe(
    nameOf({ table: 'item', where: { owner: [2, 1] } }),
  )
  expect(nameOf({ top: 'item_counts', orderBy: 'n' })).toBe(nameOf({ top: 'item_counts', orderBy: 'n', limit: 20 }))
})

test('topics that differ have different names', () => {
  const specs = [
    { table: 'item' },
    { table: 'item', key: { id: 1 } },
    { table: 'item', key: { id: null } },
    { table: 'item', key: { id: 'null' } },
    { table: 'item', where: { owner: 1 } },
    { table: 'item', where: { owner: [1, 2] } },
    { table: 'item', where: { room: 1 } },
    { table: 'item', where: { owner: 1, room: 2 } },
    { table: 'item', where: { owner: 2, room: 1 } },
    { rollup: 'item_counts' },
    { rollup: 'item_counts', by: { owner: 1 } },
    { top: 'item_counts', orderBy: 'n', limit: 5 },
    { top: 'item_counts', orderBy: 'n' },
  ]
  expect(new Set(specs.map(nameOf)).size).toBe(specs.length)
})

test.each([
  undefined,
  null,
  'item',
  [],
  {},
  { table: 'other' },
  { table: 1 },
  { table: 'item', sql: 'true' },
  { table: 'item', where: { v: 1 } },
  { table: 'item', where: 'owner = 1' },
  { table: 'item', where: [1] },
  { table: 'item', where: { owner: {} } },
  { table: 'item', where: { owner: [] } },
  { table: 'item', where: { owner: Number.NaN } },
  { table: 'item', where: { owner: 'x'.repeat(1_001) } },
  { table: 'item', where: { owner: Array.from({ length: 101 }, (_, n) => n) } },
  { table: 'item', where: { owner: digits, room: ['a', ...digits] } },
  { table: 'item', where: { owner: 1 }, key: { owner: 1 } },
  { table: 'item', key: Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`c${n}`, 1])) },
  { rollup: 'item' },
  { rollup: 'item_counts', by: { room: 1 } },
  { top: 'item_counts' },
  { top: 'item_counts', orderBy: 'v' },
  { top: 'item_counts', orderBy: 'n', limit: 0 },
  { top: 'item_counts', orderBy: 'n', limit: 1e9 },
  { top: 'item_counts', orderBy: 'n', limit: '5' },
  { top: 'toString', orderBy: 'n' },
])('%j is refused', (spec) => {
  let error: unknown
  try {
    parseTopic(spec, declared)
  } catch (thrown) {
    error = thrown
  }
  expect(isStrataError(error, 'LIVE_TOPIC_INVALID')).toBe(true)
})
