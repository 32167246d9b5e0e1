// A rollup that is declared in another way, while it is read: in place, where measures come and go, or by another one that was
// built beside it and takes its place.
//
// What holds: readers see what they saw until what is new is filled; history below the floor stays as it is, and has nothing
// of a new measure. The source is locked first, against writers that still run the old capture; then the rollup, against
// merges; whoever merges by the old definition afterwards finds out, and does nothing.

import { quoteIdent, quoteQualified } from '../sql/quote.ts'
import type { Source } from './capture.ts'
import { definitionColumn } from './definition.ts'
import { extremeTypes } from './extremes.ts'
import { createGuard, dropGuard } from './guard.ts'
import { deltaOf, lockOf, mergedOf, partsOf, totalsOf, totalsViewOf, viewOf } from './names.ts'
import type { Rollup } from './options.ts'
import type { Shape } from './shape.ts'
import { lockStatement } from './statements.ts'
import { createTotals } from './totals-tables.ts'
import { serverClock, upsertTotals } from './totals.ts'
import { changeValues, dropRollup, dropViews, emptyOf } from './tables.ts'
import { renameValues } from './values-tables.ts'

/** SHARE ROW EXCLUSIVE on it and on its partitions: behind it, nobody is in the middle of writing to it. */
export function lockSource({ schema, table }: Source): string {
  return `lock table ${quoteQualified(schema, table)} in share row exclusive mode`
}

/** The tables as `to` needs them, new measures at nothing; views are gone, and to be made again. */
export function changeTables(from: Shape, to: Shape): readonly string[] {
  const { rollup } = to
  const [before, after] = [columnsIn(from), columnsIn(to)]
  const isIn = (columns: readonly Column[], { name, type }: Column): boolean =>
    columns.some((one) => one.name === name && one.type === type)
  const altered = [
    ...before.filter((one) => !isIn(after, one)).map(({ name }) => `drop column ${name}`),
    ...after
      .filter((one) => !isIn(before, one))
      .map(({ name, type, additive }) => `add column ${name} ${type}${additive ? ' not null default 0' : ''}`),
  ]
  const [was, is] = [definitionColumn(from), definitionColumn(to)]
  return [
    lockStatement(rollup),
    ...dropViews(rollup),
    `drop table if exists ${totalsOf(rollup)}`,
    dropGuard(rollup),
    ...(altered.length === 0
      ? []
      : [deltaOf(rollup), mergedOf(rollup)].map((table) => `alter table ${table} ${altered.join(', ')}`)),
    ...changeValues(from, to),
    ...(was === is
      ? []
      : [`alter table ${lockOf(rollup)} drop column ${quoteIdent(was)}, add column ${quoteIdent(is)} boolean`]),
    ...createGuard(to),
    ...(to.totals === undefined
      ? []
      : [
          `update ${lockOf(rollup)} set windows_at = ${serverClock}`,
          ...createTotals(to, emptyOf(to)),
          upsertTotals(to, { from: mergedOf(rollup) }),
        ]),
  ]
}

interface Column {
  /** As SQL writes it. */
  readonly name: string
  readonly type: string
  readonly additive: boolean
}

function columnsIn({ states, extremes = [] }: Shape): readonly Column[] {
  return [
    ...states.map(({ name, type }) => ({ name: quoteIdent(name), type, additive: true })),
    ...extremes.flatMap(extremeTypes).map((one) => ({ ...one, additive: false })),
  ]
}

/** `next` is filled: what was kept goes, and it takes the names. */
export function takePlace(kept: Rollup, next: Rollup, to: Shape): readonly string[] {
  const renamed = (what: 'table' | 'view', name: string, as: string): string => `alter ${what} ${name} rename to ${as}`
  const { name } = to.rollup
  const as = (suffix: string): string => quoteIdent(`${name}${suffix}`)
  return [
    lockStatement(kept),
    lockStatement(next),
    dropGuard(kept),
    dropGuard(next),
    ...dropRollup(kept),
    renamed('table', deltaOf(next), as('_delta')),
    renamed('table', mergedOf(next), as('_merged')),
    renamed('table', lockOf(next), as('_lock')),
    renamed('view', partsOf(next), as('_parts')),
    renamed('view', viewOf(next), as('')),
    ...renameValues(next, name),
    ...(to.totals === undefined
      ? []
      : [renamed('table', totalsOf(next), as('_totals')), renamed('view', totalsViewOf(next), as('_totals'))]),
    ...createGuard(to),
  ]
}
