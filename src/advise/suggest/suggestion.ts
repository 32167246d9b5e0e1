// A suggested index: what to run, why, how sure it is. It reads well as text: console.log(suggestion) and String(suggestion) print
// sentences, JSON.stringify the fields.

import { formatSize } from '../../base/units.ts'

/** How a suggestion was judged. */
export type Confidence =
  /** The planner, asked with a hypothetical index (hypopg), uses it. */
  | 'verified'
  /** Worked out from the statistics of the columns. */
  | 'estimated'
  /** From the structure of the statement alone: the columns were never analyzed. */
  | 'structural'

export interface IndexSuggestion {
  /** Without a semicolon; CONCURRENTLY where that can be. */
  readonly ddl: string
  /** Takes it back. */
  readonly undo: string
  /** 'public.songs'. */
  readonly table: string
  readonly name: string
  readonly method: 'btree' | 'gin' | 'gist' | 'brin'
  /** As they stand in the index, without classes and directions. */
  readonly columns: readonly string[]
  readonly include: readonly string[]
  /** Of a partial index. */
  readonly where: string | undefined
  readonly why: string
  readonly confidence: Confidence
  /** Of the statement, in the planner's units. */
  readonly costBefore: number
  readonly costAfter: number
  /** Of the cost, from 0 to 1. */
  readonly saves: number
  readonly sizeBytes: number
  /** Whom it keeps waiting while it is made; undefined: nobody. */
  readonly locks: string | undefined
  readonly notes: readonly string[]
  toString(): string
}

export function makeSuggestion(fields: Omit<IndexSuggestion, 'toString'>): IndexSuggestion {
  const text = (): string => describe(fields)
  const suggestion = { ...fields }
  Object.defineProperty(suggestion, 'toString', { value: text, enumerable: false })
  Object.defineProperty(suggestion, Symbol.for('nodejs.util.inspect.custom'), { value: text, enumerable: false })
  return Object.freeze(suggestion)
}

const sure: Readonly<Record<Confidence, string>> = {
  verified: 'verified with hypopg',
  estimated: 'estimated from statistics',
  structural: 'from the structure alone: the table was not analyzed',
}

function describe({
  ddl,
  why,
  confidence,
  costBefore,
  costAfter,
  sizeBytes,
  notes,
}: Omit<IndexSuggestion, 'toString'>): string {
  const cost = (value: number): string => Math.round(value).toLocaleString('en-US')
  return [
    `${ddl};`,
    `  ${why}`,
    `  cost ${cost(costBefore)} → ${cost(costAfter)}, about ${formatSize(sizeBytes)} (${sure[confidence]})`,
    ...notes.map((note) => `  ${note}`),
  ].join('\n')
}
