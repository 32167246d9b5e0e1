// What a rollup is kept in, and what it is read through.

import { quoteIdent, quoteLiteral, quoteQualified } from '../../sql/quote.ts'
import { definitionColumn } from '../model/definition.ts'
import { changeDistinct, createDistinct } from './distinct-tables.ts'
import { createEverView } from './ever.ts'
import { extremesOfStates } from '../model/extremes.ts'
import { createLevel, createLevelViews } from './levels-tables.ts'
import { levelsIn } from './levels.ts'
import { ownRelations } from '../model/own-relations.ts'
import { createTotals, createTotalsView } from './totals-tables.ts'
import {
  createValues,
  createValuesViews,
  dropValues,
  partsWithPending,
  pendingOf,
  readValues,
} from './values-tables.ts'
import { valuesIn } from '../model/values-statements.ts'
import type { ValuesMeasure } from '../model/values.ts'
import { serverClock } from './totals.ts'
import { deltaOf, lockOf, mergedOf, partsOf, viewOf } from '../model/names.ts'
import type { Rollup } from '../model/options.ts'
import { rowCount, shownOf, type Level, type Shape } from '../model/shape.ts'
import { contributionOf, keysInIndex, keysOf, onlyKey, readColumnsIn, sumOfState } from '../model/statements.ts'

/** Deltas come and go all the time: dead ones are to be cleared away as soon as there are a few pages of them. */
const deltaSettings =
  'autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0'

/** Room for the new version of a row in the page of the old one: a key that goes on being counted is updated in place. */
const mergedSettings = 'fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05'

export function createTables(shape: Shape): readonly string[] {
  const { rollup } = shape
  const delta = deltaOf(rollup)
  const merged = mergedOf(rollup)
  const empty = emptyOf(shape)
  const notNull = shape.states.map(({ name }) => `alter column ${quoteIdent(name)} set not null`).join(', ')
  const index = shape.keys.length === 0 ? [quoteIdent(onlyKey)] : keysInIndex(shape)
  return [
    // From a query, so that types, domains and collations are those of the columns.
    `create table ${delta}\nwith (${deltaSettings})\nas\n${empty}`,
    `alter table ${delta} ${notNull}`,
    `comment on table ${delta} is ${quoteLiteral(`What changed of rollup ${viewOf(rollup)} and is not merged yet. Appended to, never updated.`)}`,
    `create table ${merged}\nwith (${mergedSettings})\nas\n${empty}`,
    `alter table ${merged} ${notNull}${shape.keys.length === 0 ? `, add column ${quoteIdent(onlyKey)} boolean not null default true check (${quoteIdent(onlyKey)})` : ''}`,
    `comment on table ${merged} is ${quoteLiteral(`Rollup ${viewOf(rollup)} as far as it is merged.`)}`,
    `create unique index on ${merged} (${index.join(', ')})${shape.keys.length === 0 ? '' : ' nulls not distinct'}`,
    ...(rollup.bucket === undefined || shape.keys.length === 1
      ? []
      : [`create index on ${merged} (${keysOf(shape)[0] ?? ''})`]),
    `create table ${lockOf(rollup)} (windows_at timestamptz not null, ${quoteIdent(definitionColumn(shape))} boolean)`,
    `insert into ${lockOf(rollup)} values (${serverClock})`,
    `comment on table ${lockOf(rollup)} is ${quoteLiteral(`Locked by whoever merges or rebuilds rollup ${viewOf(rollup)}.`)}`,
    ...(shape.totals === undefined ? [] : createTotals(shape, empty)),
    ...createLevels(shape, levelsIn(shape)),
    ...createValues(shape, valuesIn(shape), { delta: deltaSettings, merged: mergedSettings }),
    ...createDistinct(shape, mergedSettings),
  ]
}

/** Behind `changeValues`. */
export function changeCounted(from: Shape, to: Shape): readonly string[] {
  return changeDistinct(from, to, mergedSettings)
}

/** Those of measures that come, and not of those that go. */
export function changeValues(from: Shape, to: Shape): readonly string[] {
  const [before, after] = [valuesIn(from), valuesIn(to)]
  const without = (some: readonly ValuesMeasure[], others: readonly ValuesMeasure[]): readonly ValuesMeasure[] =>
    some.filter(({ name }) => !others.some((other) => other.name === name))
  return [
    ...dropValues(from.rollup, without(before, after)),
    ...createValues(to, without(after, before), { delta: deltaSettings, merged: mergedSettings }),
  ]
}

export function createLevels(shape: Shape, levels: readonly Level[]): readonly string[] {
  return levels.flatMap((level) => createLevel(shape, level, mergedSettings))
}

/** A query that gives the columns of what is merged, and no row. */
export function emptyOf(shape: Shape): string {
  const { schema, table } = shape.rollup
  return `${contributionOf(shape, { from: quoteQualified(schema, table), sign: 1 })}\nlimit 0`
}

/** Of what is filled. */
export function createViews(shape: Shape): readonly string[] {
  const { rollup } = shape
  const outputs = shownOf(shape)
  const columns = readColumnsIn(shape)
  const keys = keysOf(shape)
  const sums = shape.states.map(sumOfState)
  const extremes = (shape.extremes ?? []).flatMap((extreme) => extremesOfStates(extreme, { gone: false }))
  const values = valuesIn(shape).filter(({ name }) => outputs.some((output) => output.name === name))
  const read = outputs.map(({ name, value }) => {
    const measure = values.find((one) => one.name === name)
    return `${measure === undefined ? value : readValues(shape, measure)} as ${quoteIdent(name)}`
  })
  return [
    `create view ${partsOf(rollup)} as
select ${columns.join(', ')} from ${mergedOf(rollup)}
union all
select ${columns.join(', ')} from ${deltaOf(rollup)}`,
    `comment on view ${partsOf(rollup)} is ${quoteLiteral(`Rollup ${viewOf(rollup)}, exact, not regrouped: add the states up by the key. Measures of values are not in it.`)}`,
    ...createValuesViews(shape),
    `create view ${viewOf(rollup)} as
select ${[...keys, ...read].join(', ')}
from (
  select ${[...keys, ...sums, ...extremes, ...pendingOf(values)].join(', ')}
  from ${partsWithPending(shape, values, columns)}${keys.length === 0 ? '' : `\n  group by ${keys.join(', ')}`}
  having pg_catalog.sum(${quoteIdent(rowCount)}) > 0
) as summed`,
    `comment on view ${viewOf(rollup)} is ${quoteLiteral(`Rollup of ${quoteIdent(rollup.schema)}.${quoteIdent(rollup.table)}: exact to the last commit.`)}`,
    ...(shape.totals === undefined ? [] : [...createTotalsView(shape), ...createEverView(shape)]),
    ...createLevelViews(shape, outputs),
  ]
}

export function dropViews(rollup: Rollup): readonly string[] {
  return ownRelations(rollup).flatMap(({ kind, place }) => (kind === 'view' ? [`drop view if exists ${place}`] : []))
}

export function dropRollup(rollup: Rollup): readonly string[] {
  return ownRelations(rollup).map(({ kind, place }) => `drop ${kind} if exists ${place}`)
}
