// The codecs by name.

import type { CodecRules } from './codec.ts'
import type { Codec } from './column.ts'
import { quotient, scaled } from './encode/decimals.ts'
import { ints } from './encode/ints.ts'
import { array, bits, constant, key, wrapped } from './encode/plain.ts'
import { split } from './encode/split.ts'
import { word } from './encode/word.ts'

export const rulesOf: Readonly<Record<Codec, CodecRules>> = {
  key,
  constant,
  bits,
  ints,
  split,
  scaled,
  quotient,
  word,
  array,
  wrapped,
}
