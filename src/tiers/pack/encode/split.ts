// Steps from the least value of a segment that need more than 32 bits: their upper half, which hardly changes from row to row where
// rows are in order, and their lower half, each in an array of its own. Allowed where `ints` is, for segments that are too wide for it.

import { quoteIdent } from '../../../sql/quote.ts'
import type { CodecRules } from '../codec.ts'
import { integerOf, leastName, type PackedColumn } from '../column.ts'
import { distance, kindOf } from '../kinds.ts'

const lowerHalf = '4294967295'

export const split: CodecRules = {
  scalars: (column, slot) => [{ name: `b${slot}`, type: column.type, from: `g.${leastName(column)}` }],
  lists: ({ name, type, width, unit = 1 }, slot) => {
    const steps = `(${distance(type, { upper: `s.${quoteIdent(name)}`, lower: `f.b${slot}` })} / ${unit})`
    return [
      { name: `h${slot}`, type: `${integerOf(width)}[]`, from: `(${steps} >> 32)::${integerOf(width)}` },
      { name: `c${slot}`, type: 'int4[]', from: `(${steps} & ${lowerHalf})::bit(32)::int4` },
    ]
  },
  decode,
  unfolds: true,
  effort: 3,
}

function decode({ attnum, type, unit = 1 }: PackedColumn): string {
  const steps = `((unnest(h${attnum})::int8 << 32) | (unnest(c${attnum})::int8 & ${lowerHalf}))`
  return kindOf(type) === 'moment'
    ? `b${attnum} + ${steps} * interval '${unit} microseconds'`
    : `(b${attnum} + ${steps} * ${unit})::${type}`
}
