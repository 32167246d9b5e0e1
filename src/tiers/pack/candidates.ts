// The codecs that a column's facts allow. What is not allowed is not tried: a codec is exact, or it is not there.

import type { ColumnFacts } from './facts.ts'
import { reachOf, type Codec, type PackedColumn } from './column.ts'
import { kindOf } from './kinds.ts'
import type { SourceColumn } from '../model/columns.ts'

type Choice = Pick<PackedColumn, 'codec' | 'width' | 'unit' | 'scale' | 'literal'>

export interface KeyQuestion {
  readonly isKey: boolean
}

/** Never empty. */
export function candidatesOf(facts: ColumnFacts, { isKey }: KeyQuestion): readonly Choice[] {
  const { column, constant, hasNulls } = facts
  if (isKey) return [{ codec: 'key' }]
  if (constant !== undefined) return [{ codec: 'constant', literal: constant }]
  if (isArray(column)) return [{ codec: 'wrapped' }]
  const plain: Choice = { codec: 'array' }
  if (column.kind !== 'base') return [plain]
  switch (kindOf(column.type)) {
    case 'bool':
      return hasNulls ? [plain] : [plain, { codec: 'bits' }]
    case 'text':
      return [plain, ...wordsOf(facts)]
    case 'numeric':
      return [plain, ...numbered('scaled', facts)]
    case 'float':
      return [plain, ...numbered('quotient', facts)]
    case 'integer':
    case 'date':
    case 'moment':
      return [plain, ...steps(facts)]
    case 'other':
      return [plain]
  }
}

/** Of these, or of domains over them, an array would be one array of more dimensions. */
export function isArray({ kind, base }: SourceColumn): boolean {
  return kind === 'array' || (kind === 'domain' && base.startsWith('_'))
}

function wordsOf({ words }: ColumnFacts): readonly Choice[] {
  if (words === undefined) return []
  const { literal, count } = words
  if (literal !== undefined) return [{ codec: 'word', width: 2, literal }]
  return [{ codec: 'word', width: count <= 2 ** 16 ? 2 : 4 }]
}

function numbered(codec: Codec, { span, scale, unit = 1 }: ColumnFacts): readonly Choice[] {
  if (span === undefined || scale === undefined) return []
  const width = widthOf(span / unit)
  return width === undefined ? [] : [{ codec, scale, unit, width }]
}

function steps({ span, unit = 1, column }: ColumnFacts): readonly Choice[] {
  if (span === undefined) return []
  const width = widthOf(span / unit)
  if (width === 2 && column.type === 'smallint') return []
  if (width !== undefined) return [{ codec: 'ints', unit, width }]
  return [{ codec: 'split', unit, width: span / unit / 2 ** 32 < reachOf(2) ? 2 : 4 }]
}

/** Of numbers from 0 to `most`, seen from their middle. */
function widthOf(most: number): 2 | 4 | undefined {
  if (most < 2 ** 16) return 2
  return most < 2 ** 32 ? 4 : undefined
}
