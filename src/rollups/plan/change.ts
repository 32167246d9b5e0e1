// A rollup that is declared in another way, while it is read: in place, where measures come and go, or by another one that was
// built beside it and takes its place.
//
// What holds: readers see what they saw until what is new is filled; history below the floor stays as it is, and has nothing
// of a new measure. The source is locked first, against writers that still run the old capture; then the rollup, against
// merges; whoever merges by the old definition afterwards finds out, and does nothing.

import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import type { Relation, Source, TimeUnit } from '../model/options.ts'
import { definitionColumn } from '../model/definition.ts'
import { extremeTypes } from '../model/extremes.ts'
import { createGuard, dropGuard } from '../kept/guard.ts'
import { fillLevels, levelsIn } from '../kept/levels.ts'
import { deltaOf, levelOf, lockOf, mergedOf, totalsOf } from '../model/names.ts'
import { ownRelations } from '../model/own-relations.ts'
import type { Shape } from '../model/shape.ts'
import { lockStatement } from '../model/statements.ts'
import { createTotals } from '../kept/totals-tables.ts'
import { fillTotals, serverClock } from '../kept/totals.ts'
import { changeCounted, changeValues, createLevels, dropRollup, emptyOf } from '../kept/tables.ts'
import { createFunctions, dropFunctions, dropReaders } from '../read/sql-functions.ts'

/** SHARE ROW EXCLUSIVE on it, on its partitions and on loose rows: behind it, nobody is in the middle of writing to it. */
export function lockSource({ schema, table }: Source, relations: readonly Relation[]): string {
  const beside = relations.flatMap(({ name, events }) => (events === undefined ? [] : [name]))
  return `lock table ${[quoteQualified(schema, table), ...beside].join(', ')} in share row exclusive mode`
}

/** The tables as `to` needs them, new measures at nothing; views are gone, and to be made again. */
export function changeTables(from: Shape, to: Shape): readonly string[] {
  const { rollup } = to
  const [was, is] = [definitionColumn(from), definitionColumn(to)]
  return [
    lockStatement(rollup),
    ...dropReaders(from),
    `drop table if exists ${totalsOf(rollup)}`,
    dropGuard(rollup),
    ...changeColumns([deltaOf(rollup), mergedOf(rollup)], columnsIn(from), columnsIn(to)),
    ...changeValues(from, to),
    ...changeCounted(from, to),
    ...changeLevels(from, to),
    ...(was === is
      ? []
      : [`alter table ${lockOf(rollup)} drop column ${quoteIdent(was)}, add column ${quoteIdent(is)} boolean`]),
    ...createGuard(to),
    ...(to.totals === undefined
      ? []
      : [
          `update ${lockOf(rollup)} set windows_at = ${serverClock}`,
          ...createTotals(to, emptyOf(to)),
          ...fillTotals(to),
        ]),
  ]
}

/** Those that stay are changed as the merged table is; those that come are filled from it, as totals are. */
function changeLevels(from: Shape, to: Shape): readonly string[] {
  const { rollup } = to
  const isOf = (shape: Shape, unit: TimeUnit): boolean => levelsIn(shape).some((one) => one.unit === unit)
  const gone = levelsIn(from).filter(({ unit }) => !isOf(to, unit))
  const staying = levelsIn(to).filter(({ unit }) => isOf(from, unit))
  const added = levelsIn(to).filter(({ unit }) => !isOf(from, unit))
  const additive = (shape: Shape): readonly Column[] => columnsIn(shape).filter((column) => column.additive)
  return [
    ...gone.map(({ unit }) => `drop table if exists ${levelOf(rollup, unit)}`),
    ...changeColumns(
      staying.map(({ unit }) => levelOf(rollup, unit)),
      additive(from),
      additive(to),
    ),
    ...createLevels(to, added),
    ...fillLevels(to, added),
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

function changeColumns(
  tables: readonly string[],
  before: readonly Column[],
  after: readonly Column[],
): readonly string[] {
  const isIn = (columns: readonly Column[], { name, type }: Column): boolean =>
    columns.some((one) => one.name === name && one.type === type)
  const altered = [
    ...before.filter((one) => !isIn(after, one)).map(({ name }) => `drop column ${name}`),
    ...after
      .filter((one) => !isIn(before, one))
      .map(({ name, type, additive }) => `add column ${name} ${type}${additive ? ' not null default 0' : ''}`),
  ]
  return altered.length === 0 ? [] : tables.map((table) => `alter table ${table} ${altered.join(', ')}`)
}

/** What was built beside is filled: what was kept goes, and it takes the names. Functions say names, and are made anew. */
export function takePlace(from: Shape, beside: Shape, to: Shape): readonly string[] {
  const [kept, next] = [from.rollup, beside.rollup]
  return [
    lockStatement(kept),
    lockStatement(next),
    dropGuard(kept),
    dropGuard(next),
    ...dropFunctions(from),
    ...dropFunctions(beside),
    ...dropRollup(kept),
    ...ownRelations(next).map(
      ({ kind, place, suffix }) => `alter ${kind} ${place} rename to ${quoteIdent(`${to.rollup.name}${suffix}`)}`,
    ),
    ...createFunctions(to).flatMap(({ statements }) => statements),
    ...createGuard(to),
  ]
}
