// An index that might be made, and how it would be written.

import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import type { TableFacts } from '../plan/tables.ts'
import type { Key, TableWants, Want } from './wants.ts'

export type IndexMethod = 'btree' | 'gin' | 'gist' | 'brin'

export interface CandidateKey {
  readonly key: Key
  /** 'text_pattern_ops', 'jsonb_path_ops'; undefined: the default. */
  readonly operatorClass: string | undefined
  readonly descending: boolean
  readonly nullsFirst: boolean
  /** Rows are found by equality: keys of this kind may change places. */
  readonly isEqual: boolean
}

export interface Candidate {
  readonly of: TableWants
  readonly method: IndexMethod
  readonly keys: readonly CandidateKey[]
  readonly include: readonly string[]
  /** Of a partial one. */
  readonly where: string | undefined
  /** What it serves, and how much of the table that leaves. */
  readonly serves: readonly Want[]
  readonly selectivity: number
  /** It gives the rows in order, so that LIMIT is soon reached. */
  readonly isOrdered: boolean
  /** The table whose rows it is looked up for; undefined: once. */
  readonly joins: string | undefined
}

/** Of the whole table. */
export type Selectivities = ReadonlyMap<Want, number>

export interface CandidateTools {
  readonly selectivities: Selectivities
  readonly hasTrigrams: boolean
  readonly brinFromBytes: number
  /** LIMIT, where it is known; the planner takes a tenth of the rows where it is not. */
  readonly limitRows: number | undefined
  readonly params: readonly unknown[] | undefined
}

/** Keys beyond these find hardly less, and make every write dearer. */
export const mostKeys = 4

export function plainKey(key: Key, isEqual: boolean, operatorClass?: string): CandidateKey {
  return { key, operatorClass, descending: false, nullsFirst: false, isEqual }
}

function printKey({ key, operatorClass, descending, nullsFirst }: CandidateKey): string {
  const nulls = nullsFirst === descending ? '' : nullsFirst ? ' nulls first' : ' nulls last'
  return `${key.text}${operatorClass === undefined ? '' : ` ${operatorClass}`}${descending ? ' desc' : ''}${nulls}`
}

/** What stands behind ON in CREATE INDEX. */
export function printIndexBody({ of: { table }, method, keys, include, where }: Candidate): string {
  return [
    quoteQualified(table.schema, table.name),
    ...(method === 'btree' ? [] : [`using ${method}`]),
    `(${keys.map(printKey).join(', ')})`,
    ...(include.length === 0 ? [] : [`include (${include.map(quoteIdent).join(', ')})`]),
    ...(where === undefined ? [] : [`where ${where}`]),
  ].join(' ')
}

const nameBytes = 55

/** A name that no index of the table has: plays_genre_strategy_idx. */
export function nameIndex({ of: { table }, keys }: Candidate): string {
  const parts = [table.name, ...new Set(keys.flatMap(({ key }) => key.columns))]
  let base = parts.join('_').replaceAll(/[^\p{L}\p{N}_]/gu, '_')
  while (Buffer.byteLength(base) > nameBytes) base = base.slice(0, -1)
  const taken = new Set(table.indexes.map(({ name }) => name))
  let name = `${base}_idx`
  for (let number = 1; taken.has(name); number++) name = `${base}_idx${number}`
  return name
}

/** b-trees: 8 bytes of head and 4 of pointer for each row, 90 % full; equal values share their key. */
export function estimateSizeBytes({ of: { table }, method, keys, include, where, selectivity }: Candidate): number {
  const rows =
    (table.rows ?? table.sizeBytes / 100) * (where === undefined ? 1 : Math.min(1, Math.max(selectivity, 0.001)))
  const columns = [...keys.flatMap(({ key }) => key.columns), ...include]
  const widthOf = (name: string): number =>
    table.columns.find((column) => column.name === name)?.stats?.widthBytes ?? 16
  const width = columns.reduce((sum, name) => sum + widthOf(name), 0)
  if (method === 'brin') return 8_192 * 3 + (table.sizeBytes / 1_048_576) * 64
  if (method === 'gin') return rows * Math.max(16, width * 0.5)
  if (method === 'gist') return rows * (width + 24)
  const distinct = keys
    .map(({ key }) => key.column?.stats?.distinct ?? rows)
    .reduce((most, one) => Math.max(most, one), 1)
  const isShared = include.length === 0 && distinct * 10 < rows
  const perRow = isShared ? 6.5 : Math.ceil((8 + width) / 8) * 8 + 4
  return 16_384 + (rows * perRow) / 0.9
}

export function rowsOf(table: TableFacts): number {
  return table.rows ?? 0
}
