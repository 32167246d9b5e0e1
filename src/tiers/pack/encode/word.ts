// Texts that come again: the number of the word. Few words stand in the view that decodes them; many are a table of the pack, joined
// by number, which the planner leaves out where nobody reads the column.

import { quoteIdent } from '../../../sql/quote.ts'
import { none, type CodecRules } from '../codec.ts'
import { integerOf, type PackedColumn } from '../column.ts'

export const word: CodecRules = {
  scalars: none,
  lists: (column, slot) => {
    const { name, literal, width } = column
    const code =
      literal === undefined
        ? `${wordsAlias(column)}.code`
        : `array_position(${literal}, (s.${quoteIdent(name)})::text collate pg_catalog."C")`
    return [{ name: `c${slot}`, type: `${integerOf(width)}[]`, from: `(${code})::${integerOf(width)}` }]
  },
  decode: ({ attnum, type, collation, literal }) => {
    const code = `unnest(c${attnum})`
    return literal === undefined ? code : asColumn({ type, collation }, `(${literal})[${code}]`)
  },
  unfolds: true,
  effort: 2,
}

/** Its words are in the pack's table of words. */
export function isJoined({ codec, literal }: PackedColumn): boolean {
  return codec === 'word' && literal === undefined
}

export function wordsAlias({ attnum }: Pick<PackedColumn, 'attnum'>): string {
  return `w${attnum}`
}

export function asColumn(
  { type, collation }: { readonly type: string; readonly collation: string | undefined },
  value: string,
): string {
  const typed = type === 'text' ? value : `(${value})::${type}`
  return collation === undefined ? typed : `${typed} collate ${collation}`
}
