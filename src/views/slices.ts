// Pieces of a statement as text, by the places that the parser gives: what stands in the brackets of a call, or between two
// words. Quotes and brackets are respected, so a word in a literal is no end. Pure.

/** Places of the parser are in bytes. */
export function sliceFrom(text: string, atByte: number): string {
  return Buffer.from(text).subarray(atByte).toString()
}

/** The first pair of brackets: what is in it, and what stands behind. */
export function insideBrackets(text: string): { readonly inside: string; readonly behind: string } {
  const from = text.indexOf('(')
  const to = walk(text, (depth, index) => index > from && depth === 0)
  return { inside: text.slice(from + 1, to).trim(), behind: text.slice(to + 1) }
}

/** What stands behind `word`, outside of every bracket, up to one of `ends` or the end. */
export function clauseBehind(text: string, word: string, ends: readonly string[]): string | undefined {
  const from = findWord(text, [word])
  if (from === text.length) return undefined
  const rest = text.slice(from + word.length)
  return rest.slice(0, findWord(rest, ends)).replace(/;\s*$/, '').trim()
}

function findWord(text: string, words: readonly string[]): number {
  return walk(
    text,
    (depth, index) =>
      depth === 0 &&
      words.some(
        (word) =>
          text.startsWith(word, index) && !/\w/.test(`${text[index - 1] ?? ' '}${text[index + word.length] ?? ' '}`),
      ),
  )
}

/** The first place outside of quotes for which `isThere`; the length of the text: there is none. */
function walk(text: string, isThere: (depth: number, index: number) => boolean): number {
  let depth = 0
  for (let index = 0; index < text.length; index++) {
    const character = text[index]
    if (character === "'" || character === '"') {
      // A doubled quote ends one literal and begins the next.
      const end = text.indexOf(character, index + 1)
      if (end < 0) return text.length
      index = end
      continue
    }
    if (character === '(') depth++
    if (character === ')') depth--
    if (isThere(depth, index)) return index
  }
  return text.length
}

/** `((a > 1))` → `a > 1` */
export function withoutBrackets(text: string): string {
  if (!text.startsWith('(')) return text
  const { inside, behind } = insideBrackets(text)
  return behind.trim() === '' ? withoutBrackets(inside) : text
}

/** Columns of one relation by their names alone: `p.amount` → `amount`. */
export function withoutAlias(text: string, alias: string): string {
  const written = [alias, `"${alias.replaceAll('"', '""')}"`].map((one) =>
    one.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&'),
  )
  const pattern = new RegExp(`'(?:[^']|'')*'|(?<![\\w".$])(?:${written.join('|')})\\.`, 'g')
  return text.replaceAll(pattern, (found) => (found.startsWith("'") ? found : ''))
}
