// What was found out about texts, bounded in number and in characters. A hit costs one look-up and moves nothing: there
// are two generations, and when the young one is full it becomes the old one, which is dropped. What is used between two
// such turns is kept.
// A text is stored as a copy: a slice of a large file would keep the whole file alive.

export interface Memory<Value> {
  get(text: string): Value | undefined
  /** Nothing is stored if the text alone is more than a generation holds. */
  set(text: string, value: Value): void
  delete(text: string): void
  clear(): void
  readonly size: number
  /** The texts remembered, in UTF-16 units. */
  readonly characters: number
}

export interface MemoryOptions {
  /** Rounded down to an even number. */
  readonly maxEntries: number
  readonly maxCharacters: number
}

export function createMemory<Value>(options: MemoryOptions): Memory<Value> {
  const entriesEach = Math.floor(options.maxEntries / 2)
  const charactersEach = Math.floor(options.maxCharacters / 2)
  let young = new Map<string, Value>()
  let old = new Map<string, Value>()
  let youngCharacters = 0
  let oldCharacters = 0

  const remove = (text: string): void => {
    if (young.delete(text)) youngCharacters -= text.length
    if (old.delete(text)) oldCharacters -= text.length
  }
  const set = (text: string, value: Value): void => {
    remove(text)
    if (entriesEach < 1 || text.length > charactersEach) return
    if (young.size >= entriesEach || youngCharacters + text.length > charactersEach) {
      old = young
      oldCharacters = youngCharacters
      young = new Map()
      youngCharacters = 0
    }
    young.set(copy(text), value)
    youngCharacters += text.length
  }
  return {
    get: (text) => {
      const found = young.get(text)
      if (found !== undefined) return found
      const aged = old.get(text)
      if (aged !== undefined) set(text, aged)
      return aged
    },
    set,
    delete: remove,
    clear: () => {
      young = new Map()
      old = new Map()
      youngCharacters = 0
      oldCharacters = 0
    },
    get size() {
      return young.size + old.size
    },
    get characters() {
      return youngCharacters + oldCharacters
    },
  }
}

function copy(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le')
}
