// Which codecs the facts of a column allow: widths end where their numbers end, and what is not exact is not there.

import { expect, test } from 'vitest'
import { candidatesOf } from '../../../src/tiers/pack/candidates.ts'
import type { ColumnFacts } from '../../../src/tiers/pack/facts.ts'
import { mostColumns, fitRow } from '../../../src/tiers/pack/row-size.ts'
import type { PackedColumn } from '../../../src/tiers/pack/column.ts'
import type { SourceColumn } from '../../../src/tiers/model/columns.ts'
import { sourceColumn } from './support.ts'

function told(type: string, facts: Omit<ColumnFacts, 'column' | 'hasNulls'>): readonly string[] {
  const column = sourceColumn(type)
  return candidatesOf({ column, hasNulls: false, ...facts }, { isKey: false }).map(
    ({ codec, width = '' }) => `${codec}${width}`,
  )
}

test('widths end where their numbers end', () => {
  expect(told('bigint', { span: 2 ** 16 - 1 })).toEqual(['array', 'ints2'])
  expect(told('bigint', { span: 2 ** 16 })).toEqual(['array', 'ints4'])
  expect(told('bigint', { span: 2 ** 32 - 1 })).toEqual(['array', 'ints4'])
  expect(told('bigint', { span: 2 ** 32 })).toEqual(['array', 'split2'])
  expect(told('bigint', { span: 2 ** 32 * (2 ** 15 - 1) })).toEqual(['array', 'split4'])
  expect(told('numeric', { span: 2 ** 32 - 1, scale: 2 })).toEqual(['array', 'scaled4'])
  expect(told('numeric', { span: 2 ** 32, scale: 2 })).toEqual(['array'])
})

test('a unit makes room', () => {
  expect(told('bigint', { span: 2 ** 32, unit: 2 ** 17 })).toEqual(['array', 'ints2'])
  expect(told('timestamp without time zone', { span: 6e10, unit: 1e6 })).toEqual(['array', 'ints2'])
})

test('nothing is computed with what numbers cannot stand for', () => {
  expect(told('bigint', {})).toEqual(['array'])
  expect(told('numeric', { span: 9 })).toEqual(['array'])
  expect(told('double precision', { span: 9 })).toEqual(['array'])
  expect(told('smallint', { span: 9 })).toEqual(['array'])
  expect(told('uuid', { span: 9 })).toEqual(['array'])
})

test('65,537 words have four bytes each', () => {
  expect(told('text', { words: { count: 2 ** 16, bytes: 9, literal: undefined } })).toEqual(['array', 'word2'])
  expect(told('text', { words: { count: 2 ** 16 + 1, bytes: 9, literal: undefined } })).toEqual(['array', 'word4'])
  expect(told('text', {})).toEqual(['array'])
})

test('arrays are wrapped, domains over them too, and values of other domains stay as they are', () => {
  const codecOf = (more: Partial<SourceColumn>): readonly string[] =>
    candidatesOf({ column: sourceColumn('integer', more), hasNulls: true, span: 9 }, { isKey: false }).map(
      ({ codec }) => codec,
    )
  expect(codecOf({ kind: 'array' })).toEqual(['wrapped'])
  expect(codecOf({ kind: 'domain', base: '_int4' })).toEqual(['wrapped'])
  expect(codecOf({ kind: 'domain', base: 'int4' })).toEqual(['array'])
})

function packed(attnum: number, more: Partial<PackedColumn>): PackedColumn {
  return {
    name: `c${attnum}`,
    attnum,
    type: 'bigint',
    codec: 'ints',
    width: 4,
    unit: 3,
    ends: true,
    sum: true,
    ...more,
  }
}

const many = (count: number, more: Partial<PackedColumn> = {}): readonly PackedColumn[] =>
  Array.from({ length: count }, (_, index) => packed(index + 1, more))

const asked = { rows: 1000, ended: new Set(['c1']) }

test('columns that have room in a row stay as they are', () => {
  const columns = many(100)
  expect(fitRow(columns, asked)).toEqual(columns)
})

test('sums go first, then least and most, of the last columns first; those that have to be there stay', () => {
  const some = fitRow(many(150), asked)
  expect(some.map(({ ends }) => ends)).toEqual(many(150).map(() => true))
  expect(some.findIndex(({ sum }) => !sum)).toBeGreaterThan(50)
  expect(some.slice(100).some(({ sum }) => sum)).toBe(false)
  const more = fitRow(many(250), asked)
  expect(more.some(({ sum }) => sum)).toBe(false)
  expect(more.at(0)?.ends).toBe(true)
  expect(more.at(-1)?.ends).toBe(false)
  expect(more.every(({ codec }) => codec === 'ints')).toBe(true)
})

test('the widest table has a row for its segments', () => {
  for (const codec of ['bits', 'split', 'scaled', 'ints', 'array'] as const) {
    const fitted = fitRow(many(mostColumns, { codec }), asked)
    const plain = fitted.filter((column) => column.codec === 'array')
    expect(plain.every(({ width, unit }) => codec === 'array' || (width === undefined && unit === undefined))).toBe(
      true,
    )
    expect(fitted).toHaveLength(mostColumns)
    expect(fitted.at(0)?.codec).toBe(codec)
  }
})
