// Codecs that compute nothing: the value of all rows of a segment, the value of all rows of the pack, and values as they are.

import { quoteIdent } from '../../../sql/quote.ts'
import { none, type CodecRules } from '../codec.ts'
import { declaredType, keyName } from '../column.ts'

export const key: CodecRules = {
  scalars: (column) => [{ name: keyName(column), type: declaredType(column), from: `g.${keyName(column)}` }],
  lists: none,
  decode: keyName,
  unfolds: false,
  effort: 0,
}

export const constant: CodecRules = {
  scalars: none,
  lists: none,
  decode: ({ literal = 'null', type, collation }) =>
    `${literal}::${type}${collation === undefined ? '' : ` collate ${collation}`}`,
  unfolds: false,
  effort: 0,
}

/** For every type that has arrays, but for arrays themselves: an array of arrays is one array of more dimensions. */
export const array: CodecRules = {
  scalars: none,
  lists: ({ name, type, collation }, slot) => [
    {
      name: `c${slot}`,
      type: `${type}[]${collation === undefined ? '' : ` collate ${collation}`}`,
      from: `s.${quoteIdent(name)}`,
    },
  ],
  decode: ({ attnum }) => `unnest(c${attnum})`,
  unfolds: true,
  effort: 1,
}

/** For arrays, each in a composite: bounds, dimensions and NULLs stay as they are. */
export const wrapped: CodecRules = {
  scalars: none,
  lists: ({ name, cell = '' }, slot) => [
    { name: `c${slot}`, type: `${cell}[]`, from: `row(s.${quoteIdent(name)})::${cell}` },
  ],
  decode: ({ attnum }) => `(unnest(c${attnum})).v`,
  unfolds: true,
  effort: 1,
}

/** For booleans without NULL. */
export const bits: CodecRules = {
  scalars: none,
  lists: ({ name }, slot) => [
    {
      name: `c${slot}`,
      type: 'bit varying',
      from: `case when s.${quoteIdent(name)} then '1' else '0' end`,
      gather: (element) => `string_agg(${element}, '')::bit varying`,
    },
  ],
  decode: ({ attnum }) => `get_bit(c${attnum}, generate_series(1, rows) - 1) = 1`,
  unfolds: true,
  effort: 2,
}
