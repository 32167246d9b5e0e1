// The text that pg_get_indexdef gives, cut where something has to go in: a column at the end of the key, a tablespace
// before the predicate. It is scanned, not searched: a parenthesis or a WHERE inside a name, a string or an expression
// does not count. The server writes it, so strings hold no comments and no dollar quotes.

export interface IndexDefinition {
  /** 'using btree (' */
  readonly head: string
  /** What stands between the parentheses of the key. */
  readonly key: string
  /** INCLUDE, NULLS NOT DISTINCT, WITH; begins with a blank unless empty. */
  readonly options: string
  /** ' WHERE …', or empty. */
  readonly where: string
}

/** `text` begins with USING. */
export function cutIndexDefinition(text: string): IndexDefinition {
  const open = text.indexOf('(')
  let close = -1
  let where = text.length
  for (const { at, depth } of scanOutside(text)) {
    if (close < 0 && at > open && depth === 0) close = at
    if (close >= 0 && depth === 0 && text.startsWith(' WHERE ', at)) {
      where = at
      break
    }
  }
  return {
    head: text.slice(0, open + 1),
    key: text.slice(open + 1, close),
    options: text.slice(close + 1, where),
    where: text.slice(where),
  }
}

export function renderIndexDefinition(
  definition: IndexDefinition,
  more: { columns?: readonly string[]; tablespace?: string | null | undefined } = {},
): string {
  const { columns = [], tablespace = null } = more
  const key = [definition.key, ...columns].join(', ')
  const space = tablespace === null ? '' : ` tablespace ${tablespace}`
  return `${definition.head}${key})${definition.options}${space}${definition.where}`
}

/** Each place outside of names and strings, with how many parentheses are open behind it. */
function* scanOutside(text: string): Generator<{ at: number; depth: number }> {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '"' || character === "'") {
      at = endOfQuoted(text, at, character === "'" && /[eE]/.test(text[at - 1] ?? ''))
      continue
    }
    if (character === '(') depth++
    if (character === ')') depth--
    yield { at, depth }
  }
}

/** Where the quoted thing that begins at `from` ends. A doubled quote is two things, which comes to the same. */
function endOfQuoted(text: string, from: number, hasEscapes: boolean): number {
  const quote = text[from]
  for (let at = from + 1; at < text.length; at++) {
    if (hasEscapes && text[at] === '\\') at++
    else if (text[at] === quote) return at
  }
  return text.length
}
