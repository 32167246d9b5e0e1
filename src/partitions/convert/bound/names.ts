// Names that a conversion makes. An index, a constraint behind one and a statistics object have names that are theirs
// alone in a schema: the new table's get names of ours until the swap, and then those of the old table, whose own are
// set aside. The same original always gives the same name: a conversion that goes on after a kill finds what it made.

import { createHash } from 'node:crypto'
import { quoteIdent } from '../../../sql/quote.ts'

/** What a conversion itself puts on the old table begins so, and is not carried over. */
export const ownPrefix = 'pgstrata_convert_'

const maxBytes = 63

const digestOf = (...parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12)

/** Needs no quotes. */
export function ownName(what: string, original: { schema: string; table: string; name: string }): string {
  return `${ownPrefix}${what}_${digestOf(original.schema, original.table, original.name)}`
}

/** plays_song_id_idx of plays, retired as plays_before → "plays_before_song_id_idx" */
export function nameSetAside(
  name: string,
  from: { table: string; retired: string; taken: ReadonlySet<string> },
): string {
  const isOfTable = name.startsWith(from.table)
  const wanted = `${from.retired}${isOfTable ? name.slice(from.table.length) : `_${name}`}`
  // plays_x and x of one table would both become plays_before_x.
  const isFree = !from.taken.has(wanted) && (isOfTable || !from.taken.has(`${from.table}_${name}`))
  if (isFree && Buffer.byteLength(wanted) <= maxBytes) return quoteIdent(wanted)
  return quoteIdent(`${cut(from.retired, 40)}_${digestOf(from.retired, name)}`)
}

/** Never inside a character. */
function cut(name: string, bytes: number): string {
  let kept = ''
  for (const character of name) {
    if (Buffer.byteLength(kept + character) > bytes) break
    kept += character
  }
  return kept
}
