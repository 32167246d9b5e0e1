// Counts, sums, least and most of a history in one statement. A segment that lies whole in what is asked for answers by what the pack
// keeps of it; rows are unfolded only where an edge of the interval runs through their segment, where rows are asked for by columns
// that differ within it, and where the pack does not keep what is asked.
//
// What holds: the answer is that of the same aggregate over all rows, for types whose sums are exact.

import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import type { LivePack, TierObjects } from '../history/objects.ts'
import { packPlaces } from '../history/objects.ts'
import { packedOf } from '../history/pack-rows.ts'
import type { SourceColumn } from '../model/columns.ts'
import { keyName, leastName, mostName, sumName } from '../pack/column.ts'
import { hasEnds, kindOf } from '../pack/kinds.ts'
import { allOf, isMatch, isWithin } from './asked.ts'
import { looseBranch, packBranch, rowsBranch, selectFrom, tableBranch, type Branch, type Wanted } from './branches.ts'

export type Measure =
  | { readonly kind: 'count' }
  | { readonly kind: 'sum' | 'min' | 'max'; readonly column: SourceColumn }

export interface MeasureSources {
  /** Also where rows are that came late. */
  readonly hasTable: boolean
  readonly packs: readonly LivePack[]
  /** Relations of this transaction that have the columns of the table. */
  readonly loaded: readonly string[]
}

/** One row with one column, `value`; null: there is nothing to measure. */
export function measureStatement(
  objects: TierObjects,
  {
    measure,
    wanted,
    sources,
  }: { readonly measure: Measure; readonly wanted: Wanted; readonly sources: MeasureSources },
): Sql {
  const unfolded = (branch: Branch): Sql => selectFrom(branch, `${ofRows(measure)} as value`)
  const parts = [
    sql`select ${sql.raw(emptyOf(measure))} as value`,
    ...(sources.hasTable ? [unfolded(tableBranch(objects, wanted))] : []),
    ...sources.loaded.map((relation) => unfolded(rowsBranch(objects, relation, wanted))),
    ...sources.packs.flatMap((pack) => [
      unfolded(looseBranch(objects, pack, wanted)),
      ...packParts(objects, pack, { measure, wanted }),
    ]),
  ]
  const total = measure.kind === 'count' || measure.kind === 'sum' ? 'sum' : measure.kind
  return sql`select ${sql.raw(total)}(p.value)${sql.raw(resultCast(measure))} as value
from (
${sql.join(parts, '\nunion all\n')}
) as p`
}

interface Question {
  readonly measure: Measure
  readonly wanted: Wanted
}

function packParts(objects: TierObjects, pack: LivePack, { measure, wanted }: Question): readonly Sql[] {
  const kept = keptOf(objects, pack, measure)
  const values = wanted.filters.map(({ column }) => valueOf(pack, column))
  const columns = measure.kind === 'count' ? [] : [measure.column]
  const rows = packBranch(objects, pack, { ...wanted, columns })
  const list = `${ofRows(measure)} as value`
  if (kept === undefined || values.includes(undefined)) return [selectFrom(rows, list)]
  const matches = wanted.filters.map((filter, place) => isMatch(filter, values[place] ?? 'null'))
  const inside = { least: axisIn(objects, pack, leastName), most: axisIn(objects, pack, mostName) }
  const whole = sql`select ${sql.raw(kept)} as value
from ${sql.raw(packPlaces(pack.id).segments)} as s
where ${allOf([...isInside(objects, wanted, inside), ...matches])}`
  const cut = isInside(objects, wanted, { least: 'r.pgstrata_least', most: 'r.pgstrata_most' })
  if (cut.length === 0) return [whole]
  const edges = { ...rows, conditions: [...rows.conditions, sql`not (${allOf(cut)})`] }
  return [whole, selectFrom(edges, list)]
}

function isInside(
  objects: TierObjects,
  { since, until }: Wanted,
  { least, most }: { readonly least: string; readonly most: string },
): readonly Sql[] {
  return [
    ...isWithin(objects, { since, until: undefined }, least),
    ...isWithin(objects, { since: undefined, until }, most),
  ]
}

function axisIn({ axis }: TierObjects, pack: LivePack, nameOf: typeof leastName): string {
  return `s.${nameOf(packedOf(pack, axis) ?? axis)}`
}

/** Sums of whole and decimal numbers are exact, and of one type, whatever they are sums of. */
function isExact({ type }: SourceColumn): boolean {
  return ['integer', 'numeric'].includes(kindOf(type))
}

function ofRows(measure: Measure): string {
  if (measure.kind === 'count') return 'count(*)::numeric'
  const value = `${measure.kind}(r.${quoteIdent(measure.column.name)})`
  return measure.kind === 'sum' && isExact(measure.column) ? `${value}::numeric` : value
}

/** Of the type of the others. */
function emptyOf(measure: Measure): string {
  if (measure.kind === 'count') return '0::numeric'
  if (measure.kind !== 'sum') return `null::${measure.column.type}`
  return isExact(measure.column) ? 'null::numeric' : 'null'
}

function resultCast({ kind }: Measure): string {
  return kind === 'count' ? '::float8' : kind === 'sum' ? '::text' : ''
}

/** By what the pack keeps of each segment; undefined: it does not. */
function keptOf(objects: TierObjects, pack: LivePack, measure: Measure): string | undefined {
  if (measure.kind === 'count') return 'sum(s.rows)::numeric'
  const { kind, column } = measure
  const packed = packedOf(pack, column)
  const one = valueOf(pack, column)
  if (kind === 'sum') {
    if (!isExact(column)) return undefined
    if (packed?.sum === true && packed.type === column.type) return `sum(s.${sumName(packed)})::numeric`
    return one === undefined ? undefined : `sum(${one}::numeric * s.rows)`
  }
  if (!hasEnds(column.type)) return undefined
  const hasOwn = packed !== undefined && packed.type === column.type && (packed.ends || column === objects.axis)
  if (hasOwn) return `${kind}(s.${kind === 'min' ? leastName(packed) : mostName(packed)})`
  return one === undefined ? undefined : `${kind}(${one})`
}

/** What all rows of a segment have in a column; undefined: that is not one value. */
function valueOf(pack: LivePack, column: SourceColumn): string | undefined {
  const packed = packedOf(pack, column)
  const typed = `::${column.type}`
  if (packed === undefined) {
    if (column.generated) return undefined
    const { missing } = column
    return `${missing === undefined ? 'null' : quoteLiteral(missing)}${typed}`
  }
  if (packed.type !== column.type) return undefined
  if (packed.codec === 'key') return `s.${keyName(packed)}`
  return packed.codec === 'constant' ? `(${packed.literal ?? 'null'})${typed}` : undefined
}
