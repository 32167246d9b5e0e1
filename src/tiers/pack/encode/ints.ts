// Integers, dates and times as small steps from a base of their segment.
//
// Allowed where all values are finite and no segment is wider than 2^16 (width 2) or 2^32 (width 4) steps. Of a wide segment the
// base lies in the middle; one of at most half the width begins at its least value, so that the base is always one of the type.

import { quoteIdent } from '../../../sql/quote.ts'
import type { CodecRules } from '../codec.ts'
import { integerOf, leastName, mostName, reachOf, type PackedColumn } from '../column.ts'
import { distance, kindOf, moved } from '../kinds.ts'

export const ints: CodecRules = {
  scalars: (column, slot) => [{ name: `b${slot}`, type: column.type, from: base(column) }],
  lists: (column, slot) => {
    const { type, width, unit = 1 } = column
    const steps = distance(type, { upper: `s.${quoteIdent(column.name)}`, lower: `f.b${slot}` })
    const offset = unit === 1 ? steps : `${steps} / ${unit}`
    return [{ name: `c${slot}`, type: `${integerOf(width)}[]`, from: `(${offset})::${integerOf(width)}` }]
  },
  decode,
  unfolds: true,
  effort: 1.5,
}

function base(column: PackedColumn): string {
  const { type, width, unit = 1 } = column
  const [least, most] = [`g.${leastName(column)}`, `g.${mostName(column)}`]
  const reach = reachOf(width)
  const wide = `${distance(type, { upper: most, lower: least })} / ${unit} > ${reach}`
  return moved(type, least, `case when ${wide} then ${(reach + 1) * unit} else 0 end::int8`)
}

/** The unit of a moment stands in an interval: a step is a whole number of microseconds, and below 2^53 of them exact. */
function decode({ attnum, type, unit = 1 }: PackedColumn): string {
  const [base, steps] = [`b${attnum}`, `unnest(c${attnum})`]
  if (kindOf(type) === 'moment') return `${base} + ${steps} * interval '${unit} microseconds'`
  if (unit === 1) return `${base} + ${steps}`
  return kindOf(type) === 'date' ? `${base} + ${steps} * ${unit}` : `(${base} + ${steps}::int8 * ${unit})::${type}`
}
