// What the numbers of values are kept in, and how a view reads them.
//
// A row of the view has to find what is pending of its key. It does not look into the delta for that, which has no index and
// would be read once for each row: what is pending of a key is put into an array, as rows of the delta, where the rollup is
// grouped by key anyway.

import { quoteIdent, quoteLiteral, quoteQualified } from '../../sql/quote.ts'
import { membersDeltaOf, membersOf, membersViewOf, partsOf, viewOf } from '../model/names.ts'
import type { Rollup } from '../model/options.ts'
import { bucketColumn, isBucket, type Shape } from '../model/shape.ts'
import { keysInIndex, keysOf } from '../model/statements.ts'
import { countValues, memberColumns, valuesIn } from '../model/values-statements.ts'
import { resultsOf, type ValuesMeasure } from '../model/values.ts'

interface Settings {
  readonly delta: string
  readonly merged: string
}

export function createValues(shape: Shape, values: readonly ValuesMeasure[], settings: Settings): readonly string[] {
  const { rollup } = shape
  return values.flatMap((measure) => {
    const { name } = measure
    const [members, delta] = [membersOf(rollup, name), membersDeltaOf(rollup, name)]
    const from = quoteQualified(rollup.schema, rollup.table)
    const empty = `${countValues(shape, measure, { from, sign: 1 })}\nlimit 0`
    const of = `of measure ${quoteIdent(name)} of rollup ${viewOf(rollup)}`
    const notNull = 'alter column value set not null, alter column n set not null'
    return [
      `create table ${delta}\nwith (${settings.delta})\nas\n${empty}`,
      `alter table ${delta} ${notNull}`,
      `comment on table ${delta} is ${quoteLiteral(`What changed of the values ${of} and is not merged yet. Appended to, never updated.`)}`,
      `create table ${members}\nwith (${settings.merged})\nas\n${empty}`,
      `alter table ${members} ${notNull}`,
      `comment on table ${members} is ${quoteLiteral(`How many rows have each value ${of}, as far as it is merged.`)}`,
      `create unique index on ${members} (${[...keysInIndex(shape), 'value'].join(', ')}) nulls not distinct`,
      ...(rollup.bucket === undefined || shape.keys.length === 1
        ? []
        : [`create index on ${members} (${quoteIdent(bucketColumn)})`]),
    ]
  })
}

export function createValuesViews(shape: Shape): readonly string[] {
  const { rollup } = shape
  const columns = memberColumns(shape).join(', ')
  return valuesIn(shape).flatMap(({ name }) => [
    `create view ${membersViewOf(rollup, name)} as
select ${columns} from ${membersOf(rollup, name)}
union all
select ${columns} from ${membersDeltaOf(rollup, name)}`,
    `comment on view ${membersViewOf(rollup, name)} is ${quoteLiteral(`How many rows have each value of measure ${quoteIdent(name)}, exact, not regrouped: add \`n\` up by key and value, and leave out what comes to 0.`)}`,
  ])
}

export function dropValues(rollup: Rollup, values: readonly Pick<ValuesMeasure, 'name'>[]): readonly string[] {
  return values.flatMap(({ name }) => [
    `drop view if exists ${membersViewOf(rollup, name)}`,
    `drop table if exists ${membersOf(rollup, name)}`,
    `drop table if exists ${membersDeltaOf(rollup, name)}`,
  ])
}

/** What stands in place of the parts, where there are pending values to be told with them: in a column called as the measure. */
export function partsWithPending(shape: Shape, values: readonly ValuesMeasure[], columns: readonly string[]): string {
  const from = partsOf(shape.rollup)
  if (values.length === 0) return from
  const delta = (name: string): string => membersDeltaOf(shape.rollup, name)
  const rows = [...columns, ...values.map(({ name }) => `null::${delta(name)} as ${quoteIdent(name)}`)]
  const pending = values.map((measure) => {
    const keys = new Set(keysOf(shape))
    const others = columns.map((column) => (keys.has(column) ? `d.${column}` : 'null'))
    const arrays = values.map(({ name }) => (name === measure.name ? 'd' : 'null'))
    return `select ${[...others, ...arrays].join(', ')} from ${delta(measure.name)} as d`
  })
  return `(\n${[`select ${rows.join(', ')} from ${from}`, ...pending].join('\nunion all\n')}\n) as parts`
}

/** Over those, by key; none is null as a whole, for `n` never is. */
export function pendingOf(values: readonly ValuesMeasure[]): readonly string[] {
  return values.map(({ name }) => {
    const column = quoteIdent(name)
    return `pg_catalog.array_agg(${column}) filter (where not (${column} is null)) as ${column}`
  })
}

/** Of one key: `summed` is its row, with the array of what is pending in the column of the measure. */
export function readValues(shape: Shape, measure: ValuesMeasure): string {
  const matches = shape.keys.map(({ name, notNull }) => {
    const [kept, key] = [`m.${quoteIdent(name)}`, `summed.${quoteIdent(name)}`]
    const equal = `${kept} ${shape.equals?.[name] ?? '='} ${key}`
    return notNull === true || isBucket(shape, name) ? equal : `(${equal} or (${kept} is null and ${key} is null))`
  })
  const members = `select value, pg_catalog.sum(n)::bigint as n
from (
  select m.value, m.n
  from ${membersOf(shape.rollup, measure.name)} as m${matches.length === 0 ? '' : `\n  where ${matches.join('\n    and ')}`}
  union all
  select p.value, p.n
  from pg_catalog.unnest(summed.${quoteIdent(measure.name)}) as p
) as both_parts
group by value
having pg_catalog.sum(n) > 0`
  return `(\n${resultsOf(measure, { members, groups: [] })}\n)`
}
