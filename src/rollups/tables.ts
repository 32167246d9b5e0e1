// What a rollup is kept in, and what it is read through.

import { quoteIdent, quoteLiteral } from '../sql/quote.ts'
import { extremesOfStates } from './extremes.ts'
import { createTotals, createTotalsView } from './totals-tables.ts'
import { serverClock } from './totals.ts'
import { deltaOf, lockOf, mergedOf, partsOf, totalsOf, totalsViewOf, viewOf } from './names.ts'
import type { Rollup } from './options.ts'
import { rowCount, type Shape } from './shape.ts'
import { contributionOf, keysInIndex, keysOf, onlyKey, readColumnsIn } from './statements.ts'

/** Deltas come and go all the time: dead ones are to be cleared away as soon as there are a few pages of them. */
const deltaSettings =
  'autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0'

/** Room for the new version of a row in the page of the old one: a key that goes on being counted is updated in place. */
const mergedSettings = 'fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05'

export function createTables(shape: Shape): readonly string[] {
  const { rollup } = shape
  const { schema, table } = rollup
  const source = `${quoteIdent(schema)}.${quoteIdent(table)}`
  const delta = deltaOf(rollup)
  const merged = mergedOf(rollup)
  const empty = `${contributionOf(shape, { from: source, sign: 1 })}\nlimit 0`
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
    ...(shape.totals === undefined
      ? [`create table ${lockOf(rollup)} ()`]
      : [
          `create table ${lockOf(rollup)} (windows_at timestamptz not null)`,
          `insert into ${lockOf(rollup)} values (${serverClock})`,
        ]),
    `comment on table ${lockOf(rollup)} is ${quoteLiteral(`Locked by whoever merges or rebuilds rollup ${viewOf(rollup)}.`)}`,
    ...(shape.totals === undefined ? [] : createTotals(shape, empty)),
  ]
}

export function createViews(shape: Shape): readonly string[] {
  const { rollup, outputs } = shape
  const columns = readColumnsIn(shape).join(', ')
  const keys = keysOf(shape)
  const sums = shape.states.map(
    ({ name, type }) => `pg_catalog.sum(${quoteIdent(name)})::${type} as ${quoteIdent(name)}`,
  )
  const extremes = (shape.extremes ?? []).flatMap((extreme) => extremesOfStates(extreme, { gone: false }))
  const read = outputs.map(({ name, value }) => `${value} as ${quoteIdent(name)}`)
  return [
    `create view ${partsOf(rollup)} as
select ${columns} from ${mergedOf(rollup)}
union all
select ${columns} from ${deltaOf(rollup)}`,
    `comment on view ${partsOf(rollup)} is ${quoteLiteral(`Rollup ${viewOf(rollup)}, exact, not regrouped: add the states up by the key.`)}`,
    `create view ${viewOf(rollup)} as
select ${[...keys, ...read].join(', ')}
from (
  select ${[...keys, ...sums, ...extremes].join(', ')}
  from ${partsOf(rollup)}${keys.length === 0 ? '' : `\n  group by ${keys.join(', ')}`}
  having pg_catalog.sum(${quoteIdent(rowCount)}) > 0
) as summed`,
    `comment on view ${viewOf(rollup)} is ${quoteLiteral(`Rollup of ${quoteIdent(rollup.schema)}.${quoteIdent(rollup.table)}: exact to the last commit.`)}`,
    ...(shape.totals === undefined ? [] : createTotalsView(shape)),
  ]
}

export function dropRollup(rollup: Rollup): readonly string[] {
  return [
    `drop view if exists ${totalsViewOf(rollup)}`,
    `drop table if exists ${totalsOf(rollup)}`,
    `drop view if exists ${viewOf(rollup)}`,
    `drop view if exists ${partsOf(rollup)}`,
    `drop table if exists ${mergedOf(rollup)}`,
    `drop table if exists ${deltaOf(rollup)}`,
    `drop table if exists ${lockOf(rollup)}`,
  ]
}
