// The corpus: one file a topic, each case a small migration below a line `-- case: <name>`.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface CorpusCase {
  /** 'indexes: plain index' */
  readonly name: string
  readonly sql: string
}

const folder = import.meta.dirname

export function readCorpus(): readonly CorpusCase[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .toSorted()
    .flatMap((file) => {
      const [, ...parts] = readFileSync(join(folder, file), 'utf8').split(/^-- case: /m)
      return parts.map((part) => {
        const end = part.indexOf('\n')
        return { name: `${file.slice(0, -4)}: ${part.slice(0, end).trim()}`, sql: part.slice(end + 1) }
      })
    })
}
