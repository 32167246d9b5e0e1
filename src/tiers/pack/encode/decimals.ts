// Numbers with few decimal places as whole numbers, in small steps from a base of their segment.
//
// `scaled` is for numeric: allowed where all values are finite and show the same number of decimal places, for the product of a
// whole number with 0.01 shows two. `quotient` is for floats: allowed where for every value the quotient of the whole number by
// a power of ten is that value in all its bits, which neither -0 nor NaN is.

import { quoteIdent } from '../../../sql/quote.ts'
import type { CodecRules } from '../codec.ts'
import { integerOf, leastName, mostName, reachOf, type PackedColumn } from '../column.ts'

export const scaled: CodecRules = {
  ...wholeNumbers((column, value) => wholeOfNumeric(column, value)),
  decode: ({ attnum, scale = 0, unit = 1 }) => {
    const whole = `(b${attnum} + unnest(c${attnum}))::numeric`
    return scale === 0 && unit === 1 ? whole : `${whole} * ${factor(scale, unit)}`
  },
}

export const quotient: CodecRules = {
  ...wholeNumbers(({ scale = 0 }, value) => wholeOfFloat(scale, value)),
  decode: ({ attnum, type, scale = 0 }) => {
    const whole = `(b${attnum} + unnest(c${attnum}))`
    return scale === 0 ? `${whole}::${type}` : `(${whole}::float8 / '1e${scale}'::float8)::${type}`
  },
}

/** SQL of the whole number that stands for a numeric, of which `unit` are one step. */
export function wholeOfNumeric({ scale = 0, unit = 1 }: Pick<PackedColumn, 'scale' | 'unit'>, value: string): string {
  const whole = scale === 0 ? `${value}::int8` : `(${value} * 1${'0'.repeat(scale)})::int8`
  return unit === 1 ? whole : `(${whole} / ${unit})`
}

function wholeOfFloat(scale: number, value: string): string {
  return `round(${value}::float8 * '1e${scale}'::float8)::int8`
}

/** SQL that is true where the whole number gives the float again, bit by bit. */
export function isQuotient(scale: number, { value, type }: { readonly value: string; readonly type: string }): string {
  const send = type === 'real' ? 'float4send' : 'float8send'
  return `${send}((${wholeOfFloat(scale, value)}::float8 / '1e${scale}'::float8)::${type}) = ${send}(${value})`
}

function wholeNumbers(whole: (column: PackedColumn, value: string) => string): Omit<CodecRules, 'decode'> {
  return {
    scalars: (column, slot) => {
      const [least, most] = [whole(column, `g.${leastName(column)}`), whole(column, `g.${mostName(column)}`)]
      const reach = reachOf(column.width)
      const from = `${least} + case when ${most} - ${least} > ${reach} then ${reach + 1} else 0 end`
      return [{ name: `b${slot}`, type: 'int8', from }]
    },
    lists: (column, slot) => {
      const type = integerOf(column.width)
      const from = `(${whole(column, `s.${quoteIdent(column.name)}`)} - f.b${slot})::${type}`
      return [{ name: `c${slot}`, type: `${type}[]`, from }]
    },
    unfolds: true,
    effort: 2.5,
  }
}

/** `unit` with so many decimal places: '0.01000000'. */
function factor(scale: number, unit: number): string {
  const digits = String(unit).padStart(scale + 1, '0')
  return scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}
