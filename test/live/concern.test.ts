// Which changes concern whom: nobody misses a row, and nobody hears of one that may not be theirs.

import { expect, test } from 'vitest'
import type { TopicSpec } from '../../src/live/topic.ts'
import type { WireChange } from '../../src/live/wire.ts'
import { batch, begun, brief, change, connect, testClient } from './support.ts'

function toldOf(topic: TopicSpec, ...changes: readonly Partial<WireChange>[]): string[] {
  const made = begun({}, { rollups: [{ name: 'counts', schema: 'public', table: 'item', by: ['owner'] }] })
  const client = testClient()
  connect(made, client, [topic])
  made.hub.accept(batch(200n, ...changes))
  made.clock.advance(50)
  return brief(client)
}

const mine = { table: 'item', where: { owner: 1 } }
const inRoom = { table: 'item', where: { room: 'a' } }
const fixedRow = { owner: '1', v: 'x' }

test('a table hears of all of its rows, and of no other table', () => {
  expect(toldOf({ table: 'item' }, change('insert', 1), change('update', 2), change('delete', 3))).toEqual([
    'insert 1',
    'update 2',
    'delete 3',
  ])
  expect(toldOf({ table: 'item' }, { ...change('insert', 1), table: 'other' })).toEqual([])
})

test('a key hears of its row alone, also when it goes', () => {
  const topic = { table: 'item', key: { id: 2 } }
  expect(toldOf(topic, change('insert', 1), change('update', 2), change('delete', 1))).toEqual(['update 2'])
  expect(toldOf(topic, change('delete', 2))).toEqual(['delete 2'])
})

test('a row whose key changes is gone for one, and has come for the other', () => {
  const moved = { ...change('update', 2), keyBefore: { id: '1' } }
  expect(toldOf({ table: 'item', key: { id: 1 } }, moved)).toEqual(['delete 1'])
  expect(toldOf({ table: 'item', key: { id: 2 } }, moved)).toEqual(['insert 2'])
  expect(toldOf({ table: 'item' }, moved)).toEqual(['delete 1', 'insert 2'])
})

test('a filter hears of rows that are among its own', () => {
  expect(toldOf(inRoom, change('insert', 1, { room: 'a' }), change('insert', 2, { room: 'b' }))).toEqual(['insert 1'])
  expect(toldOf({ table: 'item', where: { room: ['a', 'b'] } }, change('insert', 1, { room: 'b' }))).toEqual([
    'insert 1',
  ])
  expect(toldOf({ table: 'item', where: { room: null } }, change('insert', 1, { room: null }))).toEqual(['insert 1'])
})

test('where it is not known what a row was, a filter hears that something may have changed, and not what', () => {
  expect(toldOf(inRoom, change('update', 1, { room: 'b' }))).toEqual(['changed'])
  expect(toldOf(inRoom, change('delete', 1))).toEqual(['changed'])
  expect(toldOf(inRoom, { kind: 'update', key: { id: '1' } })).toEqual(['changed'])
  expect(toldOf(inRoom, { ...change('update', 2, { room: 'b' }), keyBefore: { id: '1' } })).toEqual(['changed'])
})

test('a column that never changes spares others from updates', () => {
  expect(toldOf(mine, change('update', 1, { ...fixedRow, owner: '2' }))).toEqual([])
  expect(toldOf(mine, change('update', 1, fixedRow))).toEqual(['update 1'])
  expect(toldOf(mine, change('delete', 1))).toEqual(['changed'])
})

test('of two conditions, one that is known to fail is enough', () => {
  const topic = { table: 'item', where: { owner: 1, room: 'a' } }
  expect(toldOf(topic, change('update', 1, { owner: '2', room: 'b' }))).toEqual([])
  expect(toldOf(topic, change('update', 1, { owner: '1', room: 'b' }))).toEqual(['changed'])
})

test('TRUNCATE is told to all, rows without a key are told as a change of something', () => {
  for (const topic of [{ table: 'item' }, mine, inRoom, { table: 'item', key: { id: 1 } }])
    expect(toldOf(topic, { kind: 'truncate' })).toEqual(['truncate'])
  expect(toldOf({ table: 'item' }, { kind: 'insert', row: { v: 'x' } })).toEqual(['changed'])
})

test('a rollup hears that its source changed for its key, once a tick', () => {
  const topic = { rollup: 'counts', by: { owner: 1 } }
  expect(toldOf(topic, change('insert', 1, { owner: '1' }), change('insert', 2, { owner: '1' }))).toEqual(['changed'])
  expect(toldOf(topic, change('insert', 1, { owner: '2' }))).toEqual([])
  expect(toldOf(topic, { kind: 'truncate' })).toEqual(['changed'])
})
