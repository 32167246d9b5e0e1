// What totals are kept in, and the view they are read through.

import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { totalsOf, totalsViewOf, viewOf } from '../model/names.ts'
import type { Shape } from '../model/shape.ts'
import { onlyKey } from '../model/statements.ts'
import { totalsIn, totalsKeys } from './places.ts'

/** A merge writes each key that was counted since the last one: half of a page is room for its next version. */
const settings =
  'fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0'

/** `empty`: a query over the source that gives the columns of the merged table, and no row. */
export function createTotals(shape: Shape, empty: string): readonly string[] {
  const table = totalsOf(shape.rollup)
  const { windows, computed, index, distinct: measures = [] } = totalsIn(shape)
  const keys = totalsKeys(shape)
  const states = shape.states.map(({ name }) => quoteIdent(name))
  const inWindows = windows.flatMap(({ states: all }) =>
    all.map(({ name, of }) => ({ name: quoteIdent(name), of: quoteIdent(of.name) })),
  )
  const distinct = measures.flatMap(({ columns: all }) => all.map(quoteIdent))
  const columns = [
    ...keys,
    ...states,
    ...inWindows.map(({ name, of }) => `${of} as ${name}`),
    ...distinct.map((name) => `0::bigint as ${name}`),
  ]
  const only = keys.length === 0
  const altered = [
    ...[...states, ...inWindows.map(({ name }) => name), ...distinct].map(
      (name) => `alter column ${name} set not null`,
    ),
    ...(only ? [`add column ${quoteIdent(onlyKey)} boolean not null default true check (${quoteIdent(onlyKey)})`] : []),
    ...computed.map(
      ({ name, type, value }) => `add column ${quoteIdent(name)} ${type} generated always as (${value}) stored`,
    ),
  ]
  return [
    `create table ${table}\nwith (${settings})\nas\nselect ${columns.join(', ')} from (\n${empty}\n) as one`,
    `alter table ${table} ${altered.join(', ')}`,
    `comment on table ${table} is ${quoteLiteral(`Rollup ${viewOf(shape.rollup)} by key alone, of all time and in windows, as far as it is merged.`)}`,
    `create unique index on ${table} (${only ? quoteIdent(onlyKey) : keys.join(', ')})${only ? '' : ' nulls not distinct'}`,
    // With the key behind it, the first twenty are the first twenty of the index, ties included.
    ...index.map(
      ({ column, descending }) =>
        `create index on ${table} (${[`(${valueOf(shape, column)}) ${descending ? 'desc nulls last' : 'asc'}`, ...keys].join(', ')})`,
    ),
  ]
}

/** A column of the view over those of the table. */
function valueOf(shape: Shape, name: string): string {
  const { outputs, computed } = totalsIn(shape)
  if (computed.some((one) => one.name === name)) return quoteIdent(name)
  return outputs.find((one) => one.name === name)?.value ?? quoteIdent(name)
}

/** The columns of the view beside its keys: all but what is still to be filled. */
export function shownInTotals({ totals, filling = [] }: Shape): readonly string[] {
  if (totals === undefined) return []
  const hidden = new Set(filling.flatMap((name) => [name, ...totals.windows.map((window) => `${name}_${window.name}`)]))
  // Which measures a computed column is made of, its expression over states does not tell.
  const computed = filling.length === 0 ? totals.computed : []
  return [...totals.outputs, ...computed].flatMap(({ name }) => (hidden.has(name) ? [] : [name]))
}

export function createTotalsView(shape: Shape): readonly string[] {
  const shown = shownInTotals(shape)
  const { outputs, computed } = totalsIn(shape)
  const columns = [
    ...totalsKeys(shape),
    ...outputs.filter(({ name }) => shown.includes(name)).map(({ name, value }) => `${value} as ${quoteIdent(name)}`),
    ...computed.filter(({ name }) => shown.includes(name)).map(({ name }) => quoteIdent(name)),
  ]
  const view = totalsViewOf(shape.rollup)
  return [
    `create view ${view} as\nselect ${columns.join(', ')}\nfrom ${totalsOf(shape.rollup)}`,
    `comment on view ${view} is ${quoteLiteral(`Rollup ${viewOf(shape.rollup)} by key alone, of all time and in windows of whole buckets: a merge behind at most.`)}`,
  ]
}
