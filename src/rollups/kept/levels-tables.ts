// What levels are kept in, and the views they are read through: exact to the last commit, for they take in what is pending.

import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { levelsIn, partsOfLevel } from './levels.ts'
import { deltaOf, levelOf, levelViewOf, mergedOf, pendingViewOf, viewOf } from '../model/names.ts'
import { bucketColumn, rowCount, type Level, type Output, type Shape } from '../model/shape.ts'
import { additiveColumnsOf, keysInIndex, keysOf, sumOfState } from '../model/statements.ts'

/** `settings`: of the merged table. The columns are its own, so that types, domains and collations are. */
export function createLevel(shape: Shape, { unit }: Level, settings: string): readonly string[] {
  const table = levelOf(shape.rollup, unit)
  const notNull = shape.states.map(({ name }) => `alter column ${quoteIdent(name)} set not null`).join(', ')
  return [
    `create table ${table}\nwith (${settings})\nas\nselect ${additiveColumnsOf(shape).join(', ')} from ${mergedOf(shape.rollup)}\nlimit 0`,
    `alter table ${table} ${notNull}`,
    `comment on table ${table} is ${quoteLiteral(`Rollup ${viewOf(shape.rollup)} by ${unit}, as far as it is merged.`)}`,
    `create unique index on ${table} (${keysInIndex(shape).join(', ')}) nulls not distinct`,
    ...(shape.keys.length === 1 ? [] : [`create index on ${table} (${quoteIdent(bucketColumn)})`]),
  ]
}

/** `outputs`: what readers see of the rollup. */
export function createLevelViews(shape: Shape, outputs: readonly Output[]): readonly string[] {
  const keys = keysOf(shape)
  const read = additiveOutputs(shape, outputs).map(({ name, value }) => `${value} as ${quoteIdent(name)}`)
  const views = levelsIn(shape).flatMap((level) => {
    const view = levelViewOf(shape.rollup, level.unit)
    return [
      `create view ${view} as
select ${[...keys, ...read].join(', ')}
from (
  select ${[...keys, ...shape.states.map(sumOfState)].join(', ')}
  from (
${partsOfLevel(shape, level)}
  ) as part
  group by ${keys.join(', ')}
  having pg_catalog.sum(${quoteIdent(rowCount)}) > 0
) as summed`,
      `comment on view ${view} is ${quoteLiteral(`Rollup ${viewOf(shape.rollup)} by ${level.unit}: exact to the last commit.`)}`,
    ]
  })
  return views.length === 0 ? [] : [...views, ...createPendingView(shape)]
}

/** To those who read levels by a function, with rights of their own, and may not read the delta. */
export function createPendingView(shape: Shape): readonly string[] {
  const view = pendingViewOf(shape.rollup)
  return [
    `create view ${view} as\nselect ${additiveColumnsOf(shape).join(', ')}\nfrom ${deltaOf(shape.rollup)}`,
    `comment on view ${view} is ${quoteLiteral(`What changed of rollup ${viewOf(shape.rollup)} and is not merged yet: add the states up by the key.`)}`,
  ]
}

/** Those that states alone give: neither extremes nor measures of values. */
function additiveOutputs({ extremes = [], values = [] }: Shape, outputs: readonly Output[]): readonly Output[] {
  const others = new Set([...extremes, ...values].map(({ name }) => name))
  return outputs.filter(({ name }) => !others.has(name))
}
