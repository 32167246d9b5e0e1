// What readers of a rollup would find no more when it is changed: columns and relations of it that they read, by name. Pure.

import type { Use } from '../../plan/index.ts'
import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { totalsKeys } from '../kept/places.ts'
import { shownInTotals } from '../kept/totals-tables.ts'
import {
  everViewOf,
  levelOf,
  levelViewOf,
  membersViewOf,
  partsOf,
  pendingViewOf,
  totalsViewOf,
  viewOf,
} from '../model/names.ts'
import { measuresInFunctions, ownFunctions } from '../model/own-functions.ts'
import { shownOf, type Shape } from '../model/shape.ts'
import { additiveColumnsOf, keysOf, readColumnsIn } from '../model/statements.ts'
import { memberColumns, valuesIn } from '../model/values-statements.ts'

export interface Loss {
  /** The identity of the reader. */
  readonly reader: string
  /** The name of a column, or of a relation or a function that goes as a whole. */
  readonly what: string
  /** False: the reader may mean something else by that name. */
  readonly isCertain: boolean
  /** The reader will be made as it is declared, and does not read it then. */
  readonly isPending: boolean
}

/** Of readers as they will be made, when `from` has become `to`. */
export function findLosses(
  uses: readonly Use[],
  { from, to }: { readonly from: Shape; readonly to: Shape },
): readonly Loss[] {
  const [before, after] = [readableOf(from), readableOf(to)]
  return uses.flatMap(({ reader, schema, name, columns, ...how }) => {
    const place = quoteQualified(schema, name)
    const [had, has] = [before.get(place), after.get(place)]
    if (had === undefined) return []
    if (has === undefined) return [{ ...how, reader, what: name, isCertain: true }]
    return columns
      .filter((column) => had.has(quoted(column)) && !has.has(quoted(column)))
      .map((what) => ({ ...how, reader, what }))
  })
}

/** What may be something else is no reason to hold back what a reader is declared with. */
export const isReal = ({ isCertain, isPending }: Loss): boolean => isCertain || isPending

/** 'view public.by_song reads amount', for a person. */
export function describeLosses(losses: readonly Loss[]): string {
  const readers = [...new Set(losses.map(({ reader }) => reader))]
  return readers
    .map((reader) => {
      const names = new Set(losses.filter((loss) => loss.reader === reader).map(({ what }) => what))
      return `${reader} reads ${[...names].join(', ')}`
    })
    .join(', ')
}

/** A name in somebody's text may be longer than a column's. */
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** The columns of all that others may read, as SQL writes both. */
export function readableOf(shape: Shape): ReadonlyMap<string, ReadonlySet<string>> {
  const { rollup, levels = [], totals } = shape
  const shown = shownOf(shape).map(({ name }) => quoteIdent(name))
  const grouped = [...keysOf(shape), ...shown]
  const summed = [...totalsKeys(shape), ...shownInTotals(shape).map(quoteIdent)]
  const all: readonly (readonly [string, readonly string[]])[] = [
    [viewOf(rollup), grouped],
    [partsOf(rollup), readColumnsIn(shape)],
    ...levels.flatMap(({ unit }) => [
      [levelViewOf(rollup, unit), grouped] as const,
      [levelOf(rollup, unit), additiveColumnsOf(shape)] as const,
    ]),
    ...(levels.length === 0 ? [] : [[pendingViewOf(rollup), additiveColumnsOf(shape)] as const]),
    ...(totals === undefined ? [] : [totalsViewOf(rollup), everViewOf(rollup)].map((view) => [view, summed] as const)),
    ...valuesIn(shape).map(({ name }) => [membersViewOf(rollup, name), memberColumns(shape)] as const),
    ...ownFunctions(shape).map(
      ({ name }) => [name, [...rollup.by, ...measuresInFunctions(shape)].map(quoteIdent)] as const,
    ),
  ]
  return new Map(all.map(([place, columns]) => [place, new Set(columns)]))
}
