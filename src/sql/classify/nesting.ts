// Guards the parser: a chain such as 1+1+1+… becomes a tree as deep as it is long, and printing a tree of some 8,000
// links overflows the stack of the WASM module, which is not wound back and after a few dozen times is useless. What is
// nested by brackets or by prefixes the grammar itself refuses in good order, so only chains are measured.
// The measure is an upper bound found in one pass without parsing: the tokens since the last separator, summed up over
// the open brackets. It errs to the safe side: at worst a strange text of more than `longestChain` tokens goes unparsed.

/** Tokens; a link of a chain is two at least. A quarter of what fails on an otherwise empty stack. */
const longestChain = 4_000

/** Anything shorter has fewer tokens than that. */
const harmlessLength = longestChain

/** What is not closed reaches to the end, so that the search never starts over. */
const token =
  /[eE]'[^'\\]*(?:(?:\\[^]|'')[^'\\]*)*'?|'[^']*(?:''[^']*)*'?|"[^"]*"?|\$([a-zA-Z_\x80-\uffff][\w\x80-\uffff]*)?\$[^]*?(?:\$\1\$|$)|--[^\n]*|\/\*[^]*?(?:\*\/|$)|[\w$.\x80-\uffff]+|\S/g

export function isTooDeep(text: string): boolean {
  if (text.length <= harmlessLength) return false
  const open: number[] = []
  let depth = 0
  let base = 0
  let inBetween = false
  for (const [found] of text.matchAll(token)) {
    if (found === '(' || found === '[') {
      open.push(base)
      base = ++depth
    } else if (found === ')' || found === ']') {
      depth = base
      base = open.pop() ?? 0
    } else if (endsChain(found, inBetween)) {
      depth = base
      inBetween = false
    } else if (!isComment(found)) {
      if (/^between$/i.test(found)) inBetween = true
      if (++depth > longestChain) return true
    }
  }
  return false
}

/** Lists, and what AND and OR join, are flat in the tree; but the AND of BETWEEN stands inside a chain. */
function endsChain(found: string, inBetween: boolean): boolean {
  if (found === ',' || found === ';') return true
  return !inBetween && /^(?:and|or|when|then|else)$/i.test(found)
}

function isComment(found: string): boolean {
  return found.startsWith('--') || found.startsWith('/*')
}
