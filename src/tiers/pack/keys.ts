// What the rows of a segment have in common: the declared columns, unless too few rows have their values in common, and columns
// that go with them, such as the artist of a song.

import { onlyRow, type Session } from '../../db/db.ts'
import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { SourceColumn } from '../model/columns.ts'
import { isSmall, kindOf, textOf } from './kinds.ts'

export interface KeysQuestion {
  readonly source: string
  readonly columns: readonly SourceColumn[]
  readonly segmentBy: readonly string[]
  readonly orderBy: readonly string[]
}

export interface Keys {
  /** Those that are declared; empty where they were given up. */
  readonly declared: readonly string[]
  /** Those that go with them. Where one of them changes, another segment begins. */
  readonly added: readonly string[]
  /** Declared ones that were given up and are short: segments tell between which of their values they lie. */
  readonly givenUp: readonly string[]
  /** SQL of the one value that a column seems to have. */
  readonly constants: ReadonlyMap<string, string>
}

/** Below this number of rows with a key in common, a segment costs more than its key saves. */
const leastRowsOfKey = 64
/** A key stands in an index. */
const mostKeyBytes = 500
/** A column is added if in this share of keys it has one value. */
const commonShare = 0.98
const sampleRows = 10_000
/** Of a value that is written into a view. */
const mostLiteralBytes = 200

export async function chooseKeys(tx: Session, asked: KeysQuestion): Promise<Keys> {
  const sampled = await sampleColumns(tx, asked)
  const constants = new Map<string, string>()
  for (const { column, facts } of sampled) {
    const literal = constantOf(column, facts)
    if (literal !== undefined) constants.set(column.name, literal)
  }
  if (asked.segmentBy.length === 0) return { declared: [], added: [], givenUp: [], constants }
  const taken = new Set([...asked.segmentBy, ...asked.orderBy, ...constants.keys()])
  const possible = sampled
    .filter(({ column, facts }) => !taken.has(column.name) && !facts.isLarge && canBeKey(column))
    .map(({ column }) => column)
  const seeming = await countCommon(tx, asked, { candidates: possible, rows: sampleRows })
  const found = await countCommon(tx, asked, { candidates: seeming.common, rows: undefined })
  const isShort = found.keyBytes <= mostKeyBytes
  if (!isShort || found.rows < found.keys * leastRowsOfKey)
    return { declared: [], added: [], givenUp: isShort ? asked.segmentBy : [], constants }
  return { declared: asked.segmentBy, added: found.common.map(({ name }) => name), givenUp: [], constants }
}

interface SampleFacts {
  readonly rows: number
  readonly filled: number
  readonly least: string | null
  readonly most: string | null
  readonly isLarge: boolean
}

interface Sampled {
  readonly column: SourceColumn
  readonly facts: SampleFacts
}

async function sampleColumns(tx: Session, { source, columns }: KeysQuestion): Promise<readonly Sampled[]> {
  const lists = columns.map((column, index) => {
    const value = `s.${quoteIdent(column.name)}`
    const isLarge = `pg_column_size(${value}) > ${mostLiteralBytes}`
    const text = `case when not ${isLarge} then ${textOf(column.type, value)} end`
    return `array[count(*)::text, count(${value})::text, min(${text}), max(${text}), coalesce(bool_or(${isLarge}), false)::text] as c${index}`
  })
  const row = onlyRow(
    await tx.query<Record<string, (string | null)[]>>(
      sql.raw(`select ${lists.join(', ')} from (select * from ${source} limit ${sampleRows}) as s`),
    ),
  )
  return columns.map((column, index) => {
    const [rows, filled, least = null, most = null, large] = row[`c${index}`] ?? []
    return { column, facts: { rows: Number(rows), filled: Number(filled), least, most, isLarge: large === 'true' } }
  })
}

/** A value of a domain is not: what the domain asks today it may not have asked then. */
function constantOf({ kind }: SourceColumn, { rows, filled, least, most, isLarge }: SampleFacts): string | undefined {
  if (rows === 0 || isLarge || least !== most || kind === 'domain') return undefined
  if (filled === 0) return 'null'
  return filled === rows && least !== null ? quoteLiteral(least) : undefined
}

function canBeKey({ type, kind, groupable }: SourceColumn): boolean {
  return groupable && (kind === 'enum' || (kind === 'base' && (isSmall(type) || kindOf(type) === 'text')))
}

interface Common {
  readonly keys: number
  readonly rows: number
  readonly keyBytes: number
  readonly common: readonly SourceColumn[]
}

/** Over so many rows, or all. */
async function countCommon(
  tx: Session,
  { source, columns, segmentBy }: KeysQuestion,
  { candidates, rows }: { readonly candidates: readonly SourceColumn[]; readonly rows: number | undefined },
): Promise<Common> {
  const keys = segmentBy.map((name) => quoteIdent(name))
  const typeOf = (name: string): string => columns.find((column) => column.name === name)?.type ?? ''
  const sizes = segmentBy
    .filter((name) => !isSmall(typeOf(name)))
    .map((name) => `coalesce(max(pg_column_size(${quoteIdent(name)})), 0)`)
  const single = candidates.map(({ name, type }, index) => {
    const text = textOf(type, quoteIdent(name))
    return `, (count(${quoteIdent(name)}) = count(*) and min(${text}) = max(${text})) or count(${quoteIdent(name)}) = 0 as one${index}`
  })
  const counts = candidates.map((_, index) => `, count(*) filter (where n > 1 and one${index})::float8 as one${index}`)
  const limit = rows === undefined ? '' : ` limit ${rows}`
  const found = onlyRow(
    await tx.query<Record<string, number>>(
      sql.raw(`select count(*)::float8 as keys, coalesce(sum(n), 0)::float8 as rows, coalesce(max(bytes), 0)::float8 as bytes,
  count(*) filter (where n > 1)::float8 as several${counts.join('')}
from (
  select count(*) as n, greatest(${['0', ...sizes].join(', ')}) as bytes${single.join('')}
  from (select * from ${source}${limit}) as s
  group by ${keys.join(', ')}
) as k`),
    ),
  )
  const several = found['several'] ?? 0
  const isCommon = (index: number): boolean => several > 0 && (found[`one${index}`] ?? 0) >= several * commonShare
  return {
    keys: found['keys'] ?? 0,
    rows: found['rows'] ?? 0,
    keyBytes: found['bytes'] ?? 0,
    common: candidates.filter((_, index) => isCommon(index)),
  }
}
