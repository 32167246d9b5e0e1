// Which codec a column gets: the smallest, but a costlier one only where it saves enough.

import { rulesOf } from './codecs.ts'
import type { PackedColumn } from './column.ts'
import type { Measured } from './measure.ts'

/** Of the bytes of the cheaper one, the costlier has to save so many. */
const leastSaving = 0.15

/** One for each column, in the order in which columns come first. */
export function choose(measured: readonly Measured[]): readonly Measured[] {
  const byColumn = new Map<number, Measured[]>()
  for (const one of measured) {
    const those = byColumn.get(one.column.attnum) ?? []
    byColumn.set(one.column.attnum, [...those, one])
  }
  return [...byColumn.values()].map((those) => those.toSorted(byEffort).reduce(better))
}

function better(best: Measured, next: Measured): Measured {
  return next.bytes < best.bytes * (1 - leastSaving) ? next : best
}

function byEffort(a: Measured, b: Measured): number {
  return effortOf(a.column) - effortOf(b.column)
}

function effortOf({ codec, literal }: PackedColumn): number {
  const isLookedUp = codec === 'word' && literal === undefined
  return rulesOf[codec].effort + (isLookedUp ? 1.5 : 0)
}

/** Where the lists of a segment stand: beside each other in its row, or each on its own, so that a reader fetches those it needs. */
export function storagesOf(chosen: readonly Measured[]): ReadonlyMap<number, 'main' | 'extended'> {
  const total = chosen.reduce((sum, { bytes }) => sum + bytes, 0)
  return new Map(
    chosen.map(({ column, bytes }) => [
      column.attnum,
      total <= mostInRow || bytes <= mostBeside ? ('main' as const) : ('extended' as const),
    ]),
  )
}

/** A page has four rows of that. */
const mostInRow = 2_000
/** What is smaller costs more on its own than in its row. */
const mostBeside = 200
