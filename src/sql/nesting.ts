// Guards the parser: a chain such as 1+1+1+… becomes a tree as deep as it is long, and printing a tree of some 8,000
// links overflows the stack of the WASM module, which is not wound back and after a few dozen times is useless. What is
// nested by prefixes the grammar itself refuses in good order, so chains are measured, and brackets with what they hold.
// The measure is an upper bound found in one pass without parsing: the tokens since the last separator, a bracket
// counting as much as the longest that stands in it. It errs to the safe side: a strange text goes unparsed.

/** Tokens; a link of a chain is two at least. A quarter of what fails on an otherwise empty stack. */
const longestChain = 4_000

/** Anything shorter has fewer tokens than that. */
const harmlessLength = longestChain

/** What is not closed reaches to the end, so that the search never starts over. */
const token =
  /[eE]'[^'\\]*(?:(?:\\[^]|'')[^'\\]*)*'?|'[^']*(?:''[^']*)*'?|"[^"]*"?|\$([a-zA-Z_\x80-\uffff][\w\x80-\uffff]*)?\$[^]*?(?:\$\1\$|$)|--[^\n]*|\/\*[^]*?(?:\*\/|$)|[\w$.\x80-\uffff]+|\S/g

/** Between two brackets, or CASE and END. */
interface Level {
  readonly isCase: boolean
  /** What stands around it. */
  readonly outer: number
  /** Joins and set operations: a separator does not end such a chain. */
  links: number
  /** Since the last separator. */
  run: number
  longest: number
  /** BETWEENs whose AND is still to come. */
  betweens: number
}

export function isTooDeep(text: string): boolean {
  return tooDeepAt(text) !== undefined
}

/** Where in the text the measure is passed; undefined: it can be parsed. */
export function tooDeepAt(text: string): number | undefined {
  if (text.length <= harmlessLength) return undefined
  const levels = [openLevel(false, 0)]
  for (const found of text.matchAll(token)) {
    const word = found[0]
    if (word.startsWith('--') || word.startsWith('/*')) continue
    readToken(levels, word.length > longestWord ? '' : word.toLowerCase())
    if (heightOf(levels.at(-1) as Level) > longestChain) return found.index
  }
  return undefined
}

const longestWord = 'intersect'.length

function openLevel(isCase: boolean, outer: number): Level {
  return { isCase, outer, links: 0, run: 0, longest: 0, betweens: 0 }
}

function heightOf({ outer, links, run, longest }: Level): number {
  return outer + links + Math.max(run, longest)
}

function readToken(levels: Level[], word: string): void {
  const level = levels.at(-1) as Level
  switch (word) {
    case '(':
    case '[':
    case 'case':
      levels.push(openLevel(word === 'case', level.outer + level.links + level.run + 1))
      return
    case ')':
    case ']':
      closeCases(levels)
      close(levels)
      return
    case 'end':
      if (level.isCase) close(levels)
      else level.run++
      return
    case ';':
      closeCases(levels)
      Object.assign(levels.at(-1) as Level, { links: 0, run: 0, longest: 0, betweens: 0 })
      return
    case 'join':
    case 'union':
    case 'intersect':
    case 'except':
      separate(level)
      level.links++
      return
    case 'and':
      if (level.betweens === 0) return separate(level)
      level.betweens--
      level.run++
      return
    // Lists, and what AND and OR join, are flat in the tree.
    case ',':
    case 'or':
    case 'when':
    case 'then':
    case 'else':
      return separate(level)
    case 'between':
      level.betweens++
  }
  level.run++
}

function separate(level: Level): void {
  level.longest = Math.max(level.longest, level.run)
  level.run = 0
  level.betweens = 0
}

/** What follows may stand above all that was in the bracket: (1+1+1)+1+1. */
function close(levels: Level[]): void {
  const level = levels.at(-1) as Level
  const around = levels.at(-2)
  if (around === undefined) return separate(level)
  levels.pop()
  around.run += heightOf(level) - level.outer + 1
}

/** CASE may be a name, too, and then has no END. */
function closeCases(levels: Level[]): void {
  while ((levels.at(-1) as Level).isCase) close(levels)
}
